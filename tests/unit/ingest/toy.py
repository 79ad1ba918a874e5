"""A platform that exists in tests alone: its payloads are JSON, its secret is a header, its polls are scripted."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping

from services.ingest.connectors.connector import Call, Done, Forged, HookAnswer, Polled, Rights
from services.ingest.connectors.received import NotThisPlatform, Received
from services.ingest.sources.source import Source
from shared.events import Action, ActionKind, Platform
from tests.unit.ingest.platform_memory import happened

Script = Callable[[Source, bytes | None], Awaitable[Polled]]


async def silence(source: Source, cursor: bytes | None) -> Polled:
    """Nothing new, ever."""
    return Polled(events=(), cursor=b"0", wait=3_600.0)


async def nothing(source: Source, cursor: bytes | None) -> Polled | None:
    """Nothing to read back."""
    return None


class Toy:
    """A connector in this process."""

    taken = HookAnswer(body=b"ok")

    def __init__(
        self,
        platform: Platform = "vk",
        *,
        poll: Script = silence,
        backfill: Callable[[Source, bytes | None], Awaitable[Polled | None]] = nothing,
    ) -> None:
        self.platform: Platform = platform
        self._poll = poll
        self._backfill = backfill

    def decode(self, payload: bytes, page: str | None = None) -> list[Received]:
        try:
            comments = json.loads(payload)["comments"]
            return [happened(it, key=f"key-{it}", platform=self.platform, page=page or "") for it in comments]
        except (ValueError, KeyError, TypeError):
            raise NotThisPlatform("expected comments") from None

    def events(self, source: Source, payload: bytes) -> tuple[Received, ...]:
        return tuple(self.decode(payload, source.page))

    def hook(self, source: Source, headers: Mapping[str, str], body: bytes) -> Call:
        if not hmac.compare_digest(headers.get("x-secret", "").encode(), (source.secrets.hook_secret or "-").encode()):
            raise Forged
        if body == b"confirm":
            return Call(answer=HookAnswer(body=b"code"))
        return Call(events=self.events(source, body), answer=self.taken)

    async def poll(self, source: Source, cursor: bytes | None) -> Polled:
        return await self._poll(source, cursor)

    async def backfill(self, source: Source, cursor: bytes | None) -> Polled | None:
        return await self._backfill(source, cursor)

    async def test(self, source: Source) -> Rights:
        return Rights(reads=True)

    def acts(self, source: Source, comment: str | None = None) -> tuple[ActionKind, ...]:
        return ()

    async def act(self, source: Source, action: Action, key: str) -> Done:
        raise NotImplementedError

    async def look(self, source: Source, action: Action, key: str) -> Done | None:
        return None

    def link(self, page: str, post: str | None, comment: str) -> str:
        return ""


class Fares:
    """Counts how sources fare."""

    def __init__(self) -> None:
        self.heard_of: list[tuple[str, int]] = []
        self.lags: list[float | None] = []
        self.forged_for: list[str] = []
        self.failures: list[tuple[str, Exception]] = []
        self.changed = asyncio.Event()

    def heard(self, source: Source, events: int, *, lag: float | None = None) -> None:
        self.heard_of.append((source.id, events))
        self.lags.append(lag)
        self.changed.set()

    def forged(self, source: Source) -> None:
        self.forged_for.append(source.id)

    def failed(self, source: Source, error: Exception) -> None:
        self.failures.append((source.id, error))
        self.changed.set()
