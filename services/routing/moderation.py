"""What moderators do with tasks: take, decide, leave to others. Each act is one transaction on a Connection."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import cast

import msgspec
from sqlalchemy import Connection

from services.routing.caller import Caller
from services.routing.domain.decision import Decision, correction_of, decide
from services.routing.domain.task import (
    Moderator,
    Task,
    escalate_task,
    lease_task,
    release_task,
    renew_task,
    skip_task,
)
from services.routing.naming import NamingSnapshot
from services.routing.store import comment, task, task_view
from services.routing.store.changes import Changes
from services.routing.store.comment import CommentVersion
from services.routing.store.log_view import DecisionItem
from services.routing.store.queue_view import Place
from services.routing.store.reconciliation import Reconciliation
from services.routing.store.task import Placed
from services.routing.store.task_view import ListedTask, TaskItem
from shared.clock import NewId
from shared.errors import Conflict, Invalid, NotFound
from shared.events import Action, Label, LabelKind, Platform

DELETION_LIFE = timedelta(days=7)
"""A deletion that could not be carried out by then goes to a person, who looks again."""


class LeasedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task held by the caller alone; all null when there is none to take."""

    task: TaskItem | None = None
    token: int | None = None
    """Needed for every act on the task; rises with every lease, so that whoever held it before is fenced off."""
    expires_at: datetime | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as it was asked for."""

    token: int
    decision: str
    ground: str
    tag: str | None = None
    topic: str | None = None
    institution: str | None = None
    """For a `case`: who shall answer, instead of the policy's choice."""


class DecisionMade(DecisionItem, frozen=True, kw_only=True):
    """A decision, and the case that the comment belongs to now."""

    case_id: str | None


def tasks(
    conn: Connection, caller: Caller, *, state: ListedTask | None, limit: int, after: Place | None
) -> tuple[list[TaskItem], Place | None]:
    """A page of the undecided tasks that the caller may see."""
    return task_view.page(conn, caller.sight, state=state, limit=limit, after=after, now=caller.now)


def take_next(conn: Connection, changes: Changes, caller: Caller, *, seconds: int) -> LeasedTask:
    """Leases the most urgent task that nobody holds; an empty LeasedTask when there is none."""
    free = task_view.first_free(conn, caller.sight, escalated=_role(caller) != "moderator", now=caller.now)
    return LeasedTask() if free is None else _lease(conn, changes, caller, free.task, seconds)


def take(
    conn: Connection, changes: Changes, caller: Caller, task_id: str, *, token: int | None, seconds: int
) -> LeasedTask:
    """Leases the task to the caller, or prolongs the lease that `token` names.

    Raises NotFound; Conflict for a task that is over, held by somebody else or waiting for a coordinator, and for a
    stale token.
    """
    found = _seen(conn, caller, task_id).task
    if token is None:
        return _lease(conn, changes, caller, found, seconds)
    _check_holder(found, caller)
    return _leased(conn, changes, caller, renew_task(found, token=token, now=caller.now, seconds=seconds))


def release(conn: Connection, changes: Changes, caller: Caller, task_id: str, *, token: int) -> None:
    """Gives the task back undone; raises NotFound, and Conflict for a stale token."""
    found = _held(conn, caller, task_id)
    changes.task(release_task(found, token=token, now=caller.now), None)
    changes.write(conn)


def skip(conn: Connection, changes: Changes, caller: Caller, task_id: str, *, token: int, reason: str) -> TaskItem:
    """Leaves the task to somebody else, behind the open ones; raises NotFound, and Conflict for a stale token."""
    found = _held(conn, caller, task_id)
    return _left(conn, changes, caller, skip_task(found, token=token, now=caller.now), name="skipped", reason=reason)


def escalate(conn: Connection, changes: Changes, caller: Caller, task_id: str, *, token: int, reason: str) -> TaskItem:
    """Hands the task to a coordinator; raises NotFound, and Conflict for a stale token."""
    found = _held(conn, caller, task_id)
    return _left(
        conn, changes, caller, escalate_task(found, token=token, now=caller.now), name="escalated", reason=reason
    )


def judge(
    conn: Connection, changes: Changes, caller: Caller, task_id: str, verdict: Verdict, *, new_id: NewId
) -> DecisionMade:
    """Decides the task and does what follows from the decision, all in this transaction.

    `delete` orders the deletion on the platform; `relabel` corrects the version's tag or topic, opens a case where the
    right tag is a question or complaint, and tells training; `case` opens a case whatever the tag; `keep` does nothing
    more. No decision ever takes a case away. Raises NotFound; Conflict for a stale token, and for a `case` at a named
    institution when the comment has a case already; Invalid for what does not go together.
    """
    named = _named_institution(caller, verdict)
    snapshot = caller.snapshot if named is None else NamingSnapshot.of(caller.snapshot, named)
    work = Reconciliation(conn, snapshot, now=caller.now, new_id=new_id)
    work.changes = changes
    # Comments are locked before tasks, as everywhere; until then the task's comment is only looked up.
    comment_id = _seen(conn, caller, task_id, lock=False).task.comment_id
    head = work.hold(comment_id)
    found = _held(conn, caller, task_id)
    done, decision = decide(
        found,
        token=verdict.token,
        id=changes.fresh_id(),
        kind=verdict.decision,
        ground=verdict.ground,
        tag=verdict.tag,
        topic=verdict.topic,
        decided_by=caller.principal.key_id,
        now=caller.now,
    )
    if named is not None and head.case_id is not None:
        raise Conflict(
            "This comment belongs to a case already; transfer that one instead.", extra={"case": head.case_id}
        )
    work.task_done(done)
    changes.task(done, "decided", actor=caller.principal.key_id, reason=decision.ground)
    changes.decision(None, decision)
    if decision.kind == "delete":
        changes.order(_deletion(changes, caller, decision, head))
    correction = correction_of(decision)
    if correction is not None:
        told = {one.version: one for one in comment.versions(conn, [comment_id])[comment_id]}[decision.version]
        for label in _labels(changes, decision, told):
            changes.publish(label, label.id)
        work.correct(comment_id, decision.version, correction)
    work.write()
    after = comment.heads(conn, [comment_id])[comment_id]
    return _made(decision, after.case_id)


def _lease(conn: Connection, changes: Changes, caller: Caller, found: Task, seconds: int) -> LeasedTask:
    holder = caller.principal.key_id
    return _leased(
        conn, changes, caller, lease_task(found, holder=holder, role=_role(caller), now=caller.now, seconds=seconds)
    )


def _leased(conn: Connection, changes: Changes, caller: Caller, after: Task) -> LeasedTask:
    changes.task(after, None)
    changes.write(conn)
    held = after.lease
    assert held is not None  # noqa: S101 - both that call it have just leased it
    return LeasedTask(task=task_view.item(conn, after.id, caller.now), token=held.token, expires_at=held.expires_at)


def _left(conn: Connection, changes: Changes, caller: Caller, after: Task, *, name: str, reason: str) -> TaskItem:
    changes.task(after, name, actor=caller.principal.key_id, reason=reason)
    changes.write(conn)
    item = task_view.item(conn, after.id, caller.now)
    assert item is not None  # noqa: S101 - tasks are never deleted
    return item


def _seen(conn: Connection, caller: Caller, task_id: str, *, lock: bool = True) -> Placed:
    found = task.get(conn, task_id, lock=lock)
    if found is None or not caller.sight.covers(found.institution, found.territory):
        raise NotFound("no such task, or none that this key may see")
    return found


def _held(conn: Connection, caller: Caller, task_id: str) -> Task:
    """The task, locked, unless somebody else holds it."""
    found = _seen(conn, caller, task_id).task
    _check_holder(found, caller)
    return found


def _check_holder(found: Task, caller: Caller) -> None:
    held = found.lease
    if held is not None and held.live(caller.now) and held.holder != caller.principal.key_id:
        raise Conflict(
            "Somebody else is working on this; it becomes free when the lease ends.",
            extra={"why": "leased", "expires_at": held.expires_at.isoformat()},
        )


def _role(caller: Caller) -> Moderator:
    """Only the three roles of Moderator come here."""
    return cast(Moderator, caller.principal.role)


def _named_institution(caller: Caller, verdict: Verdict) -> str | None:
    named = verdict.institution
    if named is None:
        return None
    if verdict.decision != "case":
        raise Invalid("institution: only a `case` names one.", extra={"field": "institution"})
    if caller.registry.institution(named) is None:
        raise Invalid(f"institution: there is no institution {named}.", extra={"field": "institution"})
    return named


def _deletion(changes: Changes, caller: Caller, decision: Decision, head: comment.Comment) -> Action:
    return Action(
        id=changes.fresh_id(),
        kind="delete",
        platform=cast(Platform, head.platform),
        page=head.page,
        post=head.post,
        comment=head.id,
        ground=decision.ground,
        case=head.case_id,
        decision=decision.id,
        ordered_by=decision.decided_by,
        ordered_at=caller.now,
        not_after=caller.now + DELETION_LIFE,
    )


def _labels(changes: Changes, decision: Decision, told: CommentVersion) -> list[Label]:
    """What training learns from a relabelling: the right tag, the right topic, each beside the machine's."""
    if decision.kind != "relabel":
        return []
    right: list[tuple[LabelKind, str | None, str | None]] = [
        ("tag", decision.tag, told.tag),
        ("topic", decision.topic, told.topic),
    ]
    return [
        Label(
            id=changes.fresh_id(),
            trace=told.trace,
            kind=kind,
            comment=told.comment_id,
            version=told.version,
            text=told.text or "",
            value=value,
            previous=previous,
            model=told.model or "",
            labelled_by=decision.decided_by,
            at=decision.decided_at,
        )
        for kind, value, previous in right
        if value is not None
    ]


def _made(decision: Decision, case_id: str | None) -> DecisionMade:
    fields = msgspec.structs.asdict(decision)
    fields["decision"] = fields.pop("kind")
    return DecisionMade(**fields, case_id=case_id)
