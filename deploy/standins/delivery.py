"""How a stand-in calls a hook: in order, again and again until it is answered well, twice where it was told so."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

import httpx
import msgspec

CALL_SECONDS = 30.0


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where to, and with which secret in which header."""

    url: str
    header: str
    secret: str | None = None


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """One call: what was answered, 0 for nothing."""

    status: int
    body: bytes


class Delivery:
    """Runs from `start` to `stop`. What waits while there is no target waits on."""

    def __init__(self, target: Callable[[], Target | None], *, retry_seconds: float = 0.1) -> None:
        self._target = target
        self._retry_seconds = retry_seconds
        self._waiting: deque[object] = deque()
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.tried: list[Tried] = []
        """All calls, the oldest first."""
        self.repeat = 1
        """Times that each event is delivered."""

    def put(self, event: object) -> None:
        """Delivers `event` after all that wait."""
        self._waiting.extend([event] * self.repeat)
        self._news.set()

    def wake(self) -> None:
        """There may be a target now."""
        self._news.set()

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not self._waiting

    def start(self) -> None:
        """Begins to deliver."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends; what waits is forgotten."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=CALL_SECONDS) as client:
            while True:
                await self._news.wait()
                self._news.clear()
                while self._waiting and (target := self._target()) is not None:
                    if await self._call(client, target, self._waiting[0]):
                        self._waiting.popleft()
                    else:
                        await asyncio.sleep(self._retry_seconds)

    async def _call(self, client: httpx.AsyncClient, target: Target, event: object) -> bool:
        headers = {"Content-Type": "application/json"}
        if target.secret is not None:
            headers[target.header] = target.secret
        try:
            response = await client.post(target.url, content=msgspec.json.encode(event), headers=headers)
        except httpx.HTTPError:
            self.tried.append(Tried(status=0, body=b""))
            return False
        self.tried.append(Tried(status=response.status_code, body=response.content))
        return response.is_success
