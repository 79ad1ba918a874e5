"""Keeps what a platform allows one token: so many calls in so many seconds, over all replicas together."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable

import msgspec

from services.ingest.connectors.failure import NotSent

MAX_WAIT = 60.0
"""Seconds that a call may have to wait for its turn; who would wait longer is told to come again."""
MAX_HOLD = 86_400.0
"""Seconds of silence that a platform can ask for: one wrong header must not silence a token for ever."""
MAX_KNOWN = 10_000
"""Tokens remembered; those whose turn has long come are forgotten first."""


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """`calls` in any `seconds`; `name` keeps several rates of one token apart."""

    name: str
    calls: int
    seconds: float


class Gate:
    """Spaces calls out evenly (the generic cell rate algorithm with no burst). Each of N living replicas takes an Nth
    of every rate, so that together they never exceed it, without asking one another (docs/adr/rates.md)."""

    def __init__(
        self,
        *,
        replicas: Callable[[], int] = lambda: 1,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._replicas = replicas
        self._monotonic = monotonic
        self._sleep = sleep
        self._free: dict[bytes, float] = {}

    async def enter(self, token: str, *rates: Rate) -> None:
        """Returns when a call with `token` may be made under all `rates`; raises NotSent where that would take longer
        than MAX_WAIT."""
        now = self._monotonic()
        keys = {_key(token, rate): rate for rate in rates}
        turn = max((self._free.get(key, now) for key in keys), default=now)
        turn = max(turn, now)
        if turn - now > MAX_WAIT:
            raise NotSent("too many calls are waiting for this token's turn", retry_after=turn - now)
        for key, rate in keys.items():
            self._free[key] = turn + rate.seconds / rate.calls * max(1, self._replicas())
        if len(self._free) > MAX_KNOWN:
            self._free = {key: free for key, free in self._free.items() if free > now}
        if turn > now:
            await self._sleep(turn - now)

    def hold(self, token: str, rate: Rate, seconds: float) -> None:
        """The platform asked for silence: no call under `rate` before `seconds`, at most MAX_HOLD, are over."""
        key = _key(token, rate)
        self._free[key] = max(self._free.get(key, 0.0), self._monotonic() + min(seconds, MAX_HOLD))


def _key(token: str, rate: Rate) -> bytes:
    return hashlib.blake2b(f"{rate.name}\0{token}".encode(), digest_size=16).digest()
