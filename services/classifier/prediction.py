"""`predict`: a CSV file judged line by line."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TextIO

import msgspec

from services.classifier.careful.embedding import Embedder
from services.classifier.careful.reading import read_carefully
from services.classifier.model import Model

AT_ONCE = 256
CAREFULLY_AT_ONCE = 16
"""Read carefully, a comment takes some 25 ms: results should not keep people waiting."""
MAX_FIELD = 1024 * 1024
"""Characters of one field, sixteen times the longest comment; judging one takes some 70 bytes for each. The bound
of the csv module itself, 131,072, is below what a comment with its quotes may take."""


class UnreadableFile(Exception):
    """The file is missing, is no CSV, or has no column `text`; the message says which."""


def predict_file(file: str, model: Model, *, embedder: Embedder | None = None, out: TextIO | None = None) -> None:
    """Writes one judgement for each row of `file`, as JSON, to `out` (standard output); raises UnreadableFile.

    With `embedder` all of them are read carefully, without a deadline. Progress goes to standard error where that is a
    terminal.
    """
    out = sys.stdout if out is None else out
    csv.field_size_limit(MAX_FIELD)
    progress = sys.stderr.isatty()
    done = 0
    with _opened(file) as binary:
        texts = _texts(file, binary)
        while batch := list(islice(texts, AT_ONCE if embedder is None else CAREFULLY_AT_ONCE)):
            for judgement in model.judge(batch) if embedder is None else read_carefully(model, embedder, batch):
                out.write(msgspec.json.encode(judgement).decode() + "\n")
            done += len(batch)
            if progress:
                print(f"\r{done} comments", end="", file=sys.stderr, flush=True)  # noqa: T201 - the operator's terminal
    if progress and done:
        print(file=sys.stderr)  # noqa: T201 - ends the line of progress


@contextlib.contextmanager
def _opened(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    try:
        binary = Path(file).open("rb")  # noqa: SIM115 - closed below; only opening it may fail in this way
    except OSError as error:
        raise UnreadableFile(f"{file}: cannot be read ({error.strerror})") from error
    with binary:
        yield binary


def _texts(file: str, binary: BinaryIO) -> Iterator[str]:
    name = "standard input" if file == "-" else file
    lines = io.TextIOWrapper(binary, encoding="utf-8-sig", newline="")
    try:
        reader = csv.DictReader(lines)
        if "text" not in (reader.fieldnames or ()):
            raise UnreadableFile(f"{name}: no column `text`; it has {', '.join(reader.fieldnames or ()) or 'nothing'}")
        for row in reader:
            yield row["text"] or ""
    except (UnicodeDecodeError, csv.Error) as error:
        raise UnreadableFile(f"{name}: not a CSV file in UTF-8: {error}") from error
    except OSError as error:
        raise UnreadableFile(f"{name}: cannot be read ({error.strerror})") from error
    finally:
        lines.detach()
