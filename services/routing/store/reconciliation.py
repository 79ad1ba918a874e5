"""One transaction's work on comments: take in what was told, and make heads, cases and tasks agree with it.

    work = Reconciliation(conn, snapshot, now=clock(), new_id=new_id)
    work.take_in(tellings)                          # a worker's batch, or
    work.hold(comment_id)                           # or a moderator's word
    work.correct(comment_id, version, correction)
    work.write()
    …commit…
    work.changes.count()

The same tellings in any order, any number of times, by any number of processes, come to the same heads and versions,
and to one case for a comment.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection, text

from services.routing.domain.case import apply, open_case
from services.routing.domain.case_change import CaseChange, Joined, Routed
from services.routing.domain.comment import Correction, Version
from services.routing.domain.policy import Facts
from services.routing.domain.reconcile import (
    ChangeCase,
    Effect,
    JoinCase,
    OpenCase,
    OpenTask,
    Revisit,
    UpdateTask,
    WithdrawTask,
    needs_route,
    reconcile,
)
from services.routing.domain.registry import ROOT
from services.routing.domain.route import Route
from services.routing.domain.task import Task, update_task, withdraw_task
from services.routing.store import comment
from services.routing.store.changes import Changes
from services.routing.store.comment import Comment, CommentVersion
from services.routing.store.snapshot import Snapshot
from services.routing.store.surroundings import Contention, Surroundings
from services.routing.store.task import Placed
from services.routing.store.telling import Telling, merge, restate
from shared.clock import NewId

__all__ = ["Contention", "Reconciliation", "take_turns"]

_LANE = 0x726F7574696E67
"""The advisory lock's number on PostgreSQL: "routing" in ASCII."""


def take_turns(conn: Connection) -> None:
    """Lets only one of the transactions that met with Contention go on at a time, so that each gets through."""
    if conn.dialect.name == "postgresql":
        conn.execute(text("SELECT pg_advisory_xact_lock(:lane)"), {"lane": _LANE})


class Reconciliation:
    """Works on comments in memory and writes what came of it.

    `changes` may be replaced before the first work by one that holds other changes of the same transaction. Any method
    may raise Contention: then roll back, and do the same in a transaction that begins with `take_turns`.
    """

    def __init__(self, conn: Connection, snapshot: Snapshot, *, now: datetime, new_id: NewId) -> None:
        self._conn = conn
        self._snapshot = snapshot
        self._now = now
        self._around = Surroundings(conn)
        self.changes = Changes(now=now, new_id=new_id)
        self._new_versions: list[CommentVersion] = []
        self._corrections: list[tuple[str, int, Correction]] = []
        self._moved: list[tuple[str, str]] = []

    def take_in(self, tellings: Sequence[Telling]) -> None:
        """Takes in what was told and reconciles every comment it bears on."""
        told: dict[str, list[Telling]] = {}
        for telling in tellings:
            told.setdefault(telling.head.id, []).append(telling)
        around = self._around
        around.gather([telling.head for telling in tellings])
        for telling in tellings:
            if telling.version.text is not None:
                self.changes.texts[telling.head.id, telling.version.version] = telling.version.text
        touched = [id for id, its in told.items() if self._take_versions(id, its)]
        replies = around.seat(touched)
        # What waited under a comment that turned out to be a reply itself moves with it.
        for old in comment.threads_among(self._conn, replies):
            new = around.top_of(old)
            if new != old:
                self._moved.append((old, new))
        for id in touched:
            around.note_answer(around.heads[id])
        for id in touched:
            self._reconcile(id)

    def hold(self, id: str) -> Comment:
        """Locks a comment with all that a correction of it may bear on, its tasks among them, in the order in which
        everybody locks; returns its head. Raises KeyError for an unknown one."""
        head = comment.heads(self._conn, [id])[id]
        # As if it were a complaint: the correction may make it one, and it may then belong to a case of its author's.
        self._around.gather([msgspec.structs.replace(head, tag="complaint")])
        return self._around.heads[id]

    def task_done(self, done: Task) -> None:
        """Tells of a held comment's task that was decided meanwhile; `changes` write it."""
        self._around.tasks[done.comment_id] = done

    def correct(self, id: str, version: int, correction: Correction) -> None:
        """Takes in a moderator's word on one version of a held comment and reconciles that; raises KeyError for an
        unknown version."""
        around = self._around
        told = around.versions[id][version]
        around.versions[id][version] = msgspec.structs.replace(told, correction=correction)
        self._corrections.append((id, version, correction))
        self._reconcile(id)

    def write(self) -> None:
        """Writes everything; Contention here means that another transaction was faster with a new comment."""
        heads, stored = self._around.heads, self._around.stored
        new = [head for id, head in heads.items() if id not in stored]
        if not comment.add(self._conn, new):
            raise Contention
        comment.change(self._conn, [heads[id] for id in sorted(stored) if heads[id] != stored[id]])
        comment.add_versions(self._conn, self._new_versions)
        comment.move_threads(self._conn, self._moved)
        for id, version, correction in self._corrections:
            comment.correct(self._conn, id, version, correction)
        self.changes.comments.update(heads)
        self.changes.write(self._conn)

    def _take_versions(self, id: str, tellings: Iterable[Telling]) -> bool:
        """Whether anything of it is new."""
        around = self._around
        known = around.versions.setdefault(id, {})
        before = len(known)
        for telling in tellings:
            if telling.version.version not in known:
                known[telling.version.version] = telling.version
                self._new_versions.append(telling.version)
                around.heads[id] = merge(around.heads[id], telling) if id in around.heads else telling.head
        return len(known) > before

    # What follows from it ---------------------------------------------------------------------------------------

    def _reconcile(self, id: str) -> None:
        """Makes head, case and task of a comment agree with its versions, and then those that it bears on."""
        visited: set[str] = set()
        pending = deque([id])
        while pending:
            at = pending.popleft()
            # Each once: comments that bear on one another must not send us round and round.
            if at not in visited and self._around.known(at):
                visited.add(at)
                pending.extend(self._reconcile_one(at))

    def _reconcile_one(self, id: str) -> list[str]:
        """Carries out what one comment needs; returns the comments to look at next."""
        around = self._around
        standing = around.standing(id)
        if standing is None:
            return []
        around.heads[id] = restate(around.heads[id], standing)
        own, thread = around.own_case(id), around.thread(id)
        wanted = needs_route(standing, own, thread)
        route = self._route(around.heads[id].page, wanted) if wanted is not None else None
        effects = reconcile(standing, own, around.tasks.get(id), route, now=self._now, thread=thread)
        return [next_id for effect in effects if (next_id := self._carry_out(id, effect)) is not None]

    def _route(self, page: str, version: Version) -> Route | None:
        content = version.content
        if content is None:
            return None
        tag, topic = content.right_tag, content.right_topic
        return self._snapshot.route(Facts(page=page, tag=tag, topic=topic, text=content.text, flags=content.flags))

    def _carry_out(self, id: str, effect: Effect) -> str | None:
        """Returns the comment that must be looked at because of it."""
        around, changes = self._around, self.changes
        match effect:
            case OpenCase():
                self._open_case(id, effect)
            case ChangeCase():
                self._change(around.own[id], effect.change)
            case JoinCase():
                self._change(effect.to.case, Joined(at=self._now, comment=id, urgent=effect.urgent))
                around.note_joined(id, effect.to.case)
                return effect.to.comment
            case OpenTask():
                new_id = changes.fresh_id()
                new = Task(
                    id=new_id, comment_id=id, version=effect.version, reasons=effect.reasons, opened_at=self._now
                )
                around.tasks[id] = new
                changes.open_task(self._placed(new))
            case UpdateTask():
                changed = update_task(around.tasks[id], version=effect.version, reasons=effect.reasons, now=self._now)
                around.tasks[id] = changed
                changes.task(changed, "updated")
            case WithdrawTask():
                withdrawn = withdraw_task(around.tasks[id], now=self._now)
                around.tasks[id] = withdrawn
                changes.task(withdrawn, "withdrawn")
            case Revisit():
                return effect.comment
        return None

    def _open_case(self, id: str, effect: OpenCase) -> None:
        event = Routed(at=self._now, route=effect.route)
        opened = open_case(
            id=self.changes.fresh_id(),
            comment_id=id,
            version=effect.version,
            tag=effect.tag,
            topic=effect.topic,
            urgent=effect.urgent,
            opened_at=effect.opened_at,
            event=event,
        )
        self.changes.case(None, [(event, opened)])
        self._around.note_case(opened)

    def _change(self, case_id: str, change: CaseChange) -> None:
        before = self._around.cases[case_id]
        after = apply(before, change)
        self.changes.case(before, [(change, after)])
        self._around.cases[case_id] = after

    def _placed(self, new: Task) -> Placed:
        page = self._around.heads[new.comment_id].page
        known = self._snapshot.registry.page(page)
        return Placed(
            task=new,
            page=page,
            institution=known.institution if known else ROOT,
            territory=known.territory if known else ROOT,
        )
