"""What routing tells the world: the history of each case, and what enters and leaves an institution's queue."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from shared.events.base import BaseEvent, Id, InstitutionId, Moment, Note, PageId, Text, UuidText

QueueNoticeKind = Literal["assigned", "changed", "withdrawn"]


class CaseEvent(BaseEvent, frozen=True, kw_only=True, tag="case.event"):
    """One entry of a case's append-only log. `number` rises with every committed event and never skips a late one."""

    id: UuidText
    number: Annotated[int, Meta(ge=1)]
    case: UuidText
    comment: Id
    institution: InstitutionId
    """The institution responsible after this event."""
    event: Annotated[str, Meta(pattern=r"^[a-z_]{1,40}$(?!\n)")]
    """The transition: routed, accepted, started, answered, closed, returned, transferred, voided, …"""
    state: Annotated[str, Meta(pattern=r"^[a-z_]{1,40}$(?!\n)")]
    """The case's state after this event."""
    at: Moment
    actor: Annotated[str, Meta(max_length=200)]
    """`system` or the id of the key that acted; never a person's name."""
    reason: Note = ""


class QueueNotice(BaseEvent, frozen=True, kw_only=True, tag="queue.notice"):
    """An institution's queue gained, changed or lost a case; enough for its own system to act without asking back."""

    id: UuidText
    kind: QueueNoticeKind
    case: UuidText
    institution: InstitutionId
    comment: Id
    platform: str
    page: PageId
    post: Id | None = None
    text: Text | None = None
    """The comment's text; None when the case is withdrawn."""
    tag: str
    topic: str
    urgent: bool
    state: str
    opened_at: Moment
    at: Moment
