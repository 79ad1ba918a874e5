"""Group commit: many requests' entries become few batches, each published and then remembered.

The order is publish, then remember. A crash between the two loses nothing: the client was told nothing, sends again,
and the broker recognises the message by its id.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from services.ingest.repetition import Head, message_id, next_head
from services.ingest.submission import Entry
from shared.bus import Outgoing, Published
from shared.clock import Clock, utc_now
from shared.errors import Transient, Unavailable
from shared.events import CommentCreated
from shared.obs import metrics

MAX_BATCH = 1_000
"""Entries committed together."""
MAX_WAITING = 4_000
"""Entries that may wait; whoever brings more waits for room, which slows the reading of request bodies."""
MAX_WAITING_BYTES = 32 * 1024 * 1024
ROOM_TIMEOUT = 10.0
"""Seconds to wait for room, then 503."""
COMMIT_TIMEOUT = 30.0
"""Seconds to wait for one's own commit, then 503."""
STOP_TIMEOUT = 10.0
"""Seconds for what still waits at the end."""

log = structlog.get_logger(__name__)

Publish = Callable[[Sequence[Outgoing]], Awaitable[list[Published]]]


class Heads(Protocol):
    """Where comments' heads are kept; every call may raise Transient."""

    async def find(self, comments: Collection[str]) -> dict[str, Head]:
        """The heads of those that are known."""

    async def record(self, heads: Mapping[str, Head], seen_at: datetime) -> None:
        """Remembers the heads, durably on return."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a group of entries."""

    accepted: int = 0
    duplicates: int = 0


class Ticket(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A group that waits for its commit."""

    entries: Sequence[Entry]
    weight: int
    counts: asyncio.Future[Counts]


class Intake:
    """One bounded queue and the one committer that empties it, in the order of arrival."""

    def __init__(self, *, publish: Publish, heads: Heads, clock: Clock = utc_now) -> None:
        self._publish = publish
        self._heads = heads
        self._clock = clock
        self._waiting: deque[Ticket] = deque()
        self._items = 0
        self._bytes = 0
        self._stopping = False
        self._began: float | None = None
        self._room = asyncio.Condition()
        self._arrived = asyncio.Event()

    async def put(self, entries: Sequence[Entry]) -> Ticket:
        """Queues at most MAX_BATCH entries to be committed together; raises Unavailable when no room comes free."""
        weight = sum(entry.weight for entry in entries)
        try:
            async with asyncio.timeout(ROOM_TIMEOUT), self._room:
                await self._room.wait_for(lambda: self._stopping or self._fits(len(entries), weight))
        except TimeoutError as error:
            raise Unavailable("too many comments are waiting to be stored") from error
        if self._stopping:
            raise _stopping()
        ticket = Ticket(entries=entries, weight=weight, counts=asyncio.get_running_loop().create_future())
        self._waiting.append(ticket)
        self._items += len(entries)
        self._bytes += weight
        self._arrived.set()
        return ticket

    async def committed(self, ticket: Ticket) -> Counts:
        """What became of the ticket's entries, once all are durable.

        Raises Unavailable when that could not be reached in time; sending them again is safe.
        """
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT):
                # Shielded: a client that leaves does not undo what others wait for in the same batch.
                return await asyncio.shield(ticket.counts)
        except TimeoutError as error:
            raise Unavailable("storing took too long; send again, nothing will be stored twice") from error

    async def submit(self, entries: Sequence[Entry]) -> Counts:
        """`put` and `committed` in one; nothing at all is done for no entries."""
        return await self.committed(await self.put(entries)) if entries else Counts()

    async def run(self, stop: asyncio.Event) -> None:
        """Commits until `stop` is set, then what still waits, for at most STOP_TIMEOUT; refuses the rest."""
        stopped = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                arrived = asyncio.create_task(self._arrived.wait())
                await asyncio.wait({stopped, arrived}, return_when=asyncio.FIRST_COMPLETED)
                arrived.cancel()
                await self._commit_next()
            self._stopping = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_TIMEOUT):
                    while self._waiting:
                        await self._commit_next()
        finally:
            stopped.cancel()
            await self._refuse_all()

    def age(self) -> float:
        """Seconds that the present batch has taken so far; 0 where there is none."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def _fits(self, items: int, weight: int) -> bool:
        # An empty queue takes whatever comes, so that no group is too large for ever.
        room = self._items + items <= MAX_WAITING and self._bytes + weight <= MAX_WAITING_BYTES
        return room or not self._waiting

    async def _commit_next(self) -> None:
        batch = self._take()
        if not batch:
            return
        self._began = time.monotonic()
        try:
            async with self._room:
                self._room.notify_all()
            counts = await self._commit(batch)
        except (Unavailable, Transient) as error:
            detail = str(error)
            log.warning("batch not stored", entries=sum(len(each.entries) for each in batch), error=detail)
            _fail(batch, lambda: Unavailable(detail))
        except asyncio.CancelledError:
            _fail(batch, _stopping)
            raise
        except Exception:
            # A fault of ours must not end the committer: these requests answer 500, the next batch is tried.
            log.exception("batch failed")
            _fail(batch, lambda: RuntimeError("storing failed, see `batch failed` in the log"))
        else:
            for ticket, count in zip(batch, counts, strict=True):
                if not ticket.counts.done():
                    ticket.counts.set_result(count)
        finally:
            self._began = None

    def _take(self) -> list[Ticket]:
        batch: list[Ticket] = []
        size = 0
        while self._waiting and (not batch or size + len(self._waiting[0].entries) <= MAX_BATCH):
            ticket = self._waiting.popleft()
            batch.append(ticket)
            size += len(ticket.entries)
            self._bytes -= ticket.weight
        self._items -= size
        if not self._waiting:
            self._arrived.clear()
        return batch

    async def _commit(self, batch: Sequence[Ticket]) -> list[Counts]:
        heads = await self._heads.find({entry.event.id for ticket in batch for entry in ticket.entries})
        changed: dict[str, Head] = {}
        outgoing: list[Outgoing] = []
        owners: list[int] = []
        accepted = [0] * len(batch)
        tally: Counter[tuple[str, str]] = Counter()
        for place, ticket in enumerate(batch):
            for entry in ticket.entries:
                event = entry.event
                creates = isinstance(event, CommentCreated)
                head = next_head(heads.get(event.id), creates=creates, digest=entry.digest)
                if head is None:
                    tally[event.platform, "duplicate"] += 1
                    continue
                heads[event.id] = changed[event.id] = head
                outgoing.append(Outgoing(event=event, msg_id=message_id(event.id, head)))
                owners.append(place)
        if outgoing:
            published = await self._publish(outgoing)
            await self._heads.record(changed, self._clock())
            for sent, done, owner in zip(outgoing, published, owners, strict=True):
                accepted[owner] += not done.duplicate
                # Only comments' events come here; the narrower type is lost in Outgoing.
                tally[sent.msg_id.partition(":")[0], "duplicate" if done.duplicate else "accepted"] += 1
        for (platform, result), count in tally.items():
            metrics.INGEST_COMMENTS.labels(platform=platform, result=result).inc(count)
        return [
            Counts(accepted=taken, duplicates=len(ticket.entries) - taken)
            for ticket, taken in zip(batch, accepted, strict=True)
        ]

    async def _refuse_all(self) -> None:
        self._stopping = True
        _fail(self._waiting, _stopping)
        self._waiting.clear()
        async with self._room:
            self._room.notify_all()


def _stopping() -> Unavailable:
    return Unavailable("the service is stopping")


def _fail(tickets: Collection[Ticket], error: Callable[[], Exception]) -> None:
    # Each gets an exception of its own: one object raised in several tasks would mix their tracebacks.
    for ticket in tickets:
        if not ticket.counts.done():
            ticket.counts.set_exception(error())
            # Whoever waited may have left, and asyncio would complain; the failure was logged once.
            ticket.counts.exception()
