"""How far a group was read: the cursor of polls, and that of reading everything back. Pure.

Both are JSON of at most 4,096 bytes; one that cannot be read counts as none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from services.ingest.connectors.ok.topics import Topic

MAX_CURSOR = 4_096
MAX_GONE = 10
"""Deletions that one step of reading back tells; ids of 120 characters fit as often into its cursor."""

TopicId = Annotated[str, Meta(pattern=r"^[0-9]{1,20}$(?!\n)")]
T = TypeVar("T", bound="Round | Sweep")


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A topic, as it was when it was last read."""

    topic: TopicId
    comments: int
    """As the platform counted them."""
    newest: int
    """Time of the newest comment that was read, in seconds since 1970; 0 where none was read yet."""


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """One round of polls: topics listed, then those with something new read one after the other."""

    marks: tuple[Mark, ...] = ()
    todo: tuple[int, ...] = ()
    """Places among `marks` of the topics that are still to be read in this round."""
    denied: int = 0
    """Topics of this round that this token may not read."""
    read: int = 0

    def encode(self) -> bytes:
        """As a cursor. Topics that would not fit, the oldest, are left out."""
        whole = self
        while len(encoded := msgspec.json.encode(whole)) > MAX_CURSOR:
            marks = whole.marks[:-1]
            todo = tuple(place for place in whole.todo if place < len(marks))
            whole = msgspec.structs.replace(whole, marks=marks, todo=todo)
        return encoded

    def after(self, newest: int, *, denied: bool = False) -> Round:
        """The round once the first topic of `todo` is read; `newest` as in `Mark`."""
        place = self.todo[0]
        mark = self.marks[place]
        mark = Mark(topic=mark.topic, comments=mark.comments, newest=max(mark.newest, newest))
        marks = (*self.marks[:place], mark, *self.marks[place + 1 :])
        return Round(marks=marks, todo=self.todo[1:], denied=self.denied + denied, read=self.read + 1)


class Sweep(msgspec.Struct, frozen=True, kw_only=True):
    """Reading everything back: topics that are still to be read, and what the last step told."""

    todo: tuple[tuple[TopicId, int], ...] = ()
    """With the number of comments that the platform counts."""
    doubtful: tuple[TopicId, ...] = ()
    """Topics that comments were found under and that are not listed: too old, or deleted."""
    topic: str = ""
    gone: tuple[str, ...] = ()
    """Comments of `topic` whose deletion was told: it is durable once this cursor is."""
    all_gone: bool = False
    """All comments of `topic` were told as deleted, and it with them."""

    def encode(self) -> bytes:
        """As a cursor; what would not fit is left for the next time."""
        whole = self
        while len(encoded := msgspec.json.encode(whole)) > MAX_CURSOR:
            whole = msgspec.structs.replace(whole, todo=whole.todo[:-1], doubtful=())
        return encoded


def read_cursor(cursor: bytes | None, shape: type[T]) -> T | None:
    """The cursor of that shape; None where there is none."""
    if cursor is None:
        return None
    try:
        found = msgspec.json.decode(cursor, type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    if isinstance(found, Round) and not all(0 <= place < len(found.marks) for place in found.todo):
        return None
    return found


def begin_round(before: Round | None, listed: Sequence[Topic], now: int, fresh: int) -> Round:
    """What is to be read: topics that are new or whose number of comments changed, and the `fresh` newest in any case,
    because the numbers may lag. Without a round before, reading begins now and nothing is to be read."""
    known = {} if before is None else {mark.topic: mark for mark in before.marks}
    marks, todo = [], []
    for place, topic in enumerate(listed):
        mark = known.get(topic.id)
        marks.append(Mark(topic=topic.id, comments=topic.comments, newest=_newest(before, mark, now)))
        if before is not None and (mark is None or mark.comments != topic.comments or place < fresh):
            todo.append(place)
    return Round(marks=tuple(marks), todo=tuple(todo))


def _newest(before: Round | None, mark: Mark | None, now: int) -> int:
    if mark is not None:
        return mark.newest
    return now if before is None else 0
