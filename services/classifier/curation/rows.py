"""The lines of the corpus, each held against its format (services/classifier/corpus/README.md)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec

from shared.events import Tag
from shared.topics import OTHER, TOPIC_IDS

TAGS: tuple[Tag, ...] = get_args(Tag)
FLAGS = ("toxic", "urgent", "personal_data")
KEYS = ("id", "text", "tag", "topic", *FLAGS, "labelled_by")
_ID = re.compile(r"c[0-9]{4,}")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is not in order."""

    where: str
    """A file, or `file:line`."""
    what: str
    """What is wrong, and what would be right."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class CorpusRow(msgspec.Struct, frozen=True, kw_only=True):
    """One line that keeps to the format."""

    file: str
    line: int
    id: str
    text: str
    tag: str
    topic: str
    flags: frozenset[str]

    @property
    def where(self) -> str:
        """The row, as findings name it."""
        return f"{self.file}:{self.line}"


def read_rows(folder: Path) -> tuple[list[CorpusRow], list[Finding]]:
    """Every line of the folder's *.jsonl: rows that keep to the format, and what is wrong with the others.

    Raises OSError where a file cannot be read.
    """
    rows: list[CorpusRow] = []
    findings: list[Finding] = []
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        findings.append(Finding(where=str(folder), what="no *.jsonl in it"))
    for path in paths:
        for line, raw in enumerate(path.read_bytes().removesuffix(b"\n").split(b"\n"), start=1):
            where = f"{path.name}:{line}"
            record, wrong = _record(raw)
            findings += [Finding(where=where, what=what) for what in wrong]
            if record and not wrong:
                rows.append(_row(path.name, line, record))
    findings += _twice(rows)
    return rows, findings


def _record(raw: bytes) -> tuple[dict[str, Any] | None, list[str]]:
    if not raw.strip():
        return None, ["an empty line; remove it"]
    try:
        record = msgspec.json.decode(raw, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return None, [f"not one JSON object in UTF-8: {error}"]
    return record, list(_wrong(record))


def _wrong(record: dict[str, Any]) -> Iterator[str]:
    missing, further = [key for key in KEYS if key not in record], sorted(record.keys() - set(KEYS))
    if missing:
        yield f"no {', '.join(missing)}; a row has {', '.join(KEYS)}"
    if further:
        yield f"{', '.join(further)} does not belong here; a row has {', '.join(KEYS)} and nothing else"
    if "id" in record and not (isinstance(record["id"], str) and _ID.fullmatch(record["id"])):
        yield f"id is {record['id']!r}; it is written c and four figures or more, as c0001"
    if "text" in record and not (isinstance(record["text"], str) and record["text"].strip()):
        yield "text is empty or no string; write the comment"
    yield from _wrong_label(record, "tag", TAGS)
    yield from _wrong_label(record, "topic", sorted(TOPIC_IDS))
    if record.get("tag") == "spam" and record.get("topic") in TOPIC_IDS - {OTHER}:
        yield f"spam about {record['topic']}; the topic of spam is {OTHER}"
    for flag in FLAGS:
        if flag in record and not isinstance(record[flag], bool):
            yield f"{flag} is {record[flag]!r}; write true or false"
    if "labelled_by" in record and not (isinstance(record["labelled_by"], str) and record["labelled_by"].strip()):
        yield f"labelled_by is {record['labelled_by']!r}; say who labelled it"


def _wrong_label(record: dict[str, Any], key: str, known: Iterable[str]) -> Iterator[str]:
    if key in record and record[key] not in known:
        like = difflib.get_close_matches(str(record[key]), list(known), n=1)
        meant = f"; {like[0]!r} may be meant" if like else ""
        yield f"{key} is {record[key]!r}{meant}; known: {', '.join(known)}"


def _row(file: str, line: int, record: dict[str, Any]) -> CorpusRow:
    return CorpusRow(
        file=file,
        line=line,
        id=record["id"],
        text=record["text"],
        tag=record["tag"],
        topic=record["topic"],
        flags=frozenset(flag for flag in FLAGS if record[flag]),
    )


def _twice(rows: Iterable[CorpusRow]) -> Iterator[Finding]:
    first: dict[str, CorpusRow] = {}
    for row in rows:
        other = first.setdefault(row.id, row)
        if other is not row:
            yield Finding(where=row.where, what=f"id {row.id} is that of {other.where} already; take a free one")
