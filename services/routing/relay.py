"""The relay: brings what was committed to the broker, in order, and gives the log its numbers.

Each message id is fixed before the first attempt, so an attempt that is repeated after a crash or a lost answer is
recognised: by the broker for two minutes, after that by readers, to whom the event's own id says the same.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Protocol
from uuid import uuid4

import structlog

from services.routing.store import relay as store
from services.routing.store.event import Logged
from services.routing.store.outbox import Waiting
from services.routing.store.relay import Turn
from shared.bus import Outgoing, Published
from shared.clock import Clock, utc_now
from shared.db import Database
from shared.errors import Poison, TooLarge, Transient, Unavailable
from shared.events import CaseEvent, DeadLetter, decode, encode, subject_of
from shared.obs import metrics
from shared.waiting import rest

BATCH = 500
"""Entries of the log, and of the outbox, in one turn."""
POLL_SECONDS = 1.0
"""Without being woken the relay looks this often: another process may have committed something."""
HOLD = timedelta(seconds=15)
"""How long a process that fell silent is still taken for the one that relays; longer than any one publish waits."""
GATHER_SECONDS = 0.05
"""After a turn that was not full: what is committed meanwhile goes together with the next. Each turn is a transaction
with an fsync of its own, in the same queue as the workers'; citizens' comments come before their announcements."""
PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts while the broker or the database is away; the last one repeats."""

log = structlog.get_logger(__name__)


class Publisher(Protocol):
    """What the relay needs of `shared.bus.Bus`."""

    async def publish(self, events: Sequence[Outgoing], *, timeout: float = 5.0) -> list[Published]:
        """See `Bus.publish`."""
        ...


class Relay:
    """Runs beside the workers of every replica; one of them works at a time."""

    def __init__(
        self,
        database: Database,
        bus: Publisher,
        *,
        clock: Clock = utc_now,
        batch: int = BATCH,
        poll_seconds: float = POLL_SECONDS,
        gather_seconds: float = GATHER_SECONDS,
    ) -> None:
        self._database = database
        self._bus = bus
        self._clock = clock
        self._batch = batch
        self._poll_seconds = poll_seconds
        self._gather_seconds = gather_seconds
        self._holder = uuid4().hex
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Something was committed: do not wait for the next poll. Call it in the event loop."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Relays until `stop` is set; what is then unpublished stays in the database for whoever comes next."""
        failures = 0
        while not stop.is_set():
            self._woken.clear()
            try:
                await self.relay_all(stop)
                failures = 0
                pause = self._poll_seconds
            except (Unavailable, Transient) as error:
                pause = PAUSES[min(failures, len(PAUSES) - 1)]
                failures += 1
                log.warning("nothing published", error=str(error), pause=pause)
                await self._measure()
            # Whoever wakes it while the broker is away changes nothing.
            await rest(pause, stop, *([] if failures else [self._woken]))
        with contextlib.suppress(Transient):
            await self._database.write(lambda conn: store.let_go(conn, holder=self._holder))

    async def relay_all(self, stop: asyncio.Event | None = None) -> None:
        """Publishes until nothing is left or another process relays; raises Unavailable or Transient."""
        if await self._measure() == 0:
            return
        done: Turn | None = None
        while True:
            turn = await self._turn(done)
            if turn is None:
                return
            if not turn.empty:
                await self._publish(turn)
            elif not turn.more:
                break
            done = turn
            if not turn.more:
                await asyncio.sleep(self._gather_seconds)
            if stop is not None and stop.is_set():
                await self._turn(done)
                break
        metrics.OUTBOX_BACKLOG.set(0)

    async def _turn(self, done: Turn | None) -> Turn | None:
        now = self._clock()
        return await self._database.write(
            lambda conn: store.turn(conn, holder=self._holder, now=now, hold=HOLD, limit=self._batch, done=done)
        )

    async def _publish(self, turn: Turn) -> None:
        outgoing = [case_event(entry) for entry in turn.log]
        outgoing += [self._restore(row) for row in turn.outbox]
        if not outgoing:
            return
        try:
            await self._bus.publish(outgoing)
        except TooLarge:
            # One such event must not keep all others waiting for ever.
            for one in outgoing:
                try:
                    await self._bus.publish([one])
                except TooLarge as error:
                    poison = Poison("too_large", error.detail)
                    payload = encode(one.event)
                    await self._bus.publish([self._dead(poison, one.msg_id, subject_of(one.event), payload)])

    def _restore(self, row: Waiting) -> Outgoing:
        """The event in a row of the outbox; one that cannot be read (a newer version wrote it) becomes a dead letter,
        for it must not hold up the rest."""
        try:
            return Outgoing(event=decode(row.subject, row.payload.encode()), msg_id=row.msg_id)
        except Poison as poison:
            return self._dead(poison, row.msg_id, row.subject, row.payload.encode())

    def _dead(self, poison: Poison, msg_id: str, subject: str, payload: bytes) -> Outgoing:
        log.error("event cannot be published", msg_id=msg_id, reason=poison.reason)
        letter = DeadLetter(
            service="routing",
            reason=poison.reason,
            detail=poison.detail[:2_000],
            stream="outbox",
            sequence=0,
            consumer="relay",
            subject=subject,
            deliveries=1,
            at=self._clock(),
            payload=payload,
        )
        return Outgoing(event=letter, msg_id=f"dead:relay:{msg_id}")

    async def _measure(self) -> int:
        try:
            backlog = await self._database.read(store.waiting)
        except Transient:
            return 1
        metrics.OUTBOX_BACKLOG.set(backlog)
        return backlog


def case_event(entry: Logged) -> Outgoing:
    """An entry of the log as CASES carries it; raises ValueError for one without number, case or institution."""
    if entry.number is None or entry.case_id is None or entry.comment_id is None or entry.institution is None:
        raise ValueError(f"event {entry.id} is no numbered event of a case")
    told = CaseEvent(
        id=entry.id,
        number=entry.number,
        case=entry.case_id,
        comment=entry.comment_id,
        institution=entry.institution,
        event=entry.event,
        state=entry.state,
        at=entry.at,
        actor=entry.actor,
        reason=entry.reason,
    )
    return Outgoing(event=told, msg_id=entry.id)
