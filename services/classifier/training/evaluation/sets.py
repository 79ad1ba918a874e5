"""What is measured on: files of labelled comments, and files where nothing, or everything, is spam."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from services.classifier.training.frozen import set_name, trace
from services.classifier.training.records import (
    TrainingError,
    is_our_topic,
    read_flag,
    read_records,
    read_tag,
    read_text,
)
from services.classifier.training.rows import Row

Kind = Literal["labelled", "ham", "spam"]
"""What a file is given as: with labels of its own; with nothing in it that is spam; or for its spam alone."""

LABELS = ("tag", "spam", "topic", "toxic", "urgent", "personal_data")


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
    topics = [record["topic"] for _, record in records if record.get("topic") is not None]
    notes = []
    ours = not topics or any(map(is_our_topic, topics))
    if not ours and kind == "labelled":
        notes.append("its topics are not those of shared/topics.py: left out")
    rows, spam = [], []
    for line, record in records:
        where = f"{path}, line {line}"
        if kind == "labelled":
            row, is_spam = _labelled(where, record, ours)
        else:
            row, is_spam = Row(text=read_text(where, record)), kind == "spam" and _is_spam(where, record, columns)
        if kind != "spam" or is_spam:
            rows.append(row)
            spam.append(is_spam)
    return less(
        EvaluationSet(name=set_name(path), sha256=sha256, rows=tuple(rows), spam=tuple(spam), notes=tuple(notes)),
        without,
    )


def less(measured: EvaluationSet, without: Collection[str]) -> EvaluationSet:
    """The set less the rows whose `trace` is in `without`; raises TrainingError where nothing is left."""
    left = [index for index, row in enumerate(measured.rows) if trace(row) not in without]
    if not left:
        raise TrainingError(f"{measured.name}: no comment to measure on")
    notes = measured.notes
    if len(left) < len(measured.rows):
        out = len(measured.rows) - len(left)
        notes += (f"{out} comments left out that stand in what was to be left out",)
    return msgspec.structs.replace(
        measured,
        rows=tuple(measured.rows[index] for index in left),
        spam=tuple(measured.spam[index] for index in left),
        notes=notes,
    )


def own_set(name: str, rows: Sequence[Row]) -> EvaluationSet:
    """Rows that are there already."""
    spam = tuple(None if row.tag is None else row.tag == "spam" for row in rows)
    return EvaluationSet(name=name, sha256="", rows=tuple(rows), spam=spam)


def _check_columns(path: Path, columns: Sequence[str], kind: Kind) -> None:
    if kind == "labelled" and not set(LABELS) & set(columns):
        raise TrainingError(
            f"{path}: none of the columns {', '.join(LABELS)} to compare with; it has {', '.join(columns)}. "
            f"If nothing in it is spam, say --ham {path}; if all of it is, --spam {path}"
        )


def _is_spam(where: str, record: Mapping[str, Any], columns: Collection[str]) -> bool:
    """Of a file that was given for its spam: all of it where it does not tell, else what it says is spam."""
    if "tag" not in columns and "spam" not in columns:
        return True
    return bool(_spam(where, record))


def _spam(where: str, record: Mapping[str, Any]) -> bool | None:
    tag = read_tag(where, record)
    return read_flag(where, "spam", record) if tag is None else tag == "spam"


def _labelled(where: str, record: Mapping[str, Any], ours: bool) -> tuple[Row, bool | None]:
    topic = record.get("topic") if ours else None
    if topic is not None and not is_our_topic(topic):
        raise TrainingError(f"{where}: topic {topic!r} is not in shared/topics.py, though others of this file are")
    row = Row(
        text=read_text(where, record),
        tag=read_tag(where, record),
        topic=topic,
        toxic=read_flag(where, "toxic", record),
        urgent=read_flag(where, "urgent", record),
        personal_data=read_flag(where, "personal_data", record),
    )
    return row, _spam(where, record)
