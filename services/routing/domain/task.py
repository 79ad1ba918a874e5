"""A moderation task: one comment that a person should look at, held by one person at a time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from services.routing.domain.comment import Reason
from services.routing.domain.lease import LEASE_SECONDS, Lease, check, release, renew, revoke, take
from shared.errors import Conflict

TaskState = Literal["open", "leased", "decided", "skipped", "escalated", "withdrawn"]
"""`skipped` waits for another look like `open`, behind the open ones; `escalated` waits for a coordinator."""

UNDECIDED: frozenset[str] = frozenset({"open", "leased", "skipped", "escalated"})
"""The states in which a decision is still awaited."""

Moderator = Literal["moderator", "coordinator", "admin"]
"""Who may act on tasks; an escalated one only a coordinator or admin."""


class WrongTaskAct(Conflict):
    """The task's state, lease or the actor's role does not allow this; `extra` says `why` and the `state`."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Look at version `version` of a comment because of `reasons`."""

    id: str
    """UUIDv7."""
    comment_id: str
    version: int
    reasons: tuple[Reason, ...]
    state: TaskState = "open"
    opened_at: datetime
    revision: int = 1
    """Rises by one with every act: the ETag."""
    lease: Lease | None = None
    skips: int = 0
    escalated: bool = False
    """True once somebody handed it to a coordinator; it stays so while a coordinator holds the lease."""
    decided_at: datetime | None = None

    @property
    def undecided(self) -> bool:
        """True while somebody must still decide."""
        return self.state in UNDECIDED


def current(tasks: Iterable[Task]) -> Task | None:
    """The one of a comment's tasks that counts: the undecided one, else that of the highest version, decided before
    withdrawn; None of none."""
    return max(tasks, key=lambda task: (task.undecided, task.version, task.state == "decided"), default=None)


def lease_task(task: Task, *, holder: str, role: Moderator, now: datetime, seconds: int = LEASE_SECONDS) -> Task:
    """The task leased to `holder` under a new token.

    Raises Conflict while somebody else's lease is live; WrongTaskAct for a task that is decided or withdrawn, or
    escalated and the role is a moderator's.
    """
    _undecided(task)
    if task.escalated and role == "moderator":
        raise WrongTaskAct("This task waits for a coordinator.", extra=_extra(task, "escalated"))
    # A leased task whose lease ran out is as good as open: `take` looks at the lease, not at the state.
    return _next(task, state="leased", lease=take(task.lease, holder=holder, now=now, seconds=seconds))


def renew_task(task: Task, *, token: int, now: datetime, seconds: int = LEASE_SECONDS) -> Task:
    """The task with its lease prolonged; raises Conflict for a stale token."""
    _held(task, token, now)
    return _next(task, lease=renew(task.lease, token=token, now=now, seconds=seconds))


def release_task(task: Task, *, token: int, now: datetime) -> Task:
    """The task given back undone, as if nobody had taken it; raises Conflict for a stale token."""
    _held(task, token, now)
    back: TaskState = "escalated" if task.escalated else "open"
    return _next(task, state=back, lease=release(task.lease, token=token, now=now))


def skip_task(task: Task, *, token: int, now: datetime) -> Task:
    """The task left to somebody else, behind the open ones; raises Conflict for a stale token."""
    _held(task, token, now)
    state: TaskState = "escalated" if task.escalated else "skipped"
    return _next(task, state=state, lease=release(task.lease, token=token, now=now), skips=task.skips + 1)


def escalate_task(task: Task, *, token: int, now: datetime) -> Task:
    """The task handed to a coordinator; raises Conflict for a stale token."""
    _held(task, token, now)
    return _next(task, state="escalated", lease=release(task.lease, token=token, now=now), escalated=True)


def finish_task(task: Task, *, token: int, now: datetime) -> Task:
    """The task decided (the decision itself is `decision.decide`'s); raises Conflict for a stale token."""
    _held(task, token, now)
    return _next(task, state="decided", lease=release(task.lease, token=token, now=now), decided_at=now)


def withdraw_task(task: Task, *, now: datetime) -> Task:
    """The task taken back by the system, whoever holds it; raises WrongTaskAct when it is over already."""
    _undecided(task)
    return _next(task, state="withdrawn", lease=revoke(task.lease, now=now))


def update_task(task: Task, *, version: int, reasons: tuple[Reason, ...], now: datetime) -> Task:
    """The undecided task turned to a newer version. A lease on the old one ends, so that nobody decides about words
    that changed under their eyes; an escalated task stays escalated. Raises WrongTaskAct when it is over already."""
    _undecided(task)
    back: TaskState = "escalated" if task.escalated else "open"
    return _next(task, version=version, reasons=reasons, state=back, lease=revoke(task.lease, now=now))


def _held(task: Task, token: int, now: datetime) -> None:
    """Raises Conflict whose `why` says what became of the lease, WrongTaskAct when the task is over."""
    _undecided(task)
    check(task.lease, token=token, now=now)


def _undecided(task: Task) -> None:
    if not task.undecided:
        raise WrongTaskAct(f"This task is {task.state}; nothing is left to do.", extra=_extra(task, task.state))


def _extra(task: Task, why: str) -> dict[str, object]:
    return {"why": why, "state": task.state, "version": task.version}


def _next(task: Task, **changes: Any) -> Task:
    return msgspec.structs.replace(task, revision=task.revision + 1, **changes)
