"""Labelled comments as they come from files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from services.classifier.text import clean
from services.classifier.training.records import (
    TrainingError,
    is_our_topic,
    read_flag,
    read_records,
    read_tag,
    read_text,
)
from services.classifier.training.taxonomy import our_topic, taxonomy_of
from shared.events import Tag

CORPUS = Path(__file__).parents[1] / "corpus"

UNTAGGED_ROWS = 5_000
"""Of one file without tags: enough to learn what is no spam, and the rest can measure it."""


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
    are learned from is decided by their texts alone. Raises TrainingError and UnknownTaxonomyError.
    """
    if taxonomy is not None:
        taxonomy_of(taxonomy)  # a wrong name is said although the file should have no topics
    digest, records = read_records(path)
    rows: dict[str, Row] = {}
    for line, record in records:
        where = f"{path}, line {line}"
        text, topic = read_text(where, record), None
        if taxonomy is not None and isinstance(record.get("topic"), str):
            category = record.get("category")
            topic = our_topic(taxonomy, record["topic"], category if isinstance(category, str) else None)
        row = Row(
            text=text,
            topic=topic,
            toxic=read_flag(where, "toxic", record),
            urgent=read_flag(where, "urgent", record),
            no_spam=True,
        )
        rows.setdefault(hashlib.sha256(row.text.encode("utf-8", "surrogatepass")).hexdigest(), row)
    ordered = [rows[key] for key in sorted(rows)]
    source = Source(name=path.name, sha256=digest, rows=tuple(ordered[:UNTAGGED_ROWS]))
    return source, ordered[UNTAGGED_ROWS:]


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


def _row(where: str, record: Mapping[str, Any], streamlike: bool) -> Row:
    text, tag, topic = read_text(where, record), read_tag(where, record), record.get("topic")
    if topic is not None and not is_our_topic(topic):
        raise TrainingError(f"{where}: topic {topic!r} is not in shared/topics.py")
    toxic, urgent = read_flag(where, "toxic", record), read_flag(where, "urgent", record)
    if tag is None and topic is None and toxic is None and urgent is None:
        raise TrainingError(f"{where}: none of the labels tag, topic, toxic, urgent")
    return Row(
        text=text,
        tag=tag,
        topic=topic,
        toxic=toxic,
        urgent=urgent,
        personal_data=read_flag(where, "personal_data", record),
        streamlike=streamlike and tag is not None,
    )
