"""The memory of repetitions, shared: what this replica saw goes into FINGERPRINTS, what all saw comes from there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor

import structlog

from services.classifier.repetition.fingerprint import RECORD, SCHEME, Sighting, pack, sightings, unpack
from services.classifier.repetition.sightings import Sightings
from shared.bus import Delivered, Outgoing, Published
from shared.clock import NewId, new_id
from shared.errors import Unavailable
from shared.events import CommentCreated, CommentEdited, Fingerprints, Repeated
from shared.waiting import rest

EVERY_SECONDS = 0.5
"""Between two messages: one fsync for all comments of that time."""
AT_ONCE = 2_000
"""Comments in one message, 136 kB."""
MAX_UNSENT = 20_000
"""Comments that wait for a broker that is away; later ones are counted here alone."""
RETRY_SECONDS = 2.0

Publish = Callable[[Sequence[Outgoing]], Awaitable[list[Published]]]

log = structlog.get_logger(__name__)


class Remembering:
    """Counts in `executor`, whose one thread alone touches the table.

    A comment is counted here at once and by the other replicas within a second. What a crash keeps from being sent is
    counted when its comment is delivered again, since it was not acknowledged; a comment that was acknowledged within
    the last EVERY_SECONDS before a crash is forgotten.
    """

    def __init__(self, table: Sightings, *, executor: Executor, new_id: NewId = new_id) -> None:
        self._table = table
        self._executor = executor
        self._new_id = new_id
        self._replica = str(new_id())
        self._unsent: list[Sighting] = []
        self._news = asyncio.Event()

    def look(self, comments: Sequence[CommentCreated | CommentEdited]) -> tuple[list[Sighting], list[Repeated | None]]:
        """In `executor`: remembers the comments; how often each one's like was seen by now, and what to `share`."""
        seen = sightings(comments)
        new = [one for one in seen if one is not None]
        self._table.note(new)
        return new, [None if one is None else self._table.count(one) for one in seen]

    def share(self, new: Sequence[Sighting]) -> None:
        """Sends them to the other replicas, soon."""
        self._unsent += new[: MAX_UNSENT - len(self._unsent)]
        self._news.set()

    async def take(self, events: Sequence[Delivered]) -> None:
        """Adds what the stream tells, one message at a time, so that judging never waits long for it."""
        loop = asyncio.get_running_loop()
        for delivered in events:
            event = delivered.event
            if not isinstance(event, Fingerprints) or event.scheme != SCHEME or event.replica == self._replica:
                continue
            if not len(event.records) % RECORD.itemsize:
                await loop.run_in_executor(self._executor, self._fold, event.records)

    async def run(self, publish: Publish, stop: asyncio.Event) -> None:
        """Sends what was shared until `stop` is set, and then the rest."""
        while not stop.is_set():
            await rest(None, stop, self._news)
            await rest(EVERY_SECONDS if await self._send(publish) else RETRY_SECONDS, stop)
        await self._send(publish)

    async def _send(self, publish: Publish) -> bool:
        """False when the broker did not take all."""
        self._news.clear()
        while self._unsent:
            part = self._unsent[:AT_ONCE]
            event = Fingerprints(scheme=SCHEME, replica=self._replica, records=pack(part))
            try:
                await publish([Outgoing(event=event, msg_id=f"fingerprints:{self._new_id()}")])
            except Unavailable as error:
                log.debug("fingerprints not stored yet", error=error.detail)
                self._news.set()
                return False
            except Exception as error:
                # Statistics must not stop comments: these are counted here alone.
                log.error("fingerprints not told", size=len(part), exc_info=error)
            del self._unsent[: len(part)]
        return True

    def _fold(self, records: bytes) -> None:
        self._table.note(unpack(records))
