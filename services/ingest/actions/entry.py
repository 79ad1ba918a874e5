"""What the journal knows of one action."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from hashlib import blake2b
from typing import Literal, cast

import msgspec

from services.ingest.connectors.vk.text import plain
from shared.events import Action, ActionKind, Outcome, OutcomeKind, Platform
from shared.events.base import Id

State = Literal["waiting", "begun", "done", "failed", "needs_person"]
SETTLED: frozenset[str] = frozenset({"done", "failed", "needs_person"})
"""An entry in one of these never changes again."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One action. `begun` means: a call may have reached the platform, and nobody knows yet what came of it; `waiting`:
    it was tried, surely nothing was done, and it may be tried again."""

    action: str
    platform: Platform
    page: str
    kind: ActionKind
    comment: str
    text_digest: bytes | None = None
    """Of a reply: `text_digest` of its words, by which its echo is recognised."""
    state: State
    key: str
    """Names the action to the platform, at every attempt the same."""
    attempts: int = 0
    recorded_at: datetime
    begun_at: datetime | None = None
    """Of the latest attempt; None where there was none."""
    free_at: datetime | None = None
    """Begun: until then somebody is at it, afterwards it is to be looked for. Waiting: not to be tried before."""
    settled_at: datetime | None = None
    made: Id | None = None
    """The comment that a reply became."""
    detail: str = ""
    link: str | None = None

    @property
    def settled(self) -> bool:
        """Whether it has its outcome."""
        return self.state in SETTLED


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """All that the database says of an action, at one moment."""

    entry: Entry | None = None
    cancelled: bool = False
    begun_today: int = 0
    """Other actions begun on the page within the last 24 hours."""


def new_entry(action: Action, *, state: State, now: datetime) -> Entry:
    """The action's first entry."""
    return Entry(
        action=action.id,
        platform=action.platform,
        page=action.page,
        kind=action.kind,
        comment=action.comment,
        text_digest=text_digest(action.text) if action.kind == "reply" and action.text else None,
        state=state,
        key=action.id.replace("-", ""),
        recorded_at=now,
    )


def outcome_of(entry: Entry, trace: str) -> Outcome:
    """What is told of a settled entry, word for word the same each time; raises ValueError for another one."""
    if not entry.settled or entry.settled_at is None:
        raise ValueError(f"action {entry.action} is {entry.state}, not settled")
    return Outcome(
        trace=trace,
        action=entry.action,
        kind=entry.kind,
        result=cast(OutcomeKind, entry.state),
        platform=entry.platform,
        page=entry.page,
        comment=entry.comment,
        at=entry.settled_at,
        detail=entry.detail,
        link=entry.link,
    )


def text_digest(text: str) -> bytes:
    """16 bytes over the words: the same however a platform changed white space, composed letters and, as VK does,
    mentions; whether they are those that were sent or those that came back."""
    words = plain(unicodedata.normalize("NFC", text))
    return blake2b(words.encode("utf-8", "replace"), digest_size=16).digest()
