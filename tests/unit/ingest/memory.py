"""Broker and database in memory, keeping the real ones' promises, that can be told to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import msgspec

from services.ingest.committer import Committer
from services.ingest.intake import Intake
from services.ingest.repetition import Head
from shared.bus import Outgoing, Published
from shared.errors import Transient, Unavailable
from shared.events import CommentEvent


class MemoryStream:
    """Stores what is published, once per message id."""

    def __init__(self) -> None:
        self.stored: dict[str, CommentEvent] = {}
        self.batches: list[int] = []
        self.away = False
        self.lose_next_acknowledgement = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def publish(self, events: Sequence[Outgoing]) -> list[Published]:
        """As `Bus.publish`."""
        await self.gate.wait()
        if self.away:
            raise Unavailable("the message broker is away")
        self.batches.append(len(events))
        done = []
        for item in events:
            duplicate = item.msg_id in self.stored
            self.stored.setdefault(item.msg_id, item.event)  # type: ignore[arg-type]  # only comments come here
            done.append(Published(sequence=0 if duplicate else len(self.stored), duplicate=duplicate))
        if self.lose_next_acknowledgement:
            self.lose_next_acknowledgement = False
            raise Unavailable("the message broker did not acknowledge")
        return done

    @property
    def events(self) -> list[CommentEvent]:
        """What is stored, in order."""
        return list(self.stored.values())


class MemoryHeads:
    """Remembers heads."""

    def __init__(self) -> None:
        self.known: dict[str, Head] = {}
        self.fail_next_record = False
        self.fault: Exception | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def find(self, comments: Collection[str]) -> dict[str, Head]:
        """As `StoredHeads.find`."""
        if self.fault is not None:
            raise self.fault
        return {comment: self.known[comment] for comment in comments if comment in self.known}

    async def record(self, heads: Mapping[str, Head], seen_at: datetime) -> None:
        """As `StoredHeads.record`."""
        await self.gate.wait()
        if self.fail_next_record:
            self.fail_next_record = False
            raise Transient("database: disk full")
        self.known |= {id: msgspec.structs.replace(head, seen_at=seen_at) for id, head in heads.items()}


class Rig:
    """An intake and its committer over memory."""

    def __init__(self) -> None:
        self.stream = MemoryStream()
        self.heads = MemoryHeads()
        self.intake = Intake()
        self.committer = Committer(self.intake, publish=self.stream.publish, heads=self.heads)
        self.stop = asyncio.Event()


@asynccontextmanager
async def running() -> AsyncIterator[Rig]:
    """A rig whose committer runs, and has ended well on leaving."""
    rig = Rig()
    task = asyncio.create_task(rig.committer.run(rig.stop))
    try:
        yield rig
    finally:
        rig.stream.gate.set()
        rig.heads.gate.set()
        rig.stop.set()
        await asyncio.wait_for(task, 15)
