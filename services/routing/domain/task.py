"""A moderation task: one comment that a person should look at, and the decision that ends it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, get_args

import msgspec

from services.routing.domain.comment import Reason
from services.routing.domain.lease import LEASE_SECONDS, Lease
from shared.errors import Conflict
from shared.events import Tag

TaskState = Literal["open", "leased", "decided", "skipped", "escalated", "withdrawn"]
"""`skipped` waits for another look like `open`, behind the open ones; `escalated` waits for a coordinator."""

UNDECIDED: frozenset[str] = frozenset({"open", "leased", "skipped", "escalated"})
"""The states in which a decision is still awaited."""

DecisionKind = Literal["keep", "delete", "relabel", "case"]
DecisionState = Literal["proposed", "enacted", "failed"]

Ground = Literal["profanity", "insult", "humiliation", "advertising", "personal_data"]
"""What may be deleted, and nothing else: correct criticism is answered, not deleted."""

GROUNDS: tuple[str, ...] = get_args(Ground)

MAX_GROUND = 500
"""Characters of the ground of a decision that is no deletion."""

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
    decided_at: datetime | None = None

    @property
    def undecided(self) -> bool:
        """True while somebody must still decide."""
        return self.state in UNDECIDED


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decided about one version of a comment, and on what ground."""

    id: str
    """UUIDv7."""
    task_id: str
    comment_id: str
    version: int
    kind: DecisionKind
    ground: str
    """One of GROUNDS for a deletion, else the moderator's own words."""
    tag: Tag | None = None
    topic: str | None = None
    decided_by: str
    """Id of the key; never a person's name."""
    decided_at: datetime
    state: DecisionState
    """A deletion is `proposed` until its outcome comes; everything else is enacted at once."""
    settled_at: datetime | None = None
    detail: str = ""
    """What the outcome said."""


def lease_task(task: Task, *, holder: str, role: Moderator, now: datetime, seconds: int = LEASE_SECONDS) -> Task:
    """The task leased to `holder` under a new token; raises WrongTaskAct or Conflict when it is not to be had."""
    raise NotImplementedError


def renew_task(task: Task, *, token: int, now: datetime, seconds: int = LEASE_SECONDS) -> Task:
    """The task with its lease prolonged; raises Conflict for a stale token."""
    raise NotImplementedError


def release_task(task: Task, *, token: int, now: datetime) -> Task:
    """The task given back undone, open to everybody; raises Conflict for a stale token."""
    raise NotImplementedError


def skip_task(task: Task, *, token: int, now: datetime) -> Task:
    """The task left to somebody else; raises Conflict for a stale token."""
    raise NotImplementedError


def escalate_task(task: Task, *, token: int, now: datetime) -> Task:
    """The task handed to a coordinator; raises Conflict for a stale token."""
    raise NotImplementedError


def decide(
    task: Task,
    *,
    token: int,
    id: str,
    kind: str,
    ground: str,
    tag: str | None = None,
    topic: str | None = None,
    decided_by: str,
    now: datetime,
) -> tuple[Task, Decision]:
    """The task decided, and the decision (`id` is the decision's).

    Raises Invalid naming what is wrong with kind, ground, tag or topic; Conflict for a stale token.
    """
    raise NotImplementedError


def settle(decision: Decision, *, enacted: bool, now: datetime, detail: str = "") -> Decision:
    """A proposed decision after its outcome: enacted, or failed and why.

    The same outcome again changes nothing; a failed one that was done in the end (by a person) becomes enacted.
    """
    raise NotImplementedError


def withdraw_task(task: Task, *, now: datetime) -> Task:
    """The task taken back by the system; raises WrongTaskAct when it was decided already."""
    raise NotImplementedError


def update_task(task: Task, *, version: int, reasons: tuple[Reason, ...], now: datetime) -> Task:
    """The undecided task turned to a newer version; a lease on the old one ends, so that nobody decides about words
    that changed under their eyes."""
    raise NotImplementedError
