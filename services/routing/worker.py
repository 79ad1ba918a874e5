"""What routing does with each batch of messages: one transaction, and then the relay is woken."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

import structlog
from sqlalchemy import Connection

from services.routing.domain.case import Case, apply
from services.routing.domain.case_change import Published, PublishFailed, event_name
from services.routing.domain.decision import settle
from services.routing.domain.transition import TABLE
from services.routing.store import action, case, decision
from services.routing.store.changes import Changes
from services.routing.store.reconciliation import Contention, Reconciliation, take_turns
from services.routing.store.snapshot import Snapshot, Snapshots
from services.routing.store.telling import Telling, life, tagged
from shared.bus import Delivered
from shared.clock import Clock, NewId, new_id, utc_now
from shared.db import Database
from shared.errors import Poison, Transient
from shared.events import CommentDeleted, CommentRestored, Outcome, Tagged

MAX_ATTEMPTS = 20
"""Attempts at a batch whose comments other processes are taking in too. From the second on those concerned take turns,
so that only a batch on its first attempt can get in the way."""

log = structlog.get_logger(__name__)


class Worker:
    """The handlers of routing's three durables. Several replicas may run them at once."""

    def __init__(
        self,
        database: Database,
        snapshots: Snapshots,
        *,
        wake: Callable[[], None],
        clock: Clock = utc_now,
        new_id: NewId = new_id,
    ) -> None:
        """`wake` tells the relay, after a commit, that there is something to publish."""
        self._database = database
        self._snapshots = snapshots
        self._wake = wake
        self._clock = clock
        self._new_id = new_id

    async def handle_tagged(self, batch: Sequence[Delivered]) -> Mapping[int, Poison] | None:
        """ROUTING_TAGGED: keeps each version and makes cases and tasks agree. Raises Transient when the database is
        away; nothing of the batch is kept then."""
        await self._take_in([tagged(cast(Tagged, delivered.event)) for delivered in batch])
        return None

    async def handle_life(self, batch: Sequence[Delivered]) -> Mapping[int, Poison] | None:
        """ROUTING_LIFE: as `handle_tagged`, for deletions and restorations; their version is their sequence."""
        await self._take_in([life(cast(CommentDeleted | CommentRestored, one.event), one.sequence) for one in batch])
        return None

    async def handle_outcomes(self, batch: Sequence[Delivered]) -> Mapping[int, Poison] | None:
        """ROUTING_OUTCOMES: records what platforms did, and settles the decisions that waited for it.

        An outcome of an action that was never ordered here is poison: a person must see where it came from.
        """
        now = self._clock()

        def work(conn: Connection) -> tuple[Changes, dict[int, Poison]]:
            changes = Changes(now=now, new_id=self._new_id)
            poisons = settle_outcomes(conn, [cast(Outcome, one.event) for one in batch], changes)
            changes.write(conn)
            return changes, poisons

        changes, poisons = await self._database.write(work)
        changes.count()
        self._wake()
        return poisons

    async def _take_in(self, tellings: Sequence[Telling]) -> None:
        snapshot = await self._snapshots.current()
        for attempt in range(MAX_ATTEMPTS):
            try:
                changes = await self._database.write(
                    lambda conn: self._transaction(conn, snapshot, tellings, in_turn=attempt > 0)  # noqa: B023 - awaited
                )
            except Contention:
                log.info("comments taken in elsewhere meanwhile, beginning anew", size=len(tellings))
                continue
            changes.count()
            self._wake()
            return
        raise Transient("other processes keep taking in the same comments")

    def _transaction(
        self, conn: Connection, snapshot: Snapshot, tellings: Sequence[Telling], *, in_turn: bool
    ) -> Changes:
        if in_turn:
            take_turns(conn)
        work = Reconciliation(conn, snapshot, now=self._clock(), new_id=self._new_id)
        work.take_in(tellings)
        work.write()
        return work.changes


def settle_outcomes(conn: Connection, outcomes: Sequence[Outcome], changes: Changes) -> dict[int, Poison]:
    """Settles what the outcomes are about; returns by index those of actions that nobody ordered here.

    `done` enacts a decision and `failed` fails it; `needs_person` leaves it proposed, with a link on the action.
    A case whose answer is on its way becomes answered, or publish_failed.
    """
    poisons: dict[int, Poison] = {}
    ids = {outcome.action for outcome in outcomes}
    replied = {it.case_id for it in action.many(conn, ids).values() if it.case_id is not None and it.kind == "reply"}
    # Cases before actions: so does everybody who orders or cancels one.
    cases = case.many(conn, replied, lock=True)
    ordered = action.many(conn, ids, lock=True)
    for index, outcome in enumerate(outcomes):
        known = ordered.get(outcome.action)
        if known is None:
            poisons[index] = Poison("unknown_action", f"action {outcome.action} was not ordered by this database")
            continue
        if known.result == "done":
            continue
        ordered[known.id] = changes.outcome(known, outcome)
        if known.case_id in cases:
            cases[known.case_id] = _settle_case(cases[known.case_id], outcome, changes)
        if known.decision_id is not None and outcome.result != "needs_person":
            before = changes.decided(known.decision_id) or decision.get(conn, known.decision_id, lock=True)
            if before is not None:
                enacted = outcome.result == "done"
                changes.decision(before, settle(before, enacted=enacted, now=outcome.at, detail=outcome.detail))
    return poisons


def _settle_case(before: Case, outcome: Outcome, changes: Changes) -> Case:
    """The case after what was heard of its reply; of an earlier one that it no longer waits for, it takes no notice."""
    change: Published | PublishFailed
    if outcome.result == "done":
        change = Published(at=outcome.at, action=outcome.action, link=outcome.link)
    else:
        change = PublishFailed(
            at=outcome.at,
            action=outcome.action,
            result=outcome.result,
            link=outcome.link,
            reason=outcome.detail,
        )
    if before.reply != outcome.action or before.state not in TABLE[event_name(change)].to:
        return before
    return changes.case(before, [(change, apply(before, change))])
