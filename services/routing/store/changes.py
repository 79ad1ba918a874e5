"""The changes of one transaction: rows, log entries and outgoing events, written together at its end.

changes = Changes(now=clock(), new_id=new_id)
changes.case(before, act(before, accepted, coordinator=…))
changes.write(conn)          # the last thing in the work function
…commit…
changes.count()              # metrics, once it is certain; and wake the relay
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import cast

import msgspec
from sqlalchemy import Connection

from services.routing.domain.case import Case
from services.routing.domain.case_change import CaseChange, event_name
from services.routing.domain.decision import Decision
from services.routing.domain.task import Task
from services.routing.domain.transition import OPEN_STATES
from services.routing.store import action, case, comment, decision, event, outbox, task
from services.routing.store.action import Ordered
from services.routing.store.comment import Comment
from services.routing.store.event import Logged
from services.routing.store.task import Placed
from shared.clock import NewId
from shared.events import Action, ActionCancelled, Event, Outcome, Platform, QueueNotice, QueueNoticeKind
from shared.obs import metrics

Steps = Sequence[tuple[CaseChange, Case]]
"""Events, each with the case after it: what `domain.case.act` returns."""


class Changes:
    """Collects; nothing is written before `write`."""

    def __init__(self, *, now: datetime, new_id: NewId) -> None:
        self.now = now
        self._new_id = new_id
        self._cases: dict[str, tuple[Case | None, Case]] = {}
        self._tasks: dict[str, Task] = {}
        self._new_tasks: dict[str, Placed] = {}
        self._decisions: dict[str, tuple[Decision | None, Decision]] = {}
        self._actions: dict[str, tuple[Ordered | None, Ordered]] = {}
        self._reasons: dict[str, tuple[str, str]] = {}
        self._log: list[Logged] = []
        self._out: list[tuple[str, Event]] = []
        self._counts: Counter[tuple[str, str]] = Counter()
        self.comments: dict[str, Comment] = {}
        """Heads already at hand, so that the notices need not look for them."""
        self.texts: dict[tuple[str, int], str] = {}
        """Texts by comment and version already at hand."""

    def fresh_id(self) -> str:
        """A new UUIDv7 in its usual spelling."""
        return str(self._new_id())

    def case(self, before: Case | None, steps: Steps) -> Case:
        """A case went through `steps`, from `before` (None: it is opened by the first); returns it after the last."""
        after = before
        for change, after in steps:
            name = event_name(change)
            self._note(
                Logged(
                    id=self.fresh_id(),
                    subject_kind="case",
                    subject_id=after.id,
                    case_id=after.id,
                    comment_id=after.comment_id,
                    event=name,
                    state=after.state,
                    institution=after.institution,
                    actor=change.by,
                    at=change.at,
                    reason=change.reason,
                    data=change,
                )
            )
            self._counts["case", name] += 1
            self._reasons[after.id] = (name, change.by)
        if after is None:
            raise ValueError("a case is opened by its first event: there must be one")
        first = self._cases[after.id][0] if after.id in self._cases else before
        self._cases[after.id] = (first, after)
        return after

    def lease(self, leased: Case) -> None:
        """A case's lease was taken, renewed or released: no event of its history, and the queue stays as it is."""
        first, _ = self._cases.get(leased.id, (leased, leased))
        self._cases[leased.id] = (first, leased)

    def open_task(self, new: Placed) -> None:
        """A moderation task is opened."""
        self._new_tasks[new.task.id] = new
        self._log_task(new.task, "opened", actor="system", reason="", institution=new.institution)

    def task(self, after: Task, name: str | None, *, actor: str = "system", reason: str = "") -> None:
        """A task changed; `name` is the event to log, None for what needs no trace (a renewed lease)."""
        if after.id in self._new_tasks:
            self._new_tasks[after.id] = msgspec.structs.replace(self._new_tasks[after.id], task=after)
        else:
            self._tasks[after.id] = after
        if name is not None:
            self._log_task(after, name, actor=actor, reason=reason, institution=None)

    def decision(self, before: Decision | None, after: Decision) -> None:
        """A decision was made (`before` None) or settled; one that did not change is left alone."""
        if after == before:
            return
        first = self._decisions[after.id][0] if after.id in self._decisions else before
        self._decisions[after.id] = (first, after)
        self._note(
            Logged(
                id=self.fresh_id(),
                subject_kind="decision",
                subject_id=after.id,
                comment_id=after.comment_id,
                event="decided" if before is None else after.state,
                state=after.state,
                actor=after.decided_by if before is None else "system",
                at=self.now,
                reason=after.ground if before is None else after.detail,
                data={"kind": after.kind, "version": after.version, "tag": after.tag, "topic": after.topic},
            )
        )
        if before is None:
            self._counts["task", after.kind] += 1

    def order(self, ordered: Action) -> None:
        """Something shall be done on a platform: kept, logged and published to ACTIONS under the action's id."""
        kept = Ordered(
            id=ordered.id,
            kind=ordered.kind,
            comment_id=ordered.comment,
            case_id=ordered.case,
            decision_id=ordered.decision,
            ordered_by=ordered.ordered_by,
            ordered_at=ordered.ordered_at,
            not_after=ordered.not_after,
        )
        self._actions[kept.id] = (None, kept)
        self._log_action(kept, "ordered", "ordered", actor=ordered.ordered_by, reason=ordered.ground)
        self.publish(ordered, ordered.id)

    def outcome(self, before: Ordered, told: Outcome) -> Ordered:
        """A platform's word on an action; the same word again changes nothing."""
        after = msgspec.structs.replace(
            before, result=told.result, settled_at=told.at, detail=told.detail, link=told.link
        )
        if after != before:
            self._actions[after.id] = (before, after)
            self._log_action(after, told.result, told.result, actor="system", reason=told.detail)
        return after

    def decided(self, id: str) -> Decision | None:
        """A decision as this transaction has left it; None when it has not touched it."""
        return self._decisions[id][1] if id in self._decisions else None

    def publish(self, outgoing: Event, msg_id: str) -> None:
        """Puts an event of another stream (LABELS, …) into the outbox."""
        self._out.append((msg_id, outgoing))

    def write(self, conn: Connection) -> None:
        """Writes everything. The comments concerned must be there already.

        An answer that was on its way to the page, and that its case no longer waits for, is cancelled.
        """
        self._cancel(conn)
        case.add(conn, [after for first, after in self._cases.values() if first is None])
        case.change(conn, [after for first, after in self._cases.values() if first is not None])
        task.add(conn, list(self._new_tasks.values()))
        task.change(conn, list(self._tasks.values()))
        decision.add(conn, [after for first, after in self._decisions.values() if first is None])
        decision.change(conn, [after for first, after in self._decisions.values() if first is not None])
        action.add(conn, [after for first, after in self._actions.values() if first is None])
        action.change(conn, [after for first, after in self._actions.values() if first is not None])
        event.add(conn, self._log)
        outbox.add(conn, [*self._notices(conn), *self._out], now=self.now)

    def _cancel(self, conn: Connection) -> None:
        left: dict[str, str] = {}
        for first, after in self._cases.values():
            reply = first.reply if first is not None and first.state == "publishing" else None
            if reply is not None and (after.state != "publishing" or after.reply != reply):
                left[reply] = after.id
        # What was just heard of needs no word any more.
        ordered = action.many(conn, left.keys() - self._actions.keys())
        heads = comment.heads(conn, {it.comment_id for it in ordered.values()})
        for it in ordered.values():
            about = heads[it.comment_id]
            name, by = self._reasons[left[it.id]]
            reason = f"the case was {name}"
            self._log_action(it, "cancelled", "cancelled", actor=by, reason=reason)
            cancelled = ActionCancelled(
                action=it.id, platform=cast(Platform, about.platform), page=about.page, at=self.now, reason=reason
            )
            self.publish(cancelled, f"{it.id}:cancelled")

    def count(self) -> None:
        """Counts what was committed in the metrics."""
        for (kind, name), times in self._counts.items():
            if kind == "case":
                metrics.CASES.labels(event=name).inc(times)
            else:
                metrics.TASKS.labels(decision=name).inc(times)

    def _notices(self, conn: Connection) -> list[tuple[str, Event]]:
        told = [
            (kind, institution, after)
            for first, after in self._cases.values()
            for kind, institution in notices_of(first, after)
        ]
        heads = self.comments
        missing = {after.comment_id for _, _, after in told if after.comment_id not in heads}
        if missing:
            heads = heads | comment.heads(conn, missing)
        texts = self.texts
        wanted = {(after.comment_id, after.version) for kind, _, after in told if kind != "withdrawn"}
        missing_texts = wanted - texts.keys()
        if missing_texts:
            texts = texts | comment.texts(conn, missing_texts)
        notices: list[tuple[str, Event]] = []
        for kind, institution, after in told:
            about = heads[after.comment_id]
            id = self.fresh_id()
            notice = QueueNotice(
                id=id,
                kind=kind,
                case=after.id,
                institution=institution,
                comment=after.comment_id,
                platform=about.platform,
                page=about.page,
                post=about.post,
                text=None if kind == "withdrawn" else texts.get((after.comment_id, after.version)),
                tag=after.tag,
                topic=after.topic,
                urgent=after.urgent,
                state=after.state,
                opened_at=after.opened_at,
                at=self.now,
            )
            notices.append((id, notice))
        return notices

    def _note(self, entry: Logged) -> None:
        self._log.append(entry)

    def _log_task(self, after: Task, name: str, *, actor: str, reason: str, institution: str | None) -> None:
        self._note(
            Logged(
                id=self.fresh_id(),
                subject_kind="task",
                subject_id=after.id,
                comment_id=after.comment_id,
                event=name,
                state=after.state,
                institution=institution,
                actor=actor,
                at=self.now,
                reason=reason,
                data={"version": after.version, "reasons": after.reasons},
            )
        )

    def _log_action(self, kept: Ordered, name: str, state: str, *, actor: str, reason: str) -> None:
        self._note(
            Logged(
                id=self.fresh_id(),
                subject_kind="action",
                subject_id=kept.id,
                case_id=kept.case_id,
                comment_id=kept.comment_id,
                event=name,
                state=state,
                actor=actor,
                at=self.now,
                reason=reason,
                data={"kind": kept.kind, "decision": kept.decision_id},
            )
        )


def notices_of(before: Case | None, after: Case) -> list[tuple[QueueNoticeKind, str]]:
    """What an institution's queue gained, changed or lost by a case's way from `before` to `after`.

    A change of the lease alone is none: institutions' systems are not told who is looking at a case.
    """
    was = before.institution if before is not None and before.state in OPEN_STATES else None
    now = after.institution if after.state in OPEN_STATES else None
    if was == now:
        changed = before is not None and now is not None and before.revision != after.revision
        return [("changed", after.institution)] if changed else []
    gone: list[tuple[QueueNoticeKind, str]] = [("withdrawn", was)] if was is not None else []
    come: list[tuple[QueueNoticeKind, str]] = [("assigned", now)] if now is not None else []
    return gone + come
