"""What must be done so that a comment's case and task agree with its versions: the same end whatever the order."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.routing.domain.case import Case
from services.routing.domain.case_change import CaseChange
from services.routing.domain.comment import Reason, Standing, Version
from services.routing.domain.route import Route
from services.routing.domain.task import Task


class OfficialAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the page itself wrote under the comment (or under a follow-up joined to its case)."""

    comment: str
    received_at: datetime


class CaseRef(msgspec.Struct, frozen=True, kw_only=True):
    """A case, and the comment it was opened for."""

    case: str
    comment: str


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """What stands around a comment, as the store found it in the same transaction."""

    answer: OfficialAnswer | None = None
    """The latest official answer to this comment or its joined follow-ups; a deleted one counts too."""
    open_case: CaseRef | None = None
    """An open case of the same author in the same thread, opened for another comment (looked for only while this
    comment has no case of its own): the oldest, if there are several."""
    joined: CaseRef | None = None
    """The case that this comment joined earlier."""
    followed: bool = False
    """True while a living follow-up that makes a case is joined to this comment's case: then a deletion of the first
    comment does not void it."""
    urgent: bool = False
    """True when a joined follow-up is urgent."""


class OpenCase(msgspec.Struct, frozen=True, kw_only=True, tag_field="effect"):
    """Open a case: its log begins with `routed`."""

    version: int
    tag: str
    topic: str
    urgent: bool
    opened_at: datetime
    route: Route


class ChangeCase(msgspec.Struct, frozen=True, kw_only=True, tag_field="effect"):
    """Apply `change` to the comment's case."""

    change: CaseChange


class JoinCase(msgspec.Struct, frozen=True, kw_only=True, tag_field="effect"):
    """Make this comment a follow-up of `to`: remember it, and apply `change` to that case."""

    to: CaseRef
    change: CaseChange


class OpenTask(msgspec.Struct, frozen=True, kw_only=True, tag_field="effect"):
    """Open a new task, also where an earlier one was withdrawn or decided for an older version."""

    version: int
    reasons: tuple[Reason, ...]


class UpdateTask(msgspec.Struct, frozen=True, kw_only=True, tag_field="effect"):
    """Turn the undecided task to another version or other reasons."""

    version: int
    reasons: tuple[Reason, ...]


class WithdrawTask(msgspec.Struct, frozen=True, kw_only=True, tag_field="effect"):
    """Withdraw the undecided task."""


class Revisit(msgspec.Struct, frozen=True, kw_only=True, tag_field="effect"):
    """Reconcile another comment too, in the same transaction, if it is known: this one bears on it."""

    comment: str


Effect = OpenCase | ChangeCase | JoinCase | OpenTask | UpdateTask | WithdrawTask | Revisit


def needs_route(standing: Standing, case: Case | None, thread: Thread | None = None) -> Version | None:
    """The version that `reconcile` will want routed (by its corrected topic), or None when it needs no route."""
    raise NotImplementedError


def reconcile(
    standing: Standing,
    case: Case | None,
    task: Task | None,
    route: Route | None,
    *,
    now: datetime,
    thread: Thread | None = None,
) -> list[Effect]:
    """What to do, in this order, so that case and task agree with the standing; empty when they do already.

    `case` is the comment's own case, `task` its task of the highest version (of several, the undecided one), `route`
    that of the version named by `needs_route`. Carrying the effects out and asking again yields nothing.
    Raises ValueError when a route is needed and missing.
    """
    raise NotImplementedError
