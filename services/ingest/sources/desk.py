"""Everything that the API and the commands do with sources, over one set of parts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from services.ingest.connectors.connector import Connector, Rights
from services.ingest.connectors.failure import PlatformError, Unclear
from services.ingest.sources.change import NewSource
from services.ingest.sources.follower import Sources
from services.ingest.sources.health import Health
from services.ingest.sources.instructions import instructions
from services.ingest.sources.pulse import trouble
from services.ingest.sources.record import SourceRecord
from services.ingest.sources.registry import Kept, SourceRegistry
from services.ingest.sources.source import Source
from services.ingest.sources.vault import SealBroken
from services.ingest.sources.view import ChangedSource, SourceView, Tested, Unreadable, view_of
from shared.clock import Clock
from shared.errors import Conflict, Unavailable

MAX_SOURCES = 10_000
SETTLE_SECONDS = 10.0
"""How long a test waits just after the start."""
TEST_SECONDS = 60.0
"""For all that a test asks of the platform."""


class SourceDesk:
    """What is shown is as of now: the follower asks the broker once more before it answers."""

    def __init__(
        self,
        *,
        registry: SourceRegistry,
        sources: Sources,
        health: Health,
        connectors: Mapping[str, Connector],
        public_url: str | None,
        clock: Clock,
        settled: asyncio.Event | None = None,
    ) -> None:
        """`settled` is set once this replica counts in every platform's rates; before, nothing is asked of one."""
        self.registry = registry
        self._sources = sources
        self._health = health
        self._connectors = connectors
        self.public_url = public_url
        self._clock = clock
        self._settled = settled

    async def all(self) -> tuple[list[SourceView], list[Unreadable]]:
        """All sources by id, and what stands among them and cannot be read. Raises Unavailable."""
        await self._look()
        records = self._sources.records()
        readable = {record.id for record in records}
        unreadable = [
            Unreadable(id=id, why=why) for id, why in sorted(self._sources.problems().items()) if id not in readable
        ]
        return [self._view(record) for record in records], unreadable

    async def add(self, new: NewSource, *, by: str) -> Kept:
        """As the registry adds it, while there is room.

        Raises Invalid for what is wrong with it; Conflict where there is no key, the id or the page is taken, or
        MAX_SOURCES are there; Unavailable.
        """
        await self._look()
        if len(self._sources.records()) >= MAX_SOURCES:
            raise Conflict(f"there are {MAX_SOURCES} sources already: remove some first")
        return await self.registry.add(new, by=by)

    async def show(self, kept: Kept) -> SourceView:
        """The source as it is kept, with how it does. Raises Unavailable."""
        await self._look()
        return self._view(kept.record)

    async def changed(self, kept: Kept, *, tell: bool) -> ChangedSource:
        """The source after a change, with what is left to do: when `tell`, and whenever there is a new secret."""
        view = await self.show(kept)
        if not tell and kept.hook_secret is None:
            return ChangedSource(source=view)
        return ChangedSource(source=view, instructions=instructions(kept.record, self.public_url, kept.hook_secret))

    async def test(self, id: str) -> Tested:
        """Asks the platform what the credentials may do; harmless. A discussion group that it names is kept.

        Raises NotFound, Conflict where the source cannot be opened or nobody speaks with its platform, Unavailable.
        """
        kept = await self.registry.get(id)
        connector = self._connectors.get(kept.record.platform)
        if connector is None:
            raise Conflict(f"there is no connector for {kept.record.platform} in this release")
        try:
            source = kept.record.source(self.registry.need_vault())
        except SealBroken as broken:
            raise Conflict(f"{id}: {broken}") from broken
        await self._counted()
        rights, error = await _asked(connector, source)
        if rights is not None:
            self._health.tested(id, rights)
            if rights.group is not None and rights.group != source.group:
                await self._sources.moved(source, rights.group)
        if error is not None:
            self._health.failed(source, error)
        with suppress(Unavailable, TimeoutError):
            # The result is the answer; that others learn of it can wait for the next round.
            await self._health.tell(self._sources)
        return Tested(
            works=rights is not None and rights.reads,
            rights=rights,
            error=None if error is None else trouble(error, self._clock(), source.secrets),
        )

    def _view(self, record: SourceRecord) -> SourceView:
        source, connector = self._sources.get(record.id), self._connectors.get(record.platform)
        can = None if source is None or connector is None else connector.acts(source)
        return view_of(record, self._health.standing(record.id, self._sources), self.public_url, can)

    async def _counted(self) -> None:
        if self._settled is None:
            return
        try:
            await asyncio.wait_for(self._settled.wait(), SETTLE_SECONDS)
        except TimeoutError as error:
            raise Unavailable("this replica cannot announce itself to the others: the broker is silent") from error

    async def _look(self) -> None:
        try:
            await self._sources.refresh()
            await self._health.read()
        except TimeoutError as error:
            raise Unavailable("the broker did not answer in time") from error


async def _asked(connector: Connector, source: Source) -> tuple[Rights | None, PlatformError | None]:
    """What the platform says: rights, or why there are none."""
    try:
        async with asyncio.timeout(TEST_SECONDS):
            return await connector.test(source), None
    except TimeoutError:
        return None, Unclear(f"no answer within {TEST_SECONDS:.0f} seconds")
    except PlatformError as error:
        return None, error
