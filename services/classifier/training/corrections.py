"""Moderators' corrections from the stream LABELS, as rows to learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime
from typing import cast

import msgspec

from services.classifier.training.frozen import trace
from services.classifier.training.records import TAGS
from services.classifier.training.rows import Row, Source
from shared.bus import Bus, Unreadable, history
from shared.events import Label, Tag
from shared.topics import TOPIC_IDS

STREAM = "LABELS"
SUBJECTS = ("labels.tag", "labels.topic")
"""What a comment is; which institution answers is no matter of the classifier."""


class Corrections(msgspec.Struct, frozen=True, kw_only=True):
    """What was read: `labels` of them, and what came of it."""

    rows: tuple[Row, ...]
    """One for each version of a comment, the latest correction first."""
    labels: int
    replaced: int
    """Corrected again later."""
    unusable: int
    """Without text, of a tag or topic that is no more, or no label at all."""

    def source(self) -> Source:
        """As a file among others, for training and the card."""
        content = msgspec.json.encode(self.rows)
        return Source(name=STREAM, sha256=hashlib.sha256(content).hexdigest(), rows=self.rows)


class _Corrected:
    """One version of a comment."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.newest: dict[str, tuple[datetime, int, str]] = {}

    @property
    def moment(self) -> tuple[datetime, int]:
        return max((at, sequence) for at, sequence, _ in self.newest.values())

    def value(self, kind: str) -> str | None:
        label = self.newest.get(kind)
        return None if label is None else label[2]


async def read_corrections(bus: Bus) -> Corrections:
    """All of LABELS; of several labels of one kind for one version of a comment the newest wins.

    Raises Unavailable when the broker does not answer.
    """
    versions: dict[tuple[str, int], _Corrected] = {}
    labels = unusable = replaced = 0
    async with aclosing(history(bus, STREAM, SUBJECTS)) as messages:
        async for item in messages:
            labels += 1
            if isinstance(item, Unreadable) or not isinstance(item.event, Label) or not _usable(item.event):
                unusable += 1
                continue
            label = item.event
            version = versions.setdefault((label.comment, label.version), _Corrected(label.text))
            before = version.newest.get(label.kind)
            replaced += before is not None
            # Events may be stored in another order than people decided.
            if before is None or (label.at, item.sequence) > before[:2]:
                version.newest[label.kind] = (label.at, item.sequence, label.value)
    latest = sorted(versions.values(), key=lambda version: version.moment, reverse=True)
    rows = tuple(
        Row(
            text=version.text,
            tag=cast("Tag | None", version.value("tag")),
            topic=version.value("topic"),
            # Real comments under real pages: thresholds are set on such.
            streamlike=version.value("tag") is not None,
        )
        for version in latest
    )
    return Corrections(rows=rows, labels=labels, replaced=replaced, unusable=unusable)


def overruled(source: Source, by: Sequence[Row]) -> Source:
    """`source` without what the corrections `by` say otherwise of the same words: who looked at a comment is right.

    A tag also settles whether it is spam, and spam has no topic. A row of which nothing else is known is left out.
    """
    known: dict[str, set[str]] = {}
    for row in by:
        said = {name for name in ("tag", "topic") if getattr(row, name) is not None}
        if row.tag is not None:
            said.add("no_spam")
        if row.tag == "spam":
            said.add("topic")
        known.setdefault(_words(row), set()).update(said)
    rows = []
    for row in source.rows:
        left = msgspec.structs.replace(row, **{name: _UNKNOWN[name] for name in known.get(_words(row), ())})
        if left.no_spam or any(getattr(left, name) is not None for name in ("tag", "topic", "toxic", "urgent")):
            rows.append(left)
    return msgspec.structs.replace(source, rows=tuple(rows))


_UNKNOWN = {"tag": None, "topic": None, "no_spam": False}


def _words(row: Row) -> str:
    """What is the same in comments of the same words; one without any letter is like none but its equals."""
    return trace(row) or row.text


def _usable(label: Label) -> bool:
    if not label.text.strip():
        return False
    return label.value in (TAGS if label.kind == "tag" else TOPIC_IDS)
