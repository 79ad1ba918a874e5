"""Three replicas over the real broker: one is killed, one is paused, and no shard is ever held by two."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest

from services.ingest.sources.leases import REPLICAS, Leases, Times
from services.ingest.sources.sharing import SHARDS
from shared.bus import Bus

TIMES = Times(ttl=2.0, announce=0.25, safe=1.2)
WITHIN = TIMES.ttl + 2 * TIMES.announce
"""Seconds: the promise, plus what a busy machine takes, which the assertion adds."""
BUSY = 4.0


class Replica:
    """One replica with a connection and a clock of its own."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self.awake = asyncio.Event()
        self.awake.set()
        self.leases = Leases(self, times=TIMES, monotonic=self.clock)
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self.leases.run(self._stop))
        self.ahead = 0.0

    def clock(self) -> float:
        """The injected clock."""
        return time.monotonic() + getattr(self, "ahead", 0.0)

    async def bucket(self, name: str) -> Any:
        """As the bus has it, but not while this replica is paused."""
        await self.awake.wait()
        return await self._bus.bucket(name)

    async def kill(self) -> None:
        """Ends it without a word to anybody."""
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def stop(self) -> None:
        """Ends it as `serve` does."""
        self._stop.set()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


class Fleet:
    """Several replicas, and an observer who looks at all of them every few milliseconds."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._buses: list[Bus] = []
        self.replicas: list[Replica] = []
        self.doubled: list[set[int]] = []
        self.looks = 0
        self._watching = asyncio.create_task(self._watch())

    async def start(self) -> Replica:
        bus = await Bus.connect(self._url, name="test")
        if not self._buses:
            await bus.ensure()
            found = (await bus.jetstream.stream_info(f"KV_{REPLICAS}")).config
            await bus.jetstream.update_stream(found.evolve(max_age=TIMES.ttl, duplicate_window=TIMES.ttl))
        self._buses.append(bus)
        self.replicas.append(Replica(bus))
        return self.replicas[-1]

    async def _watch(self) -> None:
        while True:
            held = [replica.leases.held() for replica in self.replicas]
            twice = {shard for shards in held for shard in shards if sum(shard in other for other in held) > 1}
            if twice:
                self.doubled.append(twice)
            self.looks += 1
            await asyncio.sleep(0.004)

    def counts(self) -> list[int]:
        return [len(replica.leases.held()) for replica in self.replicas]

    async def until(self, condition: Callable[[], bool], seconds: float) -> float:
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, self.counts()
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def end(self) -> None:
        for replica in self.replicas:
            replica.awake.set()
            await replica.stop()
        self._watching.cancel()
        for bus in self._buses:
            await bus.drain()


@pytest.fixture
async def fleet(nats_url: str) -> AsyncIterator[Fleet]:
    fleet = Fleet(nats_url)
    yield fleet
    await fleet.end()


async def test_one_is_killed_one_is_paused_and_nothing_is_held_twice(fleet: Fleet) -> None:
    for _ in range(3):
        await fleet.start()
    await fleet.until(lambda: sorted(fleet.counts()) == [21, 21, 22], 20)
    one, killed, paused = fleet.replicas
    assert {replica.leases.replicas() for replica in fleet.replicas} == {3}

    await killed.kill()
    took = await fleet.until(lambda: sum(fleet.counts()) - len(killed.leases.held()) == SHARDS, WITHIN + BUSY)
    print(f"after a kill all shards were held again within {took:.2f} s (promised: {WITHIN:.2f} s)")
    assert sorted(fleet.counts()) == [0, 32, 32]

    paused.awake.clear()
    took = await fleet.until(lambda: len(one.leases.held()) == SHARDS, WITHIN + BUSY)
    print(f"after a pause all shards were held again within {took:.2f} s (promised: {WITHIN:.2f} s)")
    assert not paused.leases.held()
    paused.awake.set()
    await fleet.until(lambda: sorted(fleet.counts()) == [0, 32, 32], 20)

    await paused.stop()
    assert set(await (await one.bucket(REPLICAS)).entries()) == {one.leases._session}, "who stops takes its leave"
    await fleet.until(lambda: len(one.leases.held()) == SHARDS, WITHIN + BUSY)
    assert fleet.doubled == []
    assert fleet.looks > 200


async def test_a_machine_that_slept_gives_up_at_once_when_it_wakes(fleet: Fleet) -> None:
    for _ in range(2):
        await fleet.start()
    await fleet.until(lambda: fleet.counts() == [32, 32], 20)
    sleeper = fleet.replicas[0]
    sleeper.ahead = 3_600.0
    assert not sleeper.leases.held()
    await fleet.until(lambda: sum(fleet.counts()) == SHARDS and fleet.counts()[0] == 32, 3 * WITHIN + BUSY)
    assert fleet.doubled == []


async def test_the_declared_lifetime_is_the_one_that_the_leases_count_on(nats_url: str) -> None:
    async with await Bus.connect(nats_url, name="test") as bus:
        await bus.ensure()
        found = (await bus.jetstream.stream_info(f"KV_{REPLICAS}")).config
        assert timedelta(seconds=found.max_age or 0) == timedelta(seconds=Times().ttl)
