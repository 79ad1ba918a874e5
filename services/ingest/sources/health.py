"""The health of all sources, shared by the replicas: each adds what it saw, and any can say how all do.

One key stands for a shard of sources, whoever writes it: however often replicas start, the bucket does not grow.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from services.ingest.connectors.connector import Rights
from services.ingest.sources.bucket import Buckets
from services.ingest.sources.follower import Sources
from services.ingest.sources.pulse import STATES, Pulse, State, merged, seen_when, state_of, trouble
from services.ingest.sources.requirements import PLATFORMS
from services.ingest.sources.sharing import shard_key, shard_of
from services.ingest.sources.source import Source
from shared.clock import Clock
from shared.errors import Conflict, Unavailable
from shared.obs import metrics

BUCKET = "source_health"
TELL_SECONDS = 10.0
"""Between two rounds in which what has changed is told."""
AGAIN_SECONDS = 6 * 3_600.0
"""What has not changed is told again, so that the bucket's ttl does not take it."""
CACHE_SECONDS = 2.0
"""What others told is read no oftener than this."""
CLOCKS_APART = timedelta(minutes=1)
"""What is told of a later moment than that from now was seen by a clock that was wrong: believed, it would outweigh all
that is seen until then."""
FORGED_APART = timedelta(minutes=1)

_log = structlog.get_logger(__name__)
_decoder = msgspec.json.Decoder(dict[str, Pulse])


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How one source does."""

    state: State
    why: str
    pulse: Pulse


class Health:
    """What this replica saw of its sources, and what all of them told. Noting never waits and never fails."""

    def __init__(
        self,
        bus: Buckets,
        *,
        clock: Clock,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._monotonic = monotonic
        self._own: dict[int, dict[str, Pulse]] = defaultdict(dict)
        """By shard."""
        self._dirty: set[int] = set()
        self._told_at: dict[int, float] = {}
        """When each shard that has a value was last told from here, or first seen."""
        self._read_at: float | None = None
        self._all_told: dict[str, Pulse] = {}
        """By all replicas, when it was last read."""
        self._turned = monotonic()

    def heard(self, source: Source, events: int, *, lag: float | None = None) -> None:
        """The platform answered a poll or called the hook, and what it brought is durable: so many events of the page,
        0 as well; `lag` is the last one's age in seconds, where the platform says when it was."""
        now = self._clock()
        if events:
            age = None if lag is None else max(0.0, lag)
            self._note(source.id, succeeded_at=now, last_event_at=now, lag_seconds=age)
        else:
            self._note(source.id, succeeded_at=now)

    def failed(self, source: Source, error: Exception) -> None:
        """What was asked of the platform failed."""
        found = trouble(error, self._clock(), source.secrets)
        metrics.SOURCE_FAILURES.labels(platform=source.platform, kind=found.kind).inc()
        self._note(source.id, error=found)

    def forged(self, source: Source) -> None:
        """Somebody called its hook without the secret. Noted no oftener than every FORGED_APART: anybody may do so, and
        as often as they like."""
        now, noted = self._clock(), self._own[shard_of(source.id)].get(source.id, Pulse()).forged_at
        if noted is None or abs(now - noted) >= FORGED_APART:
            self._note(source.id, forged_at=now)

    def tested(self, source: str, rights: Rights) -> None:
        """What its credentials turned out to allow."""
        now = self._clock()
        self._note(source, rights=rights, tested_at=now, succeeded_at=now)

    def _note(self, source: str, **fields: Any) -> None:
        shard = shard_of(source)
        own = self._own[shard]
        own[source] = msgspec.structs.replace(own.get(source, Pulse()), **fields)
        self._dirty.add(shard)

    def forget(self, source: str) -> None:
        """The source was removed."""
        shard = shard_of(source)
        if self._own[shard].pop(source, None) is not None:
            self._dirty.add(shard)

    def loop_age(self) -> float:
        """Seconds since the loop last turned."""
        return self._monotonic() - self._turned

    async def run(self, stop: asyncio.Event, sources: Sources) -> None:
        """Tells what was seen and counts the states, until `stop` is set; then tells the last of it."""
        while not stop.is_set():
            self._turned = self._monotonic()
            with suppress(Unavailable, TimeoutError):
                await self.read()
                await self.tell(sources)
            self._measure(sources)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), TELL_SECONDS)
        with suppress(Unavailable, TimeoutError):
            await self.tell(sources)

    async def tell(self, sources: Sources) -> None:
        """Adds what was seen since to what is told, and leaves out sources that are no more.

        Raises Unavailable, and tells it next time then; so it does where another replica was faster.
        """
        now = self._monotonic()
        due = {shard for shard, at in self._told_at.items() if now - at >= AGAIN_SECONDS}
        if not (shards := self._dirty | due):
            return
        bucket = await self._bus.bucket(BUCKET)
        for shard in sorted(shards):
            raw, revision = await bucket.entry(shard_key(shard))
            self._dirty.discard(shard)
            told = _told(shard_key(shard), raw)
            for source, pulse in self._own[shard].items():
                told[source] = self._merged([told.get(source, Pulse()), pulse])
            if sources.loaded.is_set():
                told = {source: pulse for source, pulse in told.items() if sources.known(source)}
            try:
                await bucket.replace(shard_key(shard), msgspec.json.encode(told), revision=revision)
            except Conflict:
                self._dirty.add(shard)
                continue
            except Unavailable:
                self._dirty.add(shard)
                raise
            self._told_at[shard] = now

    async def read(self) -> None:
        """Reads what all replicas told, where that was not done just now; raises Unavailable."""
        now = self._monotonic()
        if self._read_at is not None and now - self._read_at < CACHE_SECONDS:
            return
        found: dict[str, list[Pulse]] = defaultdict(list)
        for key, raw in (await (await self._bus.bucket(BUCKET)).entries()).items():
            for source, pulse in _told(key, raw).items():
                found[source].append(pulse)
                self._told_at.setdefault(shard_of(source), now)
        self._all_told = {source: self._merged(pulses) for source, pulses in found.items()}
        self._read_at = now

    def standing(self, id: str, sources: Sources) -> Standing:
        """How the source does, as far as this replica knows; `read` brings in what the others know."""
        pulse = self._merged([self._all_told.get(id, Pulse()), self._own[shard_of(id)].get(id, Pulse())])
        record = sources.record(id)
        if record is not None:
            # What was told before it was added is another source's of the same id.
            pulse = seen_when(pulse, lambda at: at >= record.added_at)
        state, why = state_of(record, sources.problems().get(id), pulse)
        return Standing(state=state, why=why, pulse=pulse)

    def _merged(self, pulses: Iterable[Pulse]) -> Pulse:
        latest = self._clock() + CLOCKS_APART
        return merged(seen_when(pulse, lambda at: at <= latest) for pulse in pulses)

    def _measure(self, sources: Sources) -> None:
        if sources.loaded.is_set():
            for id in [id for own in self._own.values() for id in own if not sources.known(id)]:
                self.forget(id)
        counts: dict[tuple[str, State], int] = defaultdict(int)
        lags: dict[str, float] = defaultdict(float)
        for record in sources.records():
            standing = self.standing(record.id, sources)
            counts[record.platform, standing.state] += 1
            lags[record.platform] = max(lags[record.platform], standing.pulse.lag_seconds or 0.0)
        for platform in PLATFORMS:
            for state in STATES:
                metrics.SOURCES.labels(platform=platform, state=state).set(counts[platform, state])
            metrics.SOURCE_LAG.labels(platform=platform).set(lags[platform])


def _told(key: str, raw: bytes | None) -> dict[str, Pulse]:
    try:
        return {} if raw is None else _decoder.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        _log.warning("health unreadable", entry=key[:60])
        return {}
