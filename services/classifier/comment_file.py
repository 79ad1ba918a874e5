"""Comments as they come in a file: CSV with a header, or one JSON object a line."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

MAX_FIELD = 1024 * 1024
"""Characters of one field of a CSV file."""
DELIMITERS = (",", ";", "\t")
"""In this order; spreadsheets in a Russian locale write the second."""
IDS = ("id", "comment_id")
JSON_SUFFIXES = (".jsonl", ".ndjson")


class CommentFileError(Exception):
    """The file cannot be read as comments; the message names it, the line where there is one, and the remedy."""


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """One comment of a file."""

    line: int
    """Where it begins, from 1."""
    text: str
    id: str | None = None
    """What the file calls it, in a field `id` or `comment_id`."""


def read_comments(path: Path, *, column: str = "text") -> list[Comment]:
    """In the file's order; `column` holds the text. Raises CommentFileError."""
    if path.suffix.lower() not in (".csv", *JSON_SUFFIXES):
        raise CommentFileError(f"{path}: its name must end in .csv, .jsonl or .ndjson, which tells how to read it")
    try:
        content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
        records = _csv(path, content, column) if path.suffix.lower() == ".csv" else _jsonl(path, content)
        return [_comment(path, line, record, column) for line, record in records]
    except OSError as error:
        raise CommentFileError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise CommentFileError(f"{path}: not in UTF-8; save it as “CSV UTF-8” in the spreadsheet") from error
    except csv.Error as error:
        raise CommentFileError(f"{path}: not a CSV file: {error}") from error


def _csv(path: Path, content: bytes, column: str) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(MAX_FIELD)
    lines = io.StringIO(content.decode(), newline="")
    first = lines.readline()
    delimiter = next((mark for mark in DELIMITERS if column in next(csv.reader([first], delimiter=mark), [])), None)
    if delimiter is None:
        names = ", ".join(next(csv.reader([first]), [])) or "nothing"
        raise CommentFileError(f"{path}: no column `{column}`; it has {names} (--column names another)")
    lines.seek(0)
    reader = csv.reader(lines, delimiter=delimiter)
    header = next(reader)
    line = reader.line_num + 1
    for fields in reader:
        if fields:
            yield line, dict(zip(header, fields, strict=False))
        line = reader.line_num + 1


def _jsonl(path: Path, content: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, raw in enumerate(content.split(b"\n"), start=1):
        if raw.strip():
            try:
                yield line, msgspec.json.decode(raw, type=dict[str, Any])
            except (msgspec.DecodeError, RecursionError) as error:
                raise CommentFileError(f"{path}, line {line}: not a JSON object: {error}") from error


def _comment(path: Path, line: int, record: dict[str, Any], column: str) -> Comment:
    text = record.get(column)
    if not isinstance(text, str):
        raise CommentFileError(f"{path}, line {line}: no text in `{column}` (--column names another)")
    named = next((record[name] for name in IDS if record.get(name) not in (None, "")), None)
    return Comment(line=line, text=text, id=None if named is None else str(named))
