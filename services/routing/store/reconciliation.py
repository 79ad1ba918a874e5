"""One transaction's work on comments: take in what was told, and make heads, cases and tasks agree with it.

    work = Reconciliation(conn, snapshot, now=clock(), new_id=new_id)
    work.take_in(tellings)                      # a worker's batch, or
    work.correct(comment_id, version, correction)   # a moderator's word
    work.write()
    …commit…
    work.changes.count()

The same tellings in any order, any number of times, by any number of processes, come to the same heads and versions,
and to one case for a comment.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from services.routing.domain.case import OPEN_STATES, Case, apply, open_case
from services.routing.domain.case_change import CaseChange, Joined, Routed
from services.routing.domain.comment import Correction, Standing, fold, makes_case, thread_of
from services.routing.domain.policy import Facts
from services.routing.domain.reconcile import (
    CaseRef,
    ChangeCase,
    JoinCase,
    OfficialAnswer,
    OpenCase,
    OpenTask,
    Revisit,
    Thread,
    UpdateTask,
    WithdrawTask,
    needs_route,
    reconcile,
)
from services.routing.domain.registry import ROOT
from services.routing.domain.route import Route
from services.routing.domain.task import Task, update_task, withdraw_task
from services.routing.store import case, comment, task
from services.routing.store.changes import Changes
from services.routing.store.comment import Comment, CommentVersion, version_of
from services.routing.store.snapshot import Snapshot
from services.routing.store.task import Placed
from services.routing.store.telling import Telling, merge, referred_to, restate
from shared.clock import NewId


class Contention(Exception):
    """Another transaction took in one of these comments first: roll back and do the same again."""


class Reconciliation:
    """Keeps in memory all that the comments of one transaction need, and what is to be written of it."""

    def __init__(self, conn: Connection, snapshot: Snapshot, *, now: datetime, new_id: NewId) -> None:
        self._conn = conn
        self._snapshot = snapshot
        self._now = now
        self.changes = Changes(now=now, new_id=new_id)
        self._heads: dict[str, Comment] = {}
        self._stored: dict[str, Comment] = {}
        """Heads as the database has them."""
        self._versions: dict[str, dict[int, CommentVersion]] = {}
        """Those of the comments that were loaded or are new: complete, by number."""
        self._new_versions: list[CommentVersion] = []
        self._corrections: list[tuple[str, int, Correction]] = []
        self._moved: dict[str, str] = {}
        self._cases: dict[str, Case] = {}
        self._own: dict[str, str] = {}
        """Ids of the cases opened for comments, by comment."""
        self._followers: dict[str, list[str]] = {}
        """Comments that joined a case, by case."""
        self._tasks: dict[str, Task] = {}
        self._answers: dict[str, dict[str, datetime]] = {}
        """Official answers and when they came in, by the comment they reply to."""
        self._open: dict[tuple[str, str], list[str]] = {}
        """Cases by thread and author; whether one is open still, its state says."""

    def take_in(self, tellings: Sequence[Telling]) -> None:
        """Takes in what was told and reconciles every comment it bears on."""
        told: dict[str, list[Telling]] = {}
        for telling in tellings:
            told.setdefault(telling.head.id, []).append(telling)
        self._gather(told)
        touched: list[str] = []
        for id, its in told.items():
            known = self._versions.setdefault(id, {})
            fresh = [telling for telling in its if telling.version.version not in known]
            for telling in fresh:
                # The batch itself may hold a version twice.
                if telling.version.version not in known:
                    known[telling.version.version] = telling.version
                    self._new_versions.append(telling.version)
                self._heads[id] = merge(self._heads[id], telling) if id in self._heads else telling.head
            if fresh:
                touched.append(id)
        self._find_threads(touched)
        for id in touched:
            self._note_answer(self._heads[id])
        self._find_open_cases(touched)
        for id in touched:
            self.reconcile(id)

    def correct(self, id: str, version: int, correction: Correction) -> None:
        """Takes in a moderator's word on one version and reconciles the comment; raises KeyError for an unknown one."""
        self._lock([id])
        self._load([id])
        told = self._versions[id][version]
        self._versions[id][version] = msgspec.structs.replace(told, correction=correction)
        self._corrections.append((id, version, correction))
        self._find_open_cases([id])
        self.reconcile(id)

    def revisit(self, id: str) -> None:
        """Reconciles a comment about which nothing new was told, for example after a decision on its task."""
        self._lock([id])
        self._load([id])
        self._find_open_cases([id])
        self.reconcile(id)

    def adopt(self, decided: Task) -> None:
        """Lets this transaction see a task that it has changed by other means."""
        self._tasks[decided.comment_id] = decided

    def reconcile(self, id: str) -> None:
        """Makes head, case and task of a comment agree with its versions, and then those it bears on."""
        visited: set[str] = set()
        pending = [id]
        while pending:
            at = pending.pop(0)
            if at in visited or not self._known(at):
                continue
            visited.add(at)
            pending += self._reconcile_one(at)

    def write(self) -> None:
        """Writes everything; raises Contention when another transaction was faster with a new comment."""
        heads = self._heads
        new = [head for id, head in heads.items() if id not in self._stored]
        if not comment.add(self._conn, new):
            raise Contention
        stored = self._stored
        comment.change(self._conn, [heads[id] for id in sorted(stored) if heads[id] != stored[id]])
        comment.add_versions(self._conn, self._new_versions)
        comment.move_thread(self._conn, self._moved.items())
        for id, version, correction in self._corrections:
            comment.correct(self._conn, id, version, correction)
        self.changes.comments.update(heads)
        self.changes.write(self._conn)

    # What is known ----------------------------------------------------------------------------------------------

    def _gather(self, told: dict[str, list[Telling]]) -> None:
        """Locks and loads what a batch needs, in a handful of queries, and makes rows to stand for what is missing."""
        parents = {one.head.parent for its in told.values() for one in its if one.head.parent is not None}
        self._remember(comment.heads(self._conn, told.keys() | parents))
        referred: dict[str, Comment] = {}
        for its in told.values():
            for head in (one.head for one in its if one.head.parent is not None):
                for id in self._bears_on(head):
                    referred.setdefault(id, referred_to(id, platform=head.platform, page=head.page))
        self._lock(told.keys() | referred.keys())
        for id, stand_in in referred.items():
            # Two processes that take in a comment and the page's answer to it at once must meet on one row.
            if id not in told:
                self._heads.setdefault(id, stand_in)
        self._load([id for id in (told.keys() | referred.keys()) if id in self._stored])
        new = told.keys() - self._stored.keys()
        self._note_answers(comment.official_answers(self._conn, new))
        self.changes.texts.update(
            {
                (id, one.version.version): one.version.text
                for id, its in told.items()
                for one in its
                if one.version.text is not None
            }
        )

    def _bears_on(self, head: Comment) -> Iterable[str]:
        """The comments whose rows a reply must hold: those where another process could miss what it does."""
        if head.parent is None:
            return ()
        if head.author_kind == "page":
            return (head.parent,)
        if head.author is None or head.tag not in ("question", "complaint"):
            return ()
        known = self._heads.get(head.parent)
        return (thread_of(head.id, head.parent, known.thread if known else None),)

    def _remember(self, heads: dict[str, Comment]) -> None:
        self._heads.update(heads)
        self._stored.update(heads)

    def _lock(self, ids: Collection[str]) -> None:
        """Locks these comments and those that their cases were opened for, and reads them under the lock."""
        joined = {head.case_id for id in ids if (head := self._heads.get(id)) is not None and head.case_id is not None}
        wanted = set(ids) | set(case.leads(self._conn, joined).values())
        if self._conn.dialect.name == "sqlite":
            # The whole database is this transaction's already.
            wanted -= self._stored.keys()
        self._remember(comment.heads(self._conn, wanted, lock=True))

    def _load(self, ids: Collection[str]) -> None:
        """Loads versions, cases, follow-ups, tasks and answers of stored comments."""
        ids = [id for id in ids if id not in self._versions]
        if not ids:
            return
        conn = self._conn
        own = case.opened_for(conn, ids)
        joined = {head.case_id for id in ids if (head := self._heads[id]).case_id is not None}
        self._own.update(own)
        self._take_cases({*own.values(), *(id for id in joined if id is not None)})
        followers: list[str] = []
        for follower in comment.joined_to(conn, set(own.values())):
            if follower.case_id is not None and follower.id not in own:
                self._followers.setdefault(follower.case_id, []).append(follower.id)
                followers.append(follower.id)
                self._heads.setdefault(follower.id, follower)
                self._stored.setdefault(follower.id, follower)
        both = {*ids, *followers} - self._versions.keys()
        for id, versions in comment.versions(conn, both).items():
            self._versions[id] = {told.version: told for told in versions}
        self._tasks.update(task.of_comments(conn, both, lock=True))
        self._note_answers(comment.official_answers(conn, both))

    def _known(self, id: str) -> bool:
        """Whether anything was ever told of the comment; loads it if need be."""
        if id not in self._heads:
            self._lock([id])
        head = self._heads.get(id)
        if head is None:
            return False
        if id in self._stored:
            self._load([id])
        return bool(self._versions.get(id))

    def _take_cases(self, ids: set[str]) -> None:
        self._cases.update(case.many(self._conn, ids - self._cases.keys(), lock=True))

    def _find_threads(self, touched: Collection[str]) -> None:
        """Settles the thread of every new reply, also where parents come in the same batch, and moves what waited
        under a comment that turned out to be a reply itself."""
        replies = [id for id in touched if self._heads[id].parent is not None and not self._seated(id)]
        for id in replies:
            self._seat(id, set())
        for old in comment.threads_among(self._conn, replies):
            new = self._heads[old].thread
            if new != old:
                self._moved[old] = new

    def _seated(self, id: str) -> bool:
        stored = self._stored.get(id)
        return stored is not None and stored.parent is not None

    def _seat(self, id: str, above: set[str]) -> str:
        head = self._heads[id]
        parent = head.parent
        if parent is None or parent in above or self._seated(id):
            return head.thread
        known = self._seat(parent, above | {id}) if parent in self._heads else None
        thread = thread_of(id, parent, known)
        if thread != head.thread:
            self._heads[id] = msgspec.structs.replace(head, thread=thread)
        return thread

    def _note_answers(self, answers: Iterable[Comment]) -> None:
        for head in answers:
            self._note_answer(head)

    def _note_answer(self, head: Comment) -> None:
        if head.author_kind == "page" and head.parent is not None and head.received_at is not None:
            self._answers.setdefault(head.parent, {})[head.id] = head.received_at

    def _find_open_cases(self, ids: Collection[str]) -> None:
        """Finds the open cases that these comments might be follow-ups of."""
        threads = {
            head.thread
            for id in ids
            if (head := self._heads[id]).case_id is None
            and head.author is not None
            and any(
                (content := version_of(told, head).content) is not None and makes_case(content)
                for told in self._versions[id].values()
            )
        }
        found = case.open_in_threads(self._conn, threads)
        self._take_cases({id for _, _, id in found})
        for thread, author, id in found:
            ids_there = self._open.setdefault((thread, author), [])
            if id not in ids_there:
                ids_there.append(id)

    # What follows from it ---------------------------------------------------------------------------------------

    def _standing(self, id: str) -> Standing | None:
        head = self._heads[id]
        return fold([version_of(told, head) for told in self._versions.get(id, {}).values()])

    def _thread(self, id: str, head: Comment, own: Case | None) -> Thread:
        """What stands around a comment."""
        followers = self._followers.get(own.id, []) if own is not None else []
        answers = {answer: at for one in (id, *followers) for answer, at in self._answers.get(one, {}).items()}
        latest = max(answers.items(), key=lambda item: (item[1], item[0]), default=None)
        standings = [standing for one in followers if (standing := self._standing(one)) is not None]
        joined = self._cases.get(head.case_id) if own is None and head.case_id is not None else None
        return Thread(
            answer=None if latest is None else OfficialAnswer(comment=latest[0], received_at=latest[1]),
            open_case=None if own is not None or joined is not None else self._open_case(id, head),
            joined=None if joined is None else CaseRef(case=joined.id, comment=joined.comment_id),
            followed=any(standing.alive and standing.case is not None for standing in standings),
            urgent=any(standing.urgent for standing in standings),
        )

    def _open_case(self, id: str, head: Comment) -> CaseRef | None:
        if head.author is None:
            return None
        there = [self._cases[case_id] for case_id in self._open.get((head.thread, head.author), [])]
        candidates = [one for one in there if one.comment_id != id and one.state in OPEN_STATES]
        oldest = min(candidates, key=lambda one: (one.opened_at, one.id), default=None)
        return None if oldest is None else CaseRef(case=oldest.id, comment=oldest.comment_id)

    def _reconcile_one(self, id: str) -> list[str]:
        """Carries out what one comment needs; returns the comments to look at next."""
        standing = self._standing(id)
        if standing is None:
            return []
        head = self._heads[id] = restate(self._heads[id], standing)
        own = self._cases[self._own[id]] if id in self._own else None
        thread = self._thread(id, head, own)
        wanted = needs_route(standing, own, thread)
        found: Route | None = None
        if wanted is not None and wanted.content is not None:
            content = wanted.content
            found = self._snapshot.route(
                Facts(
                    page=head.page,
                    tag=content.right_tag,
                    topic=content.right_topic,
                    text=content.text,
                    flags=content.flags,
                )
            )
        effects = reconcile(standing, own, self._tasks.get(id), found, now=self._now, thread=thread)
        return [next_id for effect in effects for next_id in self._carry_out(id, effect)]

    def _carry_out(self, id: str, effect: msgspec.Struct) -> Sequence[str]:
        match effect:
            case OpenCase():
                self._open_new(id, effect)
            case ChangeCase():
                self._change(self._own[id], effect.change)
            case JoinCase():
                self._take_cases({effect.to.case})
                self._change(effect.to.case, Joined(at=self._now, comment=id, urgent=effect.urgent))
                self._heads[id] = msgspec.structs.replace(self._heads[id], case_id=effect.to.case)
                self._followers.setdefault(effect.to.case, []).append(id)
                return (effect.to.comment,)
            case OpenTask():
                new = Task(
                    id=self.changes.fresh_id(),
                    comment_id=id,
                    version=effect.version,
                    reasons=effect.reasons,
                    opened_at=self._now,
                )
                self._tasks[id] = new
                self.changes.open_task(self._placed(new))
            case UpdateTask():
                updated = update_task(self._tasks[id], version=effect.version, reasons=effect.reasons, now=self._now)
                self._tasks[id] = updated
                self.changes.task(updated, "updated")
            case WithdrawTask():
                withdrawn = withdraw_task(self._tasks[id], now=self._now)
                self._tasks[id] = withdrawn
                self.changes.task(withdrawn, "withdrawn")
            case Revisit():
                return (effect.comment,)
        return ()

    def _open_new(self, id: str, effect: OpenCase) -> None:
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
        self._cases[opened.id] = opened
        self._own[id] = opened.id
        head = self._heads[id] = msgspec.structs.replace(self._heads[id], case_id=opened.id)
        if head.author is not None:
            self._open.setdefault((head.thread, head.author), []).append(opened.id)

    def _change(self, case_id: str, change: CaseChange) -> None:
        before = self._cases[case_id]
        after = apply(before, change)
        self.changes.case(before, [(change, after)])
        self._cases[case_id] = after

    def _placed(self, new: Task) -> Placed:
        page = self._heads[new.comment_id].page
        known = self._snapshot.registry.page(page)
        return Placed(
            task=new,
            page=page,
            institution=known.institution if known else ROOT,
            territory=known.territory if known else ROOT,
        )
