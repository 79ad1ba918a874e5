"""Records of a CSV or JSONL file, and what their fields say."""

from __future__ import annotations

import codecs
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast, get_args

import msgspec

from shared.csv_rows import SPREADSHEET, SPREADSHEETS, UNCLOSED, CsvError, csv_rows
from shared.events import Tag
from shared.topics import TOPIC_IDS

TAGS: tuple[Tag, ...] = get_args(Tag)
_YES, _NO = frozenset({"1", "true"}), frozenset({"0", "false"})
MAX_FIELD = 1024 * 1024
"""Characters of one field of a CSV file."""

# Published collections mask what the service sees unmasked; an invented value in its place is read like a real one.
_MASKS = {
    "phone": "+7 000 000-00-00",
    "email": "name@example.ru",
    "link": "https://example.ru",
    "url": "https://example.ru",
    "username": "@username",
    "currency": "₽",
}
_MASK = re.compile(rf"[\[<]({'|'.join(_MASKS)})[\]>]", re.IGNORECASE)


class TrainingError(Exception):
    """The rows cannot be used; the message names the file and line where a row begins, or what is missing."""


def read_records(path: Path) -> tuple[str, list[tuple[int, dict[str, Any]]]]:
    """The sha256 of a CSV or JSONL file, and its records, each with the line where it begins.

    Raises TrainingError, also for a file without any record, or where no record has a `text`.
    """
    try:
        content = path.read_bytes()
        if content.startswith(SPREADSHEETS):
            raise TrainingError(f"{path}: {SPREADSHEET}")
        records = list(_csv(path) if path.suffix.lower() == ".csv" else _jsonl(path, content))
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise TrainingError(f"{path}: {error}") from error
    except CsvError as error:
        raise TrainingError(f"{path}, {error}") from error
    if not content:
        raise TrainingError(f"{path}: the file is empty")
    if not records:
        raise TrainingError(f"{path}: no comments in it")
    _check_text(path, [name for _, record in records for name in record])
    return hashlib.sha256(content).hexdigest(), records


def read_text(where: str, record: Mapping[str, Any]) -> str:
    """The text, unmasked; raises TrainingError where there is none."""
    text = record.get("text")
    if not isinstance(text, str):
        raise TrainingError(f"{where}: no text")
    return unmasked(text)


def read_tag(where: str, record: Mapping[str, Any]) -> Tag | None:
    """None where it is not known; raises TrainingError."""
    tag = record.get("tag")
    if tag is not None and tag not in TAGS:
        raise TrainingError(f"{where}: tag {tag!r} is none of {', '.join(TAGS)}")
    return cast("Tag | None", tag)


def read_flag(where: str, name: str, record: Mapping[str, Any]) -> bool | None:
    """None where it is not known; raises TrainingError."""
    value = record.get(name)
    if value is None:
        return None
    if str(value).lower() in _YES | _NO:
        return str(value).lower() in _YES
    raise TrainingError(f"{where}: {name} is {value!r}, expected 1 or 0, true or false")


def is_our_topic(value: object) -> bool:
    """Whether a file's value is an id of shared/topics.py."""
    return isinstance(value, str) and value in TOPIC_IDS


def unmasked(text: str) -> str:
    """With an invented value for each mask: it is read like a real one."""
    return _MASK.sub(lambda mask: _MASKS[mask[1].lower()], text)


def _check_text(path: Path, columns: Iterable[str]) -> None:
    there = dict.fromkeys(columns)
    if "text" not in there:
        raise TrainingError(f"{path}: no column `text`; it has {', '.join(there) or 'nothing'}")


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        header: list[str] | None = None
        for row in csv_rows(file, max_field=MAX_FIELD):
            where, fields = f"{path}, line {row.line}", row.fields
            if row.unclosed:
                raise TrainingError(f"{where}: {UNCLOSED.format(last=row.last)}")
            if header is None:
                header = fields
                if header:
                    _check_text(path, header)
            elif fields and len(fields) != len(header):
                raise TrainingError(f"{where}: {len(fields)} fields where the header has {len(header)}")
            elif fields:
                cells = zip(header, fields, strict=True)
                yield row.line, {name: cell for name, cell in cells if cell or name == "text"}


def _jsonl(path: Path, content: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, raw in enumerate(content.removeprefix(codecs.BOM_UTF8).splitlines(), start=1):
        if raw.strip():
            try:
                yield line, msgspec.json.decode(raw, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise TrainingError(f"{path}, line {line}: not a JSON object: {error}") from error
