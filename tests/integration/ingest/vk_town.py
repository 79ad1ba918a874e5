"""A town's page on the stand-in of VK, with a connector for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from deploy.standins.vk import VkStandin
from services.ingest.connectors.calling import Caller
from services.ingest.connectors.connector import Polled
from services.ingest.connectors.gate import Gate
from services.ingest.connectors.received import Received
from services.ingest.connectors.vk.vk import Vk
from services.ingest.sources.source import Secrets, Source
from shared.events import Action, ActionKind

GROUP = 456
PAGE = f"vk:-{GROUP}"
KEY = "01a214c7-7cad-77d8-8237-946af0721d3b"


class Town:
    """The stand-in, the connector, and what tests do with both."""

    def __init__(self, standin: VkStandin, vk: Vk) -> None:
        self.standin = standin
        self.world = standin.world
        self.vk = vk
        self.post = self.world.thing("wall", -GROUP, 7)

    def source(self, *tokens: str, way: Any = "poll", **secrets: str) -> Source:
        """A source with some of the tokens `community`, `user` and `service`."""
        given = {f"{name}_token": name for name in tokens} | secrets
        return Source(id="town", platform="vk", page=PAGE, way=way, secrets=Secrets(**given))

    def action(self, kind: ActionKind, number: int, /, *, text: str | None = None, **changes: Any) -> Action:
        """An action about a comment of the town's first post, or about `comment`."""
        now = datetime.now(UTC)
        fields: dict[str, Any] = {
            "id": KEY,
            "kind": kind,
            "platform": "vk",
            "page": PAGE,
            "comment": f"vk:wall:-{GROUP}:7:{number}",
            "text": text,
            "ordered_by": "test",
            "ordered_at": now,
            "not_after": now + timedelta(hours=1),
        }
        return Action(**(fields | changes))

    async def read_back(self, source: Source) -> list[Received]:
        """A whole pass."""
        events: list[Received] = []
        cursor: bytes | None = None
        for _ in range(200):
            step = await self.vk.backfill(source, cursor)
            if step is None:
                return events
            assert len(step.cursor) <= 4_096
            events += step.events
            cursor = step.cursor
        raise AssertionError("a pass without end")

    async def polled(self, source: Source, cursor: bytes | None) -> Polled:
        """One poll."""
        return await self.vk.poll(source, cursor)

    def ours(self) -> list[str]:
        """What the page wrote below its first post."""
        comments = self.world.things[self.post].comments.values()
        return [each.text for each in comments if each.author == -GROUP and not each.deleted]


@asynccontextmanager
async def town() -> AsyncIterator[Town]:
    """Open sockets only within it."""
    # The stand-in keeps VK's rates where a test asks for it; all others need not wait for their turn.
    gate = Gate(sleep=_at_once)
    async with VkStandin.town(GROUP, "Администрация") as standin:
        caller = Caller(gate)
        try:
            yield Town(standin, Vk(caller, base=standin.address))
        finally:
            await caller.close()


async def _at_once(seconds: float) -> None:
    """A turn that has come already."""


def told(events: list[Received] | tuple[Received, ...]) -> list[str]:
    """Events as words: what happened to which comment."""
    found = []
    for each in events:
        if each.submission is None:
            found.append(str(each.skipped))
        else:
            found.append(f"{each.submission.event} {each.submission.id.rpartition(':')[2]}")
    return found
