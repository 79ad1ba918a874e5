"""Labelled comments as they come from files."""

from __future__ import annotations

import codecs
import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast, get_args

import msgspec

from services.classifier.text import clean
from services.classifier.training.taxonomy import our_topic
from shared.events import Tag
from shared.topics import TOPIC_IDS

CORPUS = Path(__file__).parents[1] / "corpus"
TAGS: tuple[Tag, ...] = get_args(Tag)
_YES, _NO = frozenset({"1", "true", "True"}), frozenset({"0", "false", "False"})
MAX_FIELD = 1024 * 1024
"""Characters of one field of a CSV file."""

UNTAGGED_ROWS = 5_000
"""Of one file without tags: enough to learn what is no spam, and the rest can measure it."""

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


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One comment and what is known about it; None where its file does not say."""

    text: str
    tag: Tag | None = None
    topic: str | None = None
    toxic: bool | None = None
    urgent: bool | None = None
    personal_data: bool | None = None
    """Never learned; it measures the patterns."""
    streamlike: bool = False
    """Read from a file that says the tag of real comments: what thresholds are set on."""
    no_spam: bool = False
    """Known to be no spam; the tag is not known."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """One file and what came of it."""

    name: str
    sha256: str
    rows: tuple[Row, ...]


def read_source(path: Path, *, streamlike: bool) -> Source:
    """The labelled comments of a CSV (with a header) or JSONL file; what is absent or an empty cell stays unknown.

    Raises TrainingError for a missing file, a file without `text` or any label, and for an unknown label.
    """
    digest, records = read_records(path)
    rows = tuple(_row(f"{path}, line {line}", record, streamlike) for line, record in records)
    return Source(name=path.name, sha256=digest, rows=rows)


def read_untagged(path: Path, taxonomy: str | None = None) -> tuple[Source, list[Row]]:
    """The texts of a file with comments of which none is spam: at most UNTAGGED_ROWS to learn from, and all others.

    `toxic` and `urgent` are read where they stand, and `topic` (with `category`) in the words of `taxonomy`. Which rows
    are learned from is decided by their texts alone. Raises TrainingError.
    """
    digest, records = read_records(path)
    rows: dict[str, Row] = {}
    for line, record in records:
        where = f"{path}, line {line}"
        text = record.get("text")
        if not isinstance(text, str):
            raise TrainingError(f"{where}: no text")
        topic = None
        if taxonomy is not None and isinstance(record.get("topic"), str):
            topic = our_topic(taxonomy, record["topic"], record.get("category"))
        row = Row(
            text=unmasked(text),
            topic=topic,
            toxic=_flag(where, "toxic", record),
            urgent=_flag(where, "urgent", record),
            no_spam=True,
        )
        rows.setdefault(hashlib.sha256(row.text.encode("utf-8", "surrogatepass")).hexdigest(), row)
    ordered = [rows[key] for key in sorted(rows)]
    source = Source(name=path.name, sha256=digest, rows=tuple(ordered[:UNTAGGED_ROWS]))
    return source, ordered[UNTAGGED_ROWS:]


def read_records(path: Path) -> tuple[str, list[tuple[int, dict[str, Any]]]]:
    """The sha256 of a CSV or JSONL file, and its records, each with the line where it begins; raises TrainingError."""
    try:
        content = path.read_bytes()
        records = list(_csv(path) if path.suffix.lower() == ".csv" else _jsonl(path, content))
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise TrainingError(f"{path}: {error}") from error
    return hashlib.sha256(content).hexdigest(), records


def unmasked(text: str) -> str:
    """With an invented value for each mask: it is read like a real one."""
    return _MASK.sub(lambda mask: _MASKS[mask[1].lower()], text)


def read_corpus(folder: Path = CORPUS) -> list[Source]:
    """The project's own comments, file by file in the order of their names."""
    paths = sorted(folder.glob("*.jsonl"))
    if not paths:
        raise TrainingError(f"{folder}: no *.jsonl in it")
    return [read_source(path, streamlike=False) for path in paths]


def distinct(rows: Iterable[Row]) -> list[Row]:
    """Without rows whose cleaned text was there already with the same labels known: a copy must not count twice."""
    seen: set[tuple[object, ...]] = set()
    kept = []
    for row in rows:
        known = tuple(getattr(row, name) is not None for name in ("tag", "topic", "toxic", "urgent"))
        key = (clean(row.text), known)
        if key not in seen:
            seen.add(key)
            kept.append(row)
    return kept


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(MAX_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file)
        header = next(reader, [])
        line = reader.line_num + 1
        for fields in reader:
            if fields and len(fields) != len(header):
                raise TrainingError(f"{path}, line {line}: {len(fields)} fields where the header has {len(header)}")
            if fields:
                cells = zip(header, fields, strict=True)
                yield line, {name: cell for name, cell in cells if cell or name == "text"}
            line = reader.line_num + 1


def _jsonl(path: Path, content: bytes) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, raw in enumerate(content.removeprefix(codecs.BOM_UTF8).splitlines(), start=1):
        if raw.strip():
            try:
                yield line, msgspec.json.decode(raw, type=dict[str, Any])
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise TrainingError(f"{path}, line {line}: not a JSON object: {error}") from error


def _row(where: str, record: Mapping[str, Any], streamlike: bool) -> Row:
    text, tag, topic = record.get("text"), record.get("tag"), record.get("topic")
    if not isinstance(text, str):
        raise TrainingError(f"{where}: no text")
    if tag is not None and tag not in TAGS:
        raise TrainingError(f"{where}: tag {tag!r} is none of {', '.join(TAGS)}")
    if topic is not None and topic not in TOPIC_IDS:
        raise TrainingError(f"{where}: topic {topic!r} is not in shared/topics.py")
    toxic, urgent = _flag(where, "toxic", record), _flag(where, "urgent", record)
    if tag is None and topic is None and toxic is None and urgent is None:
        raise TrainingError(f"{where}: none of the labels tag, topic, toxic, urgent")
    return Row(
        text=unmasked(text),
        tag=cast("Tag | None", tag),
        topic=topic,
        toxic=toxic,
        urgent=urgent,
        personal_data=_flag(where, "personal_data", record),
        streamlike=streamlike and tag is not None,
    )


def _flag(where: str, name: str, record: Mapping[str, Any]) -> bool | None:
    value = record.get(name)
    if value is None:
        return None
    if str(value) in _YES | _NO:
        return str(value) in _YES
    raise TrainingError(f"{where}: {name} is {value!r}, expected true, false, 1 or 0")
