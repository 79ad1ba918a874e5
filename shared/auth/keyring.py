"""All keys in memory, kept true to the bucket: a revoked key stops working within seconds, or nobody gets in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Protocol

import msgspec
import structlog

from shared.auth.record import KeyRecord, Principal
from shared.auth.secret import hash_of, is_key
from shared.clock import Clock, utc_now
from shared.errors import Unauthorized, Unavailable
from shared.waiting import ended

BUCKET = "api_keys"
STALE_SECONDS = 5.0
"""How old the last confirmation may be: the promise about revoked keys."""
POLL_SECONDS = 1.0
ANSWER_SECONDS = 2.0
"""How long one question to the bucket may take."""
RELOAD_SECONDS = 300.0
"""How often everything is read anew: mends what following changes cannot see, such as a bucket restored from a copy."""
RECHECK_SECONDS = 0.25
"""An unknown key makes the ring look once more, but no oftener than this: a fresh key works at once, and someone who
guesses keys cannot make us ask the broker for each guess."""

_log = structlog.get_logger("auth")
_decoder = msgspec.json.Decoder(KeyRecord)


class KeyBucket(Protocol):
    """What the ring needs of a bucket."""

    async def entries(self) -> dict[str, bytes]:
        """Everything in it."""

    async def last_sequence(self) -> int:
        """A number that rises with every change; always asks the server."""

    async def changes(self, after: int) -> tuple[list[tuple[str, bytes | None]], int]:
        """What changed after that number (None: deleted), and the number reached."""


class Buckets(Protocol):
    """What the ring needs of the bus."""

    async def bucket(self, name: str) -> KeyBucket:
        """The bucket of that name."""


class KeyRing:
    """The keys that are good now. Safe to create anywhere; `start` and `stop` belong to the service's lifespan."""

    def __init__(
        self,
        *,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._sleep = sleep
        self._records: dict[str, KeyRecord] = {}
        self._sequence: int | None = None
        self._confirmed_at: float | None = None
        self._looked_at: float | None = None
        self._loaded_at: float | None = None
        self._bus: Buckets | None = None
        self._bucket: KeyBucket | None = None
        self._task: asyncio.Task[None] | None = None
        self._lock: asyncio.Lock | None = None

    @property
    def fresh(self) -> bool:
        """Whether the bucket confirmed what we know within the last STALE_SECONDS."""
        return self._confirmed_at is not None and self._monotonic() - self._confirmed_at <= STALE_SECONDS

    async def start(self, bus: Buckets) -> None:
        """Begins to follow the bucket in the background; returns at once, whether or not the broker is there."""
        self._bus = bus
        self._lock = asyncio.Lock()
        self._task = asyncio.create_task(self._follow(), name="keyring")

    async def stop(self) -> None:
        """Ends following; the ring becomes stale by itself."""
        if self._task is not None:
            await ended(self._task)
            self._task = None

    async def authenticate(self, bearer: str) -> Principal:
        """Whose key this is.

        Raises Unauthorized when it is no key, or one that is unknown, expired or revoked; Unavailable when the bucket
        has been silent for longer than STALE_SECONDS, since the key might have been revoked meanwhile.
        """
        if not is_key(bearer):
            raise _refused("this is not a key: a key begins with otk_ and has 47 characters")
        digest = hash_of(bearer)
        if digest not in self._records or not self.fresh:
            await self._look_again()
        if not self.fresh:
            raise Unavailable("the keys cannot be checked: the broker is silent", retry_after=2)
        record = self._records.get(digest)
        if record is None:
            raise _refused("unknown or revoked key")
        if record.expired(self._clock()):
            raise _refused("expired key")
        return record.principal()

    async def refresh(self) -> None:
        """Asks the bucket once what changed. Raises what the bucket raises, or TimeoutError."""
        if self._bus is None or self._lock is None:
            raise RuntimeError("the key ring was not started")
        async with self._lock:
            await self._refresh(self._bus)

    async def _refresh(self, bus: Buckets) -> None:
        asked_at = self._monotonic()
        async with asyncio.timeout(ANSWER_SECONDS):
            if self._bucket is None:
                self._bucket = await bus.bucket(BUCKET)
            reached = await self._bucket.last_sequence()
            due = self._loaded_at is None or asked_at - self._loaded_at >= RELOAD_SECONDS
            if due or self._sequence is None or reached < self._sequence:
                # Never loaded, long ago, or the bucket was made anew. What changes meanwhile comes again as a change.
                self._load(await self._bucket.entries())
                self._sequence, self._loaded_at = reached, asked_at
            elif reached > self._sequence:
                changes, reached = await self._bucket.changes(self._sequence)
                for digest, raw in changes:
                    self._apply(digest, raw)
                self._sequence = reached
        # True as of the moment we asked, not of the moment the answer came.
        self._confirmed_at = asked_at

    def _load(self, entries: dict[str, bytes]) -> None:
        self._records = {}
        for digest, raw in entries.items():
            self._apply(digest, raw)

    def _apply(self, digest: str, raw: bytes | None) -> None:
        self._records.pop(digest, None)
        if raw is None:
            return
        try:
            self._records[digest] = _decoder.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError):
            # A record nobody can read opens nothing.
            _log.exception("key record unreadable", hash_prefix=digest[:8])

    async def _look_again(self) -> None:
        now = self._monotonic()
        if self._lock is None:
            return
        if self._lock.locked():
            # Somebody is looking already: wait for what they find instead of refusing a key that may be there.
            with suppress(TimeoutError):
                async with asyncio.timeout(ANSWER_SECONDS), self._lock:
                    pass
            return
        if self._looked_at is not None and now - self._looked_at < RECHECK_SECONDS:
            return
        self._looked_at = now
        # Whatever went wrong shows as staleness, and the follower logs it.
        with suppress(Exception):
            await self.refresh()

    async def _follow(self) -> None:
        silent = False
        while True:
            try:
                await self.refresh()
                if silent:
                    _log.info("keys followed again")
                silent = False
            except Exception as error:
                # Any failure means only that nothing was confirmed; the ring goes stale and says so to callers.
                self._bucket = None
                if not silent:
                    _log.warning("keys not confirmed", error=type(error).__name__)
                silent = True
            await self._sleep(POLL_SECONDS)


def _refused(detail: str) -> Unauthorized:
    return Unauthorized(detail, headers={"WWW-Authenticate": 'Bearer realm="otklik"'})
