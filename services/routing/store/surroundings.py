"""What one transaction knows of comments and of what stands around them: loaded under lock, a few queries a batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from services.routing.domain.case import OPEN_STATES, Case
from services.routing.domain.comment import Standing, fold, makes_case, thread_of
from services.routing.domain.reconcile import CaseRef, OfficialAnswer, Thread
from services.routing.domain.task import Task
from services.routing.store import case, comment, task
from services.routing.store.comment import Comment, CommentVersion, version_of


class Surroundings:
    """The state in memory; `Reconciliation` changes it and writes what it changed."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.heads: dict[str, Comment] = {}
        self.stored: dict[str, Comment] = {}
        """Heads as the database has them."""
        self.versions: dict[str, dict[int, CommentVersion]] = {}
        """Those of the comments that were loaded or are new: complete, by number."""
        self.cases: dict[str, Case] = {}
        self.own: dict[str, str] = {}
        """Ids of the cases opened for comments, by comment."""
        self.followers: dict[str, list[str]] = {}
        """Comments that joined a case, by case."""
        self.tasks: dict[str, Task] = {}
        self._answers: dict[str, dict[str, datetime]] = {}
        """Official answers and when they came in, by the comment they reply to."""
        self._open: dict[tuple[str, str], list[str]] = {}
        """Cases by thread and author; whether one is open still, its state says."""

    # Reading it in ----------------------------------------------------------------------------------------------

    def read_heads(self, ids: Collection[str]) -> None:
        """Reads these heads without locking them."""
        self._remember(comment.heads(self._conn, ids))

    def lock(self, ids: Collection[str]) -> None:
        """Locks these comments and those that their cases were opened for, and reads them under the lock."""
        joined = {head.case_id for id in ids if (head := self.heads.get(id)) is not None and head.case_id is not None}
        wanted = set(ids) | set(case.leads(self._conn, joined).values())
        if self._conn.dialect.name == "sqlite":
            # The whole database is this transaction's already.
            wanted -= self.stored.keys()
        self._remember(comment.heads(self._conn, wanted, lock=True))

    def load(self, ids: Iterable[str]) -> None:
        """Loads versions, cases, follow-ups, tasks and answers of stored comments."""
        ids = [id for id in ids if id not in self.versions]
        if not ids:
            return
        own = case.opened_for(self._conn, ids)
        self.own.update(own)
        joined = {case_id for id in ids if (case_id := self.heads[id].case_id) is not None}
        self.take_cases({*own.values(), *joined})
        followers: list[str] = []
        for follower in comment.joined_to(self._conn, set(own.values())):
            if follower.case_id is not None and follower.id not in own:
                self.followers.setdefault(follower.case_id, []).append(follower.id)
                followers.append(follower.id)
                self.heads.setdefault(follower.id, follower)
                self.stored.setdefault(follower.id, follower)
        both = {*ids, *followers} - self.versions.keys()
        for id, versions in comment.versions(self._conn, both).items():
            self.versions[id] = {told.version: told for told in versions}
        self.tasks.update(task.of_comments(self._conn, both, lock=True))
        self.load_answers(both)

    def load_answers(self, ids: Collection[str]) -> None:
        """Loads what pages answered to these comments."""
        for head in comment.official_answers(self._conn, ids):
            self.note_answer(head)

    def known(self, id: str) -> bool:
        """Whether anything was ever told of the comment; loads it if need be."""
        if id not in self.heads:
            self.lock([id])
        if id not in self.heads:
            return False
        if id in self.stored:
            self.load([id])
        return bool(self.versions.get(id))

    def take_cases(self, ids: Collection[str]) -> None:
        """Locks and reads cases."""
        self.cases.update(case.many(self._conn, set(ids) - self.cases.keys(), lock=True))

    def find_open_cases(self, ids: Iterable[str]) -> None:
        """Finds the open cases that these comments might be follow-ups of."""
        threads = {self.heads[id].thread for id in ids if self._might_join(id)}
        found = case.open_in_threads(self._conn, threads)
        self.take_cases({id for _, _, id in found})
        for thread, author, id in found:
            self._add_open(thread, author, id)

    def _remember(self, heads: dict[str, Comment]) -> None:
        self.heads.update(heads)
        self.stored.update(heads)

    def _might_join(self, id: str) -> bool:
        head = self.heads[id]
        if head.case_id is not None or head.author is None:
            return False
        contents = (version_of(told, head).content for told in self.versions[id].values())
        return any(content is not None and makes_case(content) for content in contents)

    def _add_open(self, thread: str, author: str, case_id: str) -> None:
        there = self._open.setdefault((thread, author), [])
        if case_id not in there:
            there.append(case_id)

    # Keeping it up to date --------------------------------------------------------------------------------------

    def note_answer(self, head: Comment) -> None:
        """If it is the page's own answer to a comment, remembers it as that."""
        if head.author_kind == "page" and head.parent is not None and head.received_at is not None:
            self._answers.setdefault(head.parent, {})[head.id] = head.received_at

    def note_case(self, opened: Case) -> None:
        """Remembers a case that was opened just now."""
        self.cases[opened.id] = opened
        self.own[opened.comment_id] = opened.id
        head = self.heads[opened.comment_id] = msgspec.structs.replace(self.heads[opened.comment_id], case_id=opened.id)
        if head.author is not None:
            self._add_open(head.thread, head.author, opened.id)

    def note_joined(self, id: str, case_id: str) -> None:
        """Remembers that a comment has become a follow-up."""
        self.heads[id] = msgspec.structs.replace(self.heads[id], case_id=case_id)
        self.followers.setdefault(case_id, []).append(id)

    def seat(self, ids: Iterable[str]) -> list[str]:
        """Settles the threads of new replies, also where their parents come with them; returns those replies."""
        new = [id for id in ids if self.heads[id].parent is not None and not self._seated(id)]
        for id in new:
            self._thread_id(id, frozenset())
        return new

    def _seated(self, id: str) -> bool:
        stored = self.stored.get(id)
        return stored is not None and stored.parent is not None

    def _thread_id(self, id: str, below: frozenset[str]) -> str:
        head = self.heads[id]
        # Parents are what platforms say they are, and might form a ring.
        if head.parent is None or head.parent in below or self._seated(id):
            return head.thread
        above = self._thread_id(head.parent, below | {id}) if head.parent in self.heads else None
        thread = thread_of(id, head.parent, above)
        if thread != head.thread:
            self.heads[id] = msgspec.structs.replace(head, thread=thread)
        return thread

    # Asking it --------------------------------------------------------------------------------------------------

    def standing(self, id: str) -> Standing | None:
        """What the versions of a loaded comment come to; None when there are none."""
        head = self.heads[id]
        return fold([version_of(told, head) for told in self.versions.get(id, {}).values()])

    def own_case(self, id: str) -> Case | None:
        """The case opened for a loaded comment."""
        return self.cases[self.own[id]] if id in self.own else None

    def thread(self, id: str) -> Thread:
        """What stands around a loaded comment."""
        head, own = self.heads[id], self.own_case(id)
        followers = self.followers.get(own.id, []) if own is not None else []
        answers = {answer: at for one in (id, *followers) for answer, at in self._answers.get(one, {}).items()}
        latest = max(answers.items(), key=lambda item: (item[1], item[0]), default=None)
        standings = [standing for one in followers if (standing := self.standing(one)) is not None]
        joined = self.cases.get(head.case_id) if own is None and head.case_id is not None else None
        return Thread(
            answer=None if latest is None else OfficialAnswer(comment=latest[0], received_at=latest[1]),
            open_case=None if own is not None or joined is not None else self._oldest_open(head),
            joined=None if joined is None else CaseRef(case=joined.id, comment=joined.comment_id),
            followed=any(standing.alive and standing.case is not None for standing in standings),
            urgent=any(standing.urgent for standing in standings),
        )

    def _oldest_open(self, head: Comment) -> CaseRef | None:
        if head.author is None:
            return None
        there = [self.cases[case_id] for case_id in self._open.get((head.thread, head.author), [])]
        candidates = [one for one in there if one.comment_id != head.id and one.state in OPEN_STATES]
        oldest = min(candidates, key=lambda one: (one.opened_at, one.id), default=None)
        return None if oldest is None else CaseRef(case=oldest.id, comment=oldest.comment_id)
