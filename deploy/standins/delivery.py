"""How a stand-in calls a hook: again and again until it is answered well; in order and once, unless told otherwise."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

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


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """How events are delivered from now on."""

    times: int = 1
    """Each is delivered so often."""
    late: float = 0.0
    """Not before so many seconds have passed."""
    jumbled: int = 1
    """The next one is any of so many that wait: 1 keeps their order."""


class Waiting(msgspec.Struct, kw_only=True):
    """An event that is to be delivered."""

    event: Any
    due: float
    tried: int = 0


class Delivery:
    """Runs from `start` to `stop`. What waits while there is no target waits on."""

    def __init__(
        self,
        target: Callable[[], Target | None],
        *,
        retry_seconds: float = 0.1,
        call_seconds: float = CALL_SECONDS,
        seed: int = 0,
    ) -> None:
        self._target = target
        self._call_seconds = call_seconds
        self.retry_seconds = retry_seconds
        self.waiting: list[Waiting] = []
        self._news, self._none = asyncio.Event(), asyncio.Event()
        self._none.set()
        self._chance = random.Random(seed)  # noqa: S311  # no secret
        self._task: asyncio.Task[None] | None = None
        self.tried: list[Tried] = []
        """All calls, the oldest first."""
        self.manner = Manner()

    def put(self, event: object) -> None:
        """Delivers `event` after all that wait, or as `manner` says."""
        due = asyncio.get_running_loop().time() + self.manner.late
        self.waiting.extend(Waiting(event=event, due=due) for _ in range(self.manner.times))
        self._none.clear()
        self._news.set()

    def take_over(self, waiting: list[Waiting]) -> None:
        """Delivers what waits elsewhere, before all else."""
        self.waiting[:0] = waiting
        if waiting:
            self._none.clear()
            self._news.set()

    def wake(self) -> None:
        """There may be a target now."""
        self._news.set()

    @property
    def idle(self) -> bool:
        """Whether nothing waits."""
        return not self.waiting

    async def drained(self) -> None:
        """Returns once everything was taken."""
        await self._none.wait()

    def start(self) -> None:
        """Begins to deliver."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Ends; what waits is not delivered."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=self._call_seconds) as client:
            while True:
                await self._news.wait()
                self._news.clear()
                while self.waiting and (target := self._target()) is not None:
                    chosen = self.waiting[self._chance.randrange(min(len(self.waiting), self.manner.jumbled))]
                    await asyncio.sleep(chosen.due - asyncio.get_running_loop().time())
                    if await self._call(client, target, chosen):
                        self.waiting.remove(chosen)
                    else:
                        chosen.tried += 1
                        await asyncio.sleep(self.retry_seconds)
                if not self.waiting:
                    self._none.set()

    async def _call(self, client: httpx.AsyncClient, target: Target, waiting: Waiting) -> bool:
        """Whether it was taken."""
        headers = {"Content-Type": "application/json"}
        if target.secret is not None:
            headers[target.header] = target.secret
        try:
            response = await client.post(target.url, content=msgspec.json.encode(waiting.event), headers=headers)
        except httpx.HTTPError:
            self.tried.append(Tried(status=0, body=b""))
            return False
        self.tried.append(Tried(status=response.status_code, body=response.content))
        return response.is_success
