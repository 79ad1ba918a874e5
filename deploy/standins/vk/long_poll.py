"""The stand-in's Bots Long Poll."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from typing import Any

MAX_WAIT = 90.0


class LongPoll:
    """Events of one community; `ts` counts them from 1."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.key = secrets.token_hex(8)
        self.forgotten = 0
        """Events that are history lost: who asks from before them is told `failed: 1`."""
        self.fail_next: deque[int] = deque()
        """`failed` codes to answer next, whatever is asked."""
        self.waits = 0
        """Who waits now."""
        self._changed = asyncio.Condition()

    @property
    def ts(self) -> int:
        """Number of the last event."""
        return len(self.events)

    async def wake(self) -> None:
        """Answers whoever waits for the events that came."""
        async with self._changed:
            self._changed.notify_all()

    def rotate(self) -> None:
        """Keys last for hours only; this ends one."""
        self.key = secrets.token_hex(8)

    async def ask(self, key: str, ts: str, wait: float) -> dict[str, Any]:
        """As VK answers: `ts` is a string, but a number beside `failed`."""
        if self.fail_next:
            code = self.fail_next.popleft()
            return {"failed": code, "ts": self.ts} if code == 1 else {"failed": code}
        if key != self.key:
            return {"failed": 2}
        if not ts.isdecimal() or int(ts) > self.ts:
            return {"failed": 3}
        known = int(ts)
        if known < self.forgotten:
            return {"failed": 1, "ts": self.ts}
        self.waits += 1
        try:
            async with asyncio.timeout(min(wait, MAX_WAIT)), self._changed:
                await self._changed.wait_for(lambda: self.ts > known)
        except TimeoutError:
            pass
        finally:
            self.waits -= 1
        return {"ts": str(self.ts), "updates": self.events[known:]}
