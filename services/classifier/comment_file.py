"""Comments as they come in a file or on standard input: CSV with a header, or one JSON object a line."""

from __future__ import annotations

import codecs
import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import msgspec

from services.classifier.refusal import Refusal
from shared.csv_rows import SPREADSHEET, SPREADSHEETS, UNCLOSED, CsvError, CsvRow, csv_rows

MAX_FIELD = 1024 * 1024
"""Characters of one field of a CSV file, sixteen times the longest comment; judging one takes some 70 bytes for each.
The bound of the csv module itself, 131,072, is below what a comment with its quotes may take."""
DELIMITERS = (",", ";", "\t")
"""In this order; spreadsheets in a Russian locale write the second."""
IDS = ("id", "comment_id")
JSON_SUFFIXES = (".jsonl", ".ndjson")
STDIN = Path("-")


class CommentFileError(Refusal):
    """The file cannot be read as comments; the message names it, the line where there is one, and the remedy."""

    messages: ClassVar[Mapping[str, str]] = {
        "unreadable": "{file}: cannot be read ({reason})",
        "empty": "{file}: the file is empty",
        "no_comments": "{file}: no comments in it",
        "spreadsheet": "{file}: " + SPREADSHEET,
        "encoding": "{file}, line {line}: not in UTF-8; save it as “CSV UTF-8” in the spreadsheet",
        "csv": "{file}, line {line}: not CSV: {reason}",
        "unclosed": "{file}, line {line}: " + UNCLOSED,
        "json": "{file}, line {line}: not a JSON object: {reason}",
        "no_column": "{file}: no column `{column}`; it has {names} (--column names another)",
        "no_text": "{file}, line {line}: no text in `{column}` (--column names another)",
    }


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """One comment of a file."""

    line: int
    """Where it begins, from 1."""
    text: str
    id: str | None = None
    """What the file calls it, in a field `id` or `comment_id`."""


@contextmanager
def open_comments(path: Path, *, column: str = "text") -> Iterator[Iterator[Comment]]:
    """In the file's order, each read when it is asked for, so that a file may be of any length; there is at least one.

    `column` holds the text. `-` is standard input. What does not end in .csv, .jsonl or .ndjson tells by its first
    sign what it is. Raises CommentFileError: on entering for a file that is none at all, later for a line.
    """
    file = "standard input" if path == STDIN else str(path)
    with _opened(path, file) as binary:
        comments = _comments(file, path.suffix.lower(), binary, column)
        first = next(comments, None)
        if first is None:
            raise CommentFileError("no_comments", file=file)
        yield chain((first,), comments)


def read_comments(path: Path, *, column: str = "text") -> list[Comment]:
    """All of them at once, as `open_comments`."""
    with open_comments(path, column=column) as comments:
        return list(comments)


@contextmanager
def _opened(path: Path, file: str) -> Iterator[BinaryIO]:
    if path == STDIN:
        yield sys.stdin.buffer
        return
    try:
        binary = path.open("rb")
    except OSError as error:
        raise CommentFileError("unreadable", file=file, reason=error.strerror, errno=error.errno) from error
    with binary:
        yield binary


def _comments(file: str, suffix: str, binary: BinaryIO, column: str) -> Iterator[Comment]:
    try:
        lines = enumerate(binary, start=1)
        number, first = next(((number, raw) for number, raw in _unmarked(lines) if raw.strip()), (0, b""))
        if not first:
            raise CommentFileError("empty", file=file)
        if first.startswith(SPREADSHEETS):
            raise CommentFileError("spreadsheet", file=file)
        json = suffix in JSON_SUFFIXES or (suffix != ".csv" and first.lstrip().startswith(b"{"))
        records = _jsonl(file, chain(((number, first),), lines)) if json else _csv(file, number, first, lines, column)
        for line, record in records:
            yield _comment(file, line, record, column)
    except OSError as error:
        raise CommentFileError("unreadable", file=file, reason=error.strerror, errno=error.errno) from error
    except CsvError as error:
        raise CommentFileError("csv", file=file, line=error.line, reason=error.reason) from error


def _unmarked(lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    for number, raw in lines:
        yield number, raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw


def _csv(
    file: str, number: int, header: bytes, lines: Iterator[tuple[int, bytes]], column: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    decoded = _decoded(file, chain(((number, header),), lines))
    first = next(decoded)
    delimiter = next((mark for mark in DELIMITERS if column in _names(number, first, mark)), None)
    if delimiter is None:
        names = ", ".join(_names(number, first, DELIMITERS[0]))
        raise CommentFileError("no_column", file=file, column=column, names=names)
    rows = csv_rows(chain((first,), decoded), delimiter=delimiter, max_field=MAX_FIELD, first=number)
    columns = _whole(file, next(rows))
    for row in rows:
        if row.fields:
            yield row.line, dict(zip(columns, _whole(file, row), strict=False))


def _names(number: int, header: str, delimiter: str) -> list[str]:
    return next(csv_rows([header], delimiter=delimiter, max_field=MAX_FIELD, first=number)).fields


def _whole(file: str, row: CsvRow) -> list[str]:
    if row.unclosed:
        raise CommentFileError("unclosed", file=file, line=row.line, last=row.last)
    return row.fields


def _decoded(file: str, lines: Iterator[tuple[int, bytes]]) -> Iterator[str]:
    for number, raw in lines:
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise CommentFileError("encoding", file=file, line=number) from error
        # Old spreadsheets end lines with a carriage return alone.
        yield from io.StringIO(text, newline="")


def _jsonl(file: str, lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, raw in lines:
        if raw.strip():
            try:
                yield line, msgspec.json.decode(raw, type=dict[str, Any])
            except UnicodeDecodeError as error:
                raise CommentFileError("encoding", file=file, line=line) from error
            except (msgspec.DecodeError, RecursionError) as error:
                raise CommentFileError("json", file=file, line=line, reason=error) from error


def _comment(file: str, line: int, record: dict[str, Any], column: str) -> Comment:
    text = record.get(column)
    if not isinstance(text, str):
        raise CommentFileError("no_text", file=file, line=line, column=column)
    named = next((record[name] for name in IDS if record.get(name) not in (None, "")), None)
    return Comment(line=line, text=text, id=None if named is None else str(named))
