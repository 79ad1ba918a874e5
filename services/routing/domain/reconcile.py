"""What must be done so that a comment's case and task agree with its versions: the same end whatever the order."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.routing.domain.case import Case
from services.routing.domain.case_change import AnsweredOutside, CaseChange, Restored, Retagged, Routed, Voided
from services.routing.domain.comment import Reason, Standing, Version
from services.routing.domain.route import Route
from services.routing.domain.task import Task
from services.routing.domain.transition import TABLE, State


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
    """Make this comment a follow-up of `to`: remember it, and apply `Joined` with this comment's id to that case."""

    to: CaseRef
    urgent: bool


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
    """Reconcile another comment too, in the same transaction, if it is known: this one bears on it.

    Parents are what platforms say they are and might form a ring: visit each comment once per transaction.
    """

    comment: str


Effect = OpenCase | ChangeCase | JoinCase | OpenTask | UpdateTask | WithdrawTask | Revisit


_AUTOMATIC = ("routed", "void", "answered")
"""The states in which a case that nobody touched still follows its comment's route: also when it was voided or
answered outside meanwhile, for the edit may have come first and been told last."""


def needs_route(standing: Standing, case: Case | None, thread: Thread | None = None) -> Version | None:
    """The version that `reconcile` will want routed (by its corrected topic), or None when it needs no route."""
    thread = thread or Thread()
    version = standing.case
    if version is None or version.content is None:
        return None
    if case is None:
        return None if thread.joined or _joins(standing, thread) else version
    if case.touched or case.state not in _AUTOMATIC:
        return None
    return None if _labels(case) == (version.version, *_said(version)) else version


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

    `case` is the comment's own case, `task` the one that `task.current` chooses of the comment's tasks,
    `route` that of the version named by `needs_route`. Carrying the effects out and asking again
    yields nothing but Revisit.
    Raises ValueError when a route is needed and missing.
    """
    thread = thread or Thread()
    effects = _case_effects(standing, case, route, now=now, thread=thread)
    effects += _task_effects(standing, task)
    if standing.answers is not None:
        effects.append(Revisit(comment=standing.answers))
    return effects


def _case_effects(
    standing: Standing, case: Case | None, route: Route | None, *, now: datetime, thread: Thread
) -> list[Effect]:
    if standing.case is None or standing.opened_at is None:
        return []
    if case is not None:
        return [ChangeCase(change=change) for change in _changes(standing, case, route, now=now, thread=thread)]
    if thread.joined is not None:
        return [Revisit(comment=thread.joined.comment)]
    target = _joins(standing, thread)
    if target is not None:
        return [JoinCase(to=target, urgent=standing.urgent)]
    if route is None:
        raise ValueError("a route is needed: ask needs_route first")
    tag, topic = _said(standing.case)
    opening = OpenCase(
        version=standing.case.version,
        tag=tag,
        topic=topic,
        urgent=standing.urgent or thread.urgent,
        opened_at=standing.opened_at,
        route=route,
    )
    fate = _fate(standing, "routed", None, now=now, thread=thread)
    return [opening, *(ChangeCase(change=change) for change in fate)]


def _changes(standing: Standing, case: Case, route: Route | None, *, now: datetime, thread: Thread) -> list[CaseChange]:
    version = standing.case
    if version is None or standing.opened_at is None:
        return []
    changes: list[CaseChange] = []
    tag, topic = _said(version)
    urgent = case.urgent or standing.urgent or thread.urgent
    before = (*_labels(case), case.urgent, case.opened_at)
    if before != (version.version, tag, topic, urgent, standing.opened_at):
        changes.append(
            Retagged(at=now, version=version.version, tag=tag, topic=topic, urgent=urgent, opened_at=standing.opened_at)
        )
    if needs_route(standing, case, thread) is not None:
        if route is None:
            raise ValueError("a route is needed: ask needs_route first")
        if route != case.route:
            changes.append(Routed(at=now, route=route))
    return changes + _fate(standing, case.state, case.reopened_at, now=now, thread=thread)


def _fate(
    standing: Standing, state: State, reopened_at: datetime | None, *, now: datetime, thread: Thread
) -> list[CaseChange]:
    """What the page's own answer, a deletion or a restoration does to a case in `state`.

    An official answer outweighs a deletion, whichever was told first; one from before a reopening counts no more.
    """
    answer = thread.answer
    if answer is not None and (reopened_at is None or answer.received_at > reopened_at):
        if state in TABLE["answered_outside"].to:
            return [AnsweredOutside(at=now, comment=answer.comment, answered_at=answer.received_at)]
        return []
    living = standing.alive or thread.followed
    if not living and state in TABLE["voided"].to:
        return [Voided(at=now)]
    if living and state == "void":
        return [Restored(at=now)]
    return []


def _task_effects(standing: Standing, task: Task | None) -> list[Effect]:
    content = standing.content
    if not standing.alive or content is None or not standing.reasons:
        return [WithdrawTask()] if task is not None and task.undecided else []
    if task is None or task.state == "withdrawn" or (task.state == "decided" and task.version < content.version):
        return [OpenTask(version=content.version, reasons=standing.reasons)]
    if task.undecided and (task.version, task.reasons) != (content.version, standing.reasons):
        return [UpdateTask(version=content.version, reasons=standing.reasons)]
    return []


def _joins(standing: Standing, thread: Thread) -> CaseRef | None:
    """The case a comment without one joins: the same author's open one in the same thread."""
    return thread.open_case if standing.case is not None else None


def _said(version: Version) -> tuple[str, str]:
    content = version.content
    return ("other", "other") if content is None else (content.right_tag, content.right_topic)


def _labels(case: Case) -> tuple[int, str, str]:
    return (case.version, case.tag, case.topic)
