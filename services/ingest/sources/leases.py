"""Which replica may poll which source: shards leased in buckets, so that none is ever polled by two
(docs/adr/leases.md)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import msgspec
import structlog

from services.ingest.sources.bucket import Bucket, Buckets
from services.ingest.sources.sharing import SHARDS, shard_key, shard_of, surplus, wanted
from shared.clock import new_id
from shared.errors import Conflict, Unavailable
from shared.obs import metrics

REPLICAS = "ingest_replicas"
LEASES = "leases"

_log = structlog.get_logger(__name__)


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds. A shard whose holder was killed is held again within `ttl` and two announcements."""

    ttl: float = 15.0
    """How long the bucket `ingest_replicas` keeps an announcement: its declared ttl."""
    announce: float = 3.0
    """Between two announcements."""
    safe: float = 10.0
    """Since the last announcement that succeeded: after that nothing is ours any more. The rest up to `ttl` is room
    for clocks that run unlike each other, and for a poll to be broken off."""

    def __post_init__(self) -> None:
        """Raises ValueError for times that would not keep the promises."""
        if not 2 * self.announce < self.safe < self.ttl:
            raise ValueError("times must be such that 2 * announce < safe < ttl")


class LeaseLost(Exception):
    """What was done under a lease must end, or must not begin: another replica may hold it."""


def steady() -> float:
    """Seconds that pass while the machine sleeps too, where the system can tell."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Leases:
    """This replica's leases. All of them live and die with its announcement, which it renews under one name (a
    session); who could not renew it in time gives up everything by its own clock and begins a new one.

    Nobody can take a shard from a session that is announced: the taker asks the broker's leader whether it is, and a
    session that is gone never comes back, since renewing is compare-and-set and a new session has a new name.
    """

    def __init__(
        self,
        bus: Buckets,
        *,
        times: Times | None = None,
        monotonic: Callable[[], float] = steady,
        new_session: Callable[[], str] = lambda: str(new_id()),
    ) -> None:
        self._bus = bus
        self._times = times or Times()
        self._monotonic = monotonic
        self._new_session = new_session
        self._session = ""
        self._revision = 0
        self._announced_at = -float("inf")
        self._began_at = float("inf")
        self._held: dict[int, int] = {}
        self._using: dict[int, dict[asyncio.Timeout, asyncio.Event]] = {}
        self._living = 1
        self._turned = monotonic()
        self.settled = asyncio.Event()
        """Set once the other replicas have had the time to see this one: only then may it call platforms."""

    def owns(self, source: str) -> bool:
        """Whether this replica, and no other, may poll the source now."""
        return shard_of(source) in self._held and self.seconds_left() > 0

    def seconds_left(self) -> float:
        """How long what is held is surely ours, if nothing more is heard from the broker."""
        return self._announced_at + self._times.safe - self._monotonic()

    def held(self) -> frozenset[int]:
        """The shards that are ours now."""
        return frozenset(self._held) if self.seconds_left() > 0 else frozenset()

    def replicas(self) -> int:
        """How many replicas share every rate, this one among them; what was last known while the broker is away."""
        return max(1, self._living)

    def loop_age(self) -> float:
        """Seconds since the loop last turned."""
        return self._monotonic() - self._turned

    @asynccontextmanager
    async def under(self, source: str) -> AsyncIterator[None]:
        """What is done inside is done by this replica alone: it is broken off when the lease ends, and a lease that is
        given up for another replica waits for it. Raises LeaseLost in both cases, and where there is no lease."""
        shard = shard_of(source)
        if not self.owns(source):
            raise LeaseLost(source)
        scope = asyncio.timeout(self.seconds_left())
        using, done = self._using.setdefault(shard, {}), asyncio.Event()
        try:
            async with scope:
                using[scope] = done
                yield
                # A process that was stopped learns first what has come meanwhile, and only then that it is late.
                if not self.owns(source):
                    raise LeaseLost(source)
        except TimeoutError:
            if scope.expired():
                raise LeaseLost(source) from None
            raise
        finally:
            using.pop(scope, None)
            done.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Announces, takes and gives up until `stop` is set; then gives up everything."""
        # At the start the buckets may not be declared yet: that is no news.
        silent = True
        while not stop.is_set():
            self._turned = self._monotonic()
            try:
                await self.turn()
                if silent:
                    _log.info("leases renewed")
                silent = False
            except (Unavailable, TimeoutError) as error:
                if not silent:
                    _log.warning("leases not renewed", error=type(error).__name__)
                silent = True
            self._expire()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._times.announce)
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(self._times.safe / 2):
                await self.leave()

    async def turn(self) -> None:
        """One round: announces, then gives up what is too much or takes what is missing. Raises Unavailable."""
        async with asyncio.timeout(self._times.safe / 2):
            self._expire()
            await self._announce()
            living = set(await (await self._bus.bucket(REPLICAS)).entries()) | {self._session}
            self._living = len(living)
            metrics.INGEST_REPLICAS.set(self._living)
            leases = await self._bus.bucket(LEASES)
            await self._give_up(leases, surplus(self._session, self._held, living))
            if self._monotonic() - self._began_at >= self._times.announce:
                self.settled.set()
                await self._take(leases, living)
        metrics.LEASES_HELD.set(len(self.held()))

    async def leave(self) -> None:
        """Gives up everything, so that others need not wait until it is over by itself. Raises Unavailable."""
        await self._give_up(await self._bus.bucket(LEASES), list(self._held))
        if self._session:
            replicas = await self._bus.bucket(REPLICAS)
            with suppress(Conflict):
                await replicas.delete(self._session, revision=self._revision)
        self._end()
        metrics.LEASES_HELD.set(0)

    async def _announce(self) -> None:
        replicas = await self._bus.bucket(REPLICAS)
        asked_at = self._monotonic()
        if not self._session:
            self._session, self._revision = self._new_session(), 0
        try:
            self._revision = await replicas.replace(self._session, b"1", revision=self._revision)
        except Conflict:
            # Either gone at the broker, or renewed by an earlier attempt whose answer was lost.
            value, revision = await replicas.entry(self._session)
            if value is None:
                _log.warning("session over", session=self._session)
                self._end()
                raise Unavailable("the announcement was gone: a new one begins") from None
            self._revision = await self._renewed(replicas, revision)
        # The broker counts from when it stored it, which was after we asked.
        self._announced_at = asked_at
        self._began_at = min(self._began_at, self._monotonic())
        for shard in self._held:
            for scope in self._using.get(shard, ()):
                self._reschedule(scope, self.seconds_left())

    async def _renewed(self, replicas: Bucket, revision: int) -> int:
        try:
            return await replicas.replace(self._session, b"1", revision=revision)
        except Conflict:
            self._end()
            raise Unavailable("the announcement was gone: a new one begins") from None

    async def _give_up(self, leases: Bucket, shards: list[int]) -> None:
        for shard in shards:
            revision = self._held.pop(shard, None)
            if revision is None:
                continue
            await self._break_off(shard)
            with suppress(Conflict):
                await leases.replace(shard_key(shard), b"", revision=revision)

    async def _break_off(self, shard: int) -> None:
        using = dict(self._using.get(shard, {}))
        for scope in using:
            self._reschedule(scope, 0)
        for done in using.values():
            await done.wait()

    async def _take(self, leases: Bucket, living: set[str]) -> None:
        entries = await leases.entries()
        holders = {
            shard: raw.decode(errors="replace")
            for shard in range(SHARDS)
            if (raw := entries.get(shard_key(shard))) is not None
        }
        for shard in wanted(self._session, self._held, holders, living):
            value, revision = await leases.entry(shard_key(shard))
            holder = (value or b"").decode(errors="replace")
            if holder and holder != self._session and await self._lives(holder):
                continue
            with suppress(Conflict):
                self._held[shard] = await leases.replace(shard_key(shard), self._session.encode(), revision=revision)

    async def _lives(self, session: str) -> bool:
        """Whether the session lives, as the broker's leader has it: a list may come from a replica that lags."""
        value, _ = await (await self._bus.bucket(REPLICAS)).entry(session)
        return value is not None

    def _expire(self) -> None:
        """Forgets everything once it may be another's."""
        if self._session and self._held and self.seconds_left() <= 0:
            _log.warning("leases surrendered", leases=len(self._held))
            self._end()

    def _end(self) -> None:
        for scopes in self._using.values():
            for scope in scopes:
                self._reschedule(scope, 0)
        self._held.clear()
        self._session, self._announced_at, self._began_at = "", -float("inf"), float("inf")
        self.settled.clear()
        metrics.LEASES_HELD.set(0)

    def _reschedule(self, scope: asyncio.Timeout, seconds: float) -> None:
        if not scope.expired():
            # An expired one is on its way out already.
            with suppress(RuntimeError):
                scope.reschedule(asyncio.get_running_loop().time() + max(0.0, seconds))
