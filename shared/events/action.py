"""What shall be done on a platform, and what became of it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from shared.events.base import BaseEvent, Id, Moment, Note, PageId, Platform, UuidText

ActionKind = Literal["reply", "delete", "ban", "close_comments"]
OutcomeKind = Literal["done", "failed", "needs_person"]


class Action(BaseEvent, frozen=True, kw_only=True, tag="action"):
    """Do `kind` to `comment` once, before `not_after`, and report an Outcome."""

    id: UuidText
    kind: ActionKind
    platform: Platform
    page: PageId
    post: Id | None = None
    comment: Id
    text: Annotated[str, Meta(max_length=16_384)] | None = None
    """The words of a reply; None for every other kind."""
    ground: Note = ""
    """Why: required for a deletion."""
    case: UuidText | None = None
    decision: UuidText | None = None
    ordered_by: Annotated[str, Meta(max_length=200)]
    ordered_at: Moment
    not_after: Moment


class ActionCancelled(BaseEvent, frozen=True, kw_only=True, tag="action.cancelled"):
    """Do not do `action` any more, if it was not begun. Its Outcome comes all the same: `failed`, or what was done."""

    action: UuidText
    platform: Platform
    page: PageId
    at: Moment
    reason: Note = ""


class Outcome(BaseEvent, frozen=True, kw_only=True, tag="outcome"):
    """What became of an action."""

    action: UuidText
    kind: ActionKind
    result: OutcomeKind
    platform: Platform
    page: PageId
    comment: Id
    at: Moment
    detail: Note = ""
    link: Annotated[str, Meta(max_length=2_048)] | None = None
    """Where a person can do it by hand, or see what was done."""
