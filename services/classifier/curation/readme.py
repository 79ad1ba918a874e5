"""The corpus's README says what the corpus holds: written by `counts --write`, held against the rows by `check`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from services.classifier.curation.balance import table
from services.classifier.curation.rows import CorpusRow, Finding

BEGIN = "<!-- counts: written by `python -m services.classifier corpus counts --write` -->"
END = "<!-- end of counts -->"
_BETWEEN = re.compile(rf"{re.escape(BEGIN)}\n(.*?)\n?{re.escape(END)}", re.DOTALL)
WRITE = "`corpus counts --write` writes it anew"


class ReadmeError(Exception):
    """The README has no place for the counts."""


def out_of_date(folder: Path, rows: list[CorpusRow]) -> Iterator[Finding]:
    """What README.md says otherwise than the rows, or does not say."""
    path = folder / "README.md"
    if not path.is_file():
        yield Finding(where=path.name, what="missing; a corpus says what it holds and after which rules")
        return
    text = path.read_text(encoding="utf-8")
    written = _BETWEEN.search(text)
    if written is None:
        yield Finding(where=path.name, what=f"no lines “{BEGIN}” and “{END}”, between which the counts belong")
    elif written[1].strip() != table(rows):
        yield Finding(where=path.name, what=f"its counts are out of date; {WRITE}")
    told = _BETWEEN.sub("", text)
    for file in sorted({row.file for row in rows}):
        name = file.removesuffix(".jsonl")
        if f"`{name}`" not in told:
            yield Finding(where=path.name, what=f"does not say what is in `{name}`; add it to the list of files")


def write_counts(folder: Path, rows: list[CorpusRow]) -> bool:
    """Puts the counts between their marks; whether anything changed. Raises ReadmeError and OSError."""
    path = folder / "README.md"
    if not path.is_file():
        raise ReadmeError(f"{path}: missing")
    text = path.read_text(encoding="utf-8")
    if not _BETWEEN.search(text):
        raise ReadmeError(f"{path}: no lines “{BEGIN}” and “{END}”, between which the counts belong")
    block = f"{BEGIN}\n{table(rows)}\n{END}"
    changed = _BETWEEN.sub(lambda _: block, text)
    if changed != text:
        path.write_text(changed, encoding="utf-8")
    return changed != text
