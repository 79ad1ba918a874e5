"""The one bounded queue between requests and the committer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence

import msgspec

from services.ingest.submission import Entry
from shared.errors import Unavailable

MAX_BATCH = 1_000
"""Entries committed together."""
MAX_WAITING = 4_000
"""Entries that may wait; whoever brings more waits for room, which slows the reading of request bodies."""
MAX_WAITING_BYTES = 32 * 1024 * 1024
ROOM_SECONDS = 10.0
"""To wait for room, then 503."""
COMMIT_SECONDS = 30.0
"""To wait for one's own commit, then 503."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a group of entries."""

    accepted: int = 0
    duplicates: int = 0


class Ticket(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A group that waits for its commit."""

    entries: Sequence[Entry]
    weight: int
    counts: asyncio.Future[Counts]

    def grant(self, counts: Counts) -> None:
        """All of it is durable."""
        if not self.counts.done():
            self.counts.set_result(counts)

    def refuse(self, error: Exception) -> None:
        """It could not be made durable. Each ticket needs an exception of its own: raising one object in several
        tasks would mix their tracebacks."""
        if not self.counts.done():
            self.counts.set_exception(error)
            # Whoever waited may have left, and asyncio would complain; the committer has logged it once.
            self.counts.exception()


class Intake:
    """Groups of entries in their order of arrival."""

    def __init__(self) -> None:
        self._waiting: deque[Ticket] = deque()
        self._items = 0
        self._bytes = 0
        self._closed = False
        self._room = asyncio.Condition()
        self.arrived = asyncio.Event()
        """Set while something waits."""

    async def put(self, entries: Sequence[Entry]) -> Ticket:
        """Queues at most MAX_BATCH entries to be committed together; raises Unavailable when no room comes free."""
        weight = sum(entry.weight for entry in entries)
        try:
            async with asyncio.timeout(ROOM_SECONDS), self._room:
                await self._room.wait_for(lambda: self._closed or self._fits(len(entries), weight))
        except TimeoutError as error:
            raise Unavailable("too many comments are waiting to be stored") from error
        if self._closed:
            raise stopping()
        ticket = Ticket(entries=entries, weight=weight, counts=asyncio.get_running_loop().create_future())
        self._waiting.append(ticket)
        self._items += len(entries)
        self._bytes += weight
        self.arrived.set()
        return ticket

    async def committed(self, ticket: Ticket) -> Counts:
        """What became of the ticket's entries, once all are durable.

        Raises Unavailable when that could not be reached in time; sending them again is safe.
        """
        try:
            async with asyncio.timeout(COMMIT_SECONDS):
                # Shielded: a client that leaves does not undo what others wait for in the same batch.
                return await asyncio.shield(ticket.counts)
        except TimeoutError as error:
            raise Unavailable("storing took too long; send again, nothing will be stored twice") from error

    async def submit(self, entries: Sequence[Entry]) -> Counts:
        """`put` and `committed` in one; nothing at all is done for no entries."""
        return await self.committed(await self.put(entries)) if entries else Counts()

    async def take(self) -> list[Ticket]:
        """The next groups, whole, of together at most MAX_BATCH entries; empty when nothing waits."""
        async with self._room:
            batch: list[Ticket] = []
            size = 0
            while self._waiting and (not batch or size + len(self._waiting[0].entries) <= MAX_BATCH):
                ticket = self._waiting.popleft()
                batch.append(ticket)
                size += len(ticket.entries)
                self._bytes -= ticket.weight
            self._items -= size
            if not self._waiting:
                self.arrived.clear()
            self._room.notify_all()
        return batch

    async def close(self) -> None:
        """Refuses whatever waits and whatever still comes."""
        self._closed = True
        refuse(self._waiting, stopping)
        self._waiting.clear()
        async with self._room:
            self._room.notify_all()

    def _fits(self, items: int, weight: int) -> bool:
        # An empty queue takes whatever comes, so that no group is too large for ever.
        room = self._items + items <= MAX_WAITING and self._bytes + weight <= MAX_WAITING_BYTES
        return room or not self._waiting


def stopping() -> Unavailable:
    """What clients are told at the end."""
    return Unavailable("the service is stopping")


def refuse(tickets: Collection[Ticket], error: Callable[[], Exception]) -> None:
    """Refuses each with an error of its own."""
    for ticket in tickets:
        ticket.refuse(error())
