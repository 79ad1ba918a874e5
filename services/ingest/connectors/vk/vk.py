"""VK's connector: the parts behind one protocol."""

from __future__ import annotations

from collections.abc import Mapping

from services.ingest.connectors.calling import Caller
from services.ingest.connectors.connector import Call, Done, Polled, Rights
from services.ingest.connectors.received import Received
from services.ingest.connectors.vk import decoding, hook
from services.ingest.connectors.vk.acting import Acting, kinds_for, target
from services.ingest.connectors.vk.api import BASE, Api
from services.ingest.connectors.vk.looking import Looking
from services.ingest.connectors.vk.place import find_comment, page_link
from services.ingest.connectors.vk.polling import LongPolling
from services.ingest.connectors.vk.rights import Testing
from services.ingest.connectors.vk.walking import Walking
from services.ingest.sources.source import Source
from shared.clock import Clock, utc_now
from shared.events import Action, ActionKind, Platform


class Vk:
    """See `connector.Connector`. `base` is where the API is; only a stand-in's may do without TLS."""

    platform: Platform = "vk"
    taken = hook.OK

    def __init__(self, caller: Caller, *, base: str = BASE, clock: Clock = utc_now) -> None:
        api = Api(caller, base)
        self._looking = Looking(api)
        self._acting = Acting(api, self._looking)
        self._polling = LongPolling(caller, api, secure=base.startswith("https://"))
        self._walking = Walking(api, clock)
        self._testing = Testing(api)

    def decode(self, payload: bytes, page: str | None = None) -> list[Received]:
        """See the protocol."""
        return decoding.decode(payload, page)

    def events(self, source: Source, payload: bytes) -> tuple[Received, ...]:
        """See the protocol."""
        return tuple(decoding.decode(payload, source.page))

    def hook(self, source: Source, headers: Mapping[str, str], body: bytes) -> Call:
        """See the protocol. A call that VK repeats (`x-retry-counter`) is as good as its first."""
        return hook.take(source, body)

    async def poll(self, source: Source, cursor: bytes | None) -> Polled:
        """See the protocol."""
        return await self._polling.poll(source, cursor)

    async def backfill(self, source: Source, cursor: bytes | None) -> Polled | None:
        """See the protocol. None at once where the source has neither a user's nor a service token."""
        return await self._walking.step(source, cursor)

    async def test(self, source: Source) -> Rights:
        """See the protocol."""
        return await self._testing.test(source)

    def acts(self, source: Source, comment: str | None = None) -> tuple[ActionKind, ...]:
        """See the protocol."""
        return kinds_for(source, comment)

    async def act(self, source: Source, action: Action, key: str) -> Done:
        """See the protocol."""
        return await self._acting.act(source, action, key)

    async def look(self, source: Source, action: Action, key: str) -> Done | None:
        """See the protocol. VK does not tell keys back: a reply is known by its words, place and time."""
        place, number = target(source, action)
        return await self._looking.look(source, action, place, number)

    def link(self, page: str, post: str | None, comment: str) -> str:
        """See the protocol."""
        found = find_comment(comment)
        return page_link(page) if found is None else found[0].link(found[1])
