"""What one transaction knows of comments and of what stands around them: loaded under lock, a few queries a batch."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

import msgspec
from sqlalchemy import Connection

from services.routing.domain.case import Case
from services.routing.domain.comment import CASE_TAGS, Standing, fold, thread_of
from services.routing.domain.reconcile import CaseRef, OfficialAnswer, Thread
from services.routing.domain.task import Task
from services.routing.domain.transition import OPEN_STATES
from services.routing.store import case, comment, task
from services.routing.store.comment import Comment, CommentVersion, version_of
from services.routing.store.telling import referred_to
from shared.errors import Transient


class Contention(Transient):
    """Another transaction changed meanwhile what this one began with: roll back and do the same again."""

    def __init__(self) -> None:
        super().__init__("another transaction is working on the same comments")


class Surroundings:
    """The state in memory; `Reconciliation` changes it and writes what it changed."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._alone = conn.dialect.name == "sqlite"
        """The whole database is this transaction's already: what was read once cannot change."""
        self.heads: dict[str, Comment] = {}
        self.stored: dict[str, Comment] = {}
        """Heads as the database has them."""
        self._locked: set[str] = set()
        """Those of them that nobody else can change until the commit."""
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

    def gather(self, told: Sequence[Comment]) -> None:
        """Locks and loads all that comments with these heads may need.

        First everything is looked up, then comments are locked, then cases, then tasks, those of a kind by ascending
        id: so no transactions ever wait for one another in a circle. Raises Contention when something came up in
        between that should have been locked earlier.
        """
        ids = {head.id for head in told}
        parents = {head.parent for head in told if head.parent is not None}
        self._remember(comment.heads(self._conn, ids | parents))
        # A deletion names no parent, and an edit may name another one: what is stored has its own.
        parents = {head.parent for head in self.stored.values() if head.parent is not None}
        self._remember(comment.heads(self._conn, parents - self.stored.keys()))
        stand_ins = self._stand_ins(told)
        wanted = ids | stand_ins.keys()
        # Whose cases are to be found: a page's answer bears on its parent's, which may be that of a first comment.
        self._remember(comment.heads(self._conn, stand_ins.keys() - self.stored.keys()))
        might_join = self._might_join(told)
        found = case.open_in_threads(self._conn, might_join)
        leads = case.leads(self._conn, self._cases_of(wanted, found))
        locked = wanted | set(leads.values())
        if self._alone:
            self._remember(comment.heads(self._conn, locked - self.stored.keys()))
        else:
            self._remember(comment.heads(self._conn, locked, lock=True))
            self._locked |= locked
            found = case.open_in_threads(self._conn, might_join)
            leads = case.leads(self._conn, self._cases_of(locked, found))
            if not locked.issuperset(leads.values()):
                raise Contention
        for id, stand_in in stand_ins.items():
            if id not in ids:
                self.heads.setdefault(id, stand_in)
        self._take_cases(leads)
        for thread, author, id in found:
            self._add_open(thread, author, id)
        # To a comment that is not stored there is no answer either: its answer would have left a row to stand for it.
        self._load([id for id in locked if id in self.stored])

    def known(self, id: str) -> bool:
        """Whether anything was ever told of the comment; loads it if that was not foreseen."""
        if id not in self.heads or (id in self.stored and id not in self._locked and not self._alone):
            # What was read of it before may have changed until it was locked.
            self.versions.pop(id, None)
            self._remember(comment.heads(self._conn, [id], lock=True))
            self._locked.add(id)
            if id not in self.heads:
                return False
        if id in self.stored and id not in self.versions:
            self._take_cases(case.leads(self._conn, self._cases_of([id], [])))
            self._load([id])
        return bool(self.versions.get(id))

    def _stand_ins(self, told: Iterable[Comment]) -> dict[str, Comment]:
        """The comments whose rows these must hold, or another process could miss what they do, each with a head to
        stand for it until it comes: the comment that the page answers, and the first one of the thread in which the
        author may have a case. Processes that take in two such comments at once meet on that row."""
        found: dict[str, Comment] = {}
        for head in told:
            for about in (head, self.stored.get(head.id)):
                if about is None or about.parent is None:
                    continue
                if about.author_kind == "page":
                    id = about.parent
                elif _may_make_case(about):
                    above = self.stored.get(about.parent)
                    id = thread_of(about.id, about.parent, above.thread if above else None)
                else:
                    continue
                found.setdefault(id, referred_to(id, platform=about.platform, page=about.page))
        return found

    def _might_join(self, told: Sequence[Comment]) -> set[tuple[str, str]]:
        """The threads in which these comments may turn out to stand, each with the comment's author."""
        coming = {head.id: head for head in told}
        found: set[tuple[str, str]] = set()
        for head in told:
            if head.author is None or not _may_make_case(head):
                continue
            # A thread is named by its first comment, and that may come with the reply, or have come before it.
            above: str | None = head.id
            passed: set[str] = set()
            while above is not None and above not in passed:
                passed.add(above)
                found.add((above, head.author))
                known = self.stored.get(above)
                if known is not None:
                    found.add((known.thread, head.author))
                next_up = coming.get(above) or known
                above = next_up.parent if next_up is not None else None
        return found

    def _cases_of(self, ids: Iterable[str], found: Iterable[tuple[str, str, str]]) -> set[str]:
        heads = (self.heads.get(id) for id in ids)
        own = {head.case_id for head in heads if head is not None and head.case_id is not None}
        return own | {id for _, _, id in found}

    def _load(self, ids: Iterable[str]) -> None:
        """Loads versions, follow-ups, tasks and answers of stored comments, whose cases are taken already."""
        new = {id for id in ids if id not in self.versions}
        if not new:
            return
        opened = {self.own[id] for id in new if id in self.own}
        for follower in comment.joined_to(self._conn, opened):
            if follower.case_id is not None and self.own.get(follower.id) != follower.case_id:
                self.followers.setdefault(follower.case_id, []).append(follower.id)
                if follower.id not in self.heads:
                    self._remember({follower.id: follower})
                if follower.id not in self.versions:
                    new.add(follower.id)
        for id, versions in comment.versions(self._conn, new).items():
            self.versions[id] = {told.version: told for told in versions}
        self.tasks.update(task.of_comments(self._conn, new, lock=True))
        for head in comment.official_answers(self._conn, new):
            self.note_answer(head)

    def _take_cases(self, ids: Collection[str]) -> None:
        taken = case.many(self._conn, set(ids) - self.cases.keys(), lock=True)
        self.cases.update(taken)
        self.own.update({one.comment_id: one.id for one in taken.values()})

    def _remember(self, heads: dict[str, Comment]) -> None:
        self.heads.update(heads)
        self.stored.update(heads)

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

    def top_of(self, thread: str) -> str:
        """The thread that `thread` is part of now: its first comment may have come to be a reply, and so on upwards."""
        passed: set[str] = set()
        while thread in self.heads and self.heads[thread].thread not in passed:
            passed.add(thread)
            thread = self.heads[thread].thread
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


def _may_make_case(head: Comment) -> bool:
    """As far as a head alone tells: `comment.makes_case` decides."""
    return head.author_kind != "page" and (head.tag in CASE_TAGS or bool(head.urgent))
