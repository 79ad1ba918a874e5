"""What is measured on: files of labelled comments, and files where nothing, or everything, is spam."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import msgspec

from services.classifier.training.frozen import trace
from services.classifier.training.rows import TAGS, Row, TrainingError, read_records, unmasked
from shared.events import Tag
from shared.topics import TOPIC_IDS

Kind = Literal["labelled", "ham", "spam"]
"""What a file is given as: with labels of its own; with nothing in it that is spam; or for its spam alone."""

LABELS = ("tag", "spam", "topic", "toxic", "urgent", "personal_data")
_YES, _NO = frozenset({"1", "true"}), frozenset({"0", "false"})


class EvaluationSet(msgspec.Struct, frozen=True, kw_only=True):
    """Comments of one file: `spam[i]` tells whether row i is spam, None where the file does not know."""

    name: str
    sha256: str
    rows: tuple[Row, ...]
    spam: tuple[bool | None, ...]
    notes: tuple[str, ...] = ()
    """What was left out, for whoever reads the figures."""

    @property
    def texts(self) -> list[str]:
        """In the file's order."""
        return [row.text for row in self.rows]


def read_set(path: Path, kind: Kind = "labelled", *, without: Collection[str] = ()) -> EvaluationSet:
    """The comments of a CSV or JSONL file with a column `text`, less those whose `trace` is in `without`.

    Raises TrainingError, which names file, line, what is wrong and what would be right.
    """
    sha256, records = read_records(path)
    columns = list(dict.fromkeys(name for _, record in records for name in record))
    _check_columns(path, columns, kind)
    topics = {record.get("topic") for _, record in records} - {None}
    notes = []
    ours = not topics or not topics.isdisjoint(TOPIC_IDS)
    if not ours and kind == "labelled":
        notes.append("its topics are not those of shared/topics.py: left out")
    rows, spam = [], []
    for line, record in records:
        row, is_spam = _read(f"{path}, line {line}", record, kind, ours)
        if kind != "spam" or is_spam:
            rows.append(row)
            spam.append(is_spam)
    left = [index for index, row in enumerate(rows) if trace(row) not in without]
    if len(left) < len(rows):
        notes.append(f"{len(rows) - len(left)} comments left out that stand in what was to be left out")
    if not left:
        raise TrainingError(f"{path}: no comment to measure on")
    return EvaluationSet(
        name=f"{path.resolve().parent.name}/{path.name}",
        sha256=sha256,
        rows=tuple(rows[index] for index in left),
        spam=tuple(spam[index] for index in left),
        notes=tuple(notes),
    )


def own_set(name: str, rows: Sequence[Row]) -> EvaluationSet:
    """Rows that are there already."""
    spam = tuple(None if row.tag is None else row.tag == "spam" for row in rows)
    return EvaluationSet(name=name, sha256="", rows=tuple(rows), spam=spam)


def _check_columns(path: Path, columns: Sequence[str], kind: Kind) -> None:
    found = ", ".join(columns) or "nothing"
    if "text" not in columns:
        raise TrainingError(f"{path}: no column `text`; it has {found}")
    if kind == "labelled" and not set(LABELS) & set(columns):
        raise TrainingError(
            f"{path}: none of the columns {', '.join(LABELS)} to compare with; it has {found}. "
            f"If nothing in it is spam, say --ham {path}; if all of it is, --spam {path}"
        )


def _read(where: str, record: Mapping[str, Any], kind: Kind, ours: bool) -> tuple[Row, bool | None]:
    text = record.get("text")
    if not isinstance(text, str):
        raise TrainingError(f"{where}: no text")
    text = unmasked(text)
    if kind == "ham":
        return Row(text=text), False
    tag, topic = record.get("tag"), record.get("topic")
    if tag is not None and tag not in TAGS:
        raise TrainingError(f"{where}: tag {tag!r} is none of {', '.join(TAGS)}")
    is_spam = _flag(where, "spam", record) if tag is None else tag == "spam"
    if kind == "spam":
        known = "tag" in record or "spam" in record
        return Row(text=text), bool(is_spam) if known else True
    if ours and topic is not None and topic not in TOPIC_IDS:
        raise TrainingError(f"{where}: topic {topic!r} is not in shared/topics.py, though others of this file are")
    row = Row(
        text=text,
        tag=cast("Tag | None", tag),
        topic=topic if ours else None,
        toxic=_flag(where, "toxic", record),
        urgent=_flag(where, "urgent", record),
        personal_data=_flag(where, "personal_data", record),
    )
    return row, is_spam


def _flag(where: str, name: str, record: Mapping[str, Any]) -> bool | None:
    value = record.get(name)
    if value is None:
        return None
    if str(value).lower() in _YES | _NO:
        return str(value).lower() in _YES
    raise TrainingError(f"{where}: {name} is {value!r}, expected 1 or 0, true or false")
