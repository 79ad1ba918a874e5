"""Whatever happens to replicas and to their broker, no shard is held by two, and in the end all are held."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.sources.leases import REPLICAS, LeaseLost, Leases, Times
from services.ingest.sources.sharing import SHARDS, quota, shard_of, surplus, wanted
from shared.errors import Conflict, Unavailable
from tests.fixtures.bucket import InMemoryBucket

TIMES = Times()


class World:
    """The true time, and a broker that goes by it."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.buckets = {"leases": InMemoryBucket(), REPLICAS: ExpiringBucket(self)}


class ExpiringBucket(InMemoryBucket):
    """Forgets what was put longer than TIMES.ttl ago, as the broker does."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self._put_at: dict[str, float] = {}

    def _over(self, key: str) -> bool:
        return self._world.now - self._put_at.get(key, self._world.now) >= TIMES.ttl

    async def entry(self, key: str) -> tuple[bytes | None, int]:
        return (None, 0) if self._over(key) else await super().entry(key)

    async def replace(self, key: str, value: bytes, *, revision: int) -> int:
        if (await self.entry(key))[1] != revision:
            raise Conflict(key)
        self._put_at[key] = self._world.now
        return await self.put(key, value)

    async def entries(self) -> dict[str, bytes]:
        return {key: value for key, value in (await super().entries()).items() if not self._over(key)}


class Line:
    """One replica's connection. `failing` calls from now it breaks, before or after what was asked was done."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.failing: int | None = None
        self.answer_lost = False
        self.blind = False
        """Asked for everything in the bucket of replicas, it is told of none."""

    async def bucket(self, name: str) -> Any:
        bucket = self._world.buckets[name]
        return _Wire(self, bucket, blind=self.blind and name == REPLICAS)

    async def through(self, call: Callable[[], Any]) -> Any:
        if self.failing is not None:
            self.failing -= 1
            if self.failing < 0:
                if self.answer_lost:
                    await call()
                raise Unavailable("the broker did not answer")
        return await call()


class _Wire:
    def __init__(self, line: Line, bucket: InMemoryBucket, *, blind: bool) -> None:
        self._line = line
        self._bucket = bucket
        self._blind = blind

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(InMemoryBucket() if self._blind and name == "entries" else self._bucket, name)
        return lambda *args, **kwargs: self._line.through(lambda: method(*args, **kwargs))


class Replica:
    """Leases whose clock runs at a rate of its own."""

    def __init__(self, world: World, name: str, rate: float = 1.0) -> None:
        self.line = Line(world)
        self.leases = Leases(
            self.line, monotonic=lambda: world.now * rate, new_session=(f"{name}-{n}" for n in range(10_000)).__next__
        )

    async def turn(self) -> None:
        with contextlib.suppress(Unavailable):
            await self.leases.turn()


def assert_apart(replicas: list[Replica]) -> None:
    held = [shard for replica in replicas for shard in replica.leases.held()]
    assert len(held) == len(set(held))


async def settle(world: World, replicas: list[Replica], seconds: float) -> None:
    for _ in range(int(seconds / TIMES.announce)):
        for replica in replicas:
            await replica.turn()
            assert_apart(replicas)
        world.now += TIMES.announce


@pytest.fixture
def world() -> World:
    return World()


async def test_a_single_replica_waits_one_announcement_and_then_holds_everything(world: World) -> None:
    alone = Replica(world, "a")
    await alone.turn()
    assert not alone.leases.held()
    assert not alone.leases.settled.is_set()

    world.now += TIMES.announce
    await alone.turn()
    assert len(alone.leases.held()) == SHARDS
    assert alone.leases.settled.is_set()
    assert alone.leases.replicas() == 1


async def test_three_replicas_share_fairly_and_a_fourth_gets_its_share(world: World) -> None:
    replicas = [Replica(world, name) for name in "abc"]
    await settle(world, replicas, 12)
    assert sorted(len(replica.leases.held()) for replica in replicas) == [21, 21, 22]

    replicas.append(Replica(world, "d"))
    await settle(world, replicas, 12)
    assert [len(replica.leases.held()) for replica in replicas] == [16, 16, 16, 16]
    assert {replica.leases.replicas() for replica in replicas} == {4}


async def test_what_a_killed_replica_held_is_held_again_within_the_promised_time(world: World) -> None:
    replicas = [Replica(world, name) for name in "abc"]
    await settle(world, replicas, 12)
    killed_at = world.now
    left = replicas[:2]
    while sum(len(replica.leases.held()) for replica in left) < SHARDS:
        await settle(world, left, TIMES.announce)
        assert_apart(replicas)
    assert world.now - killed_at <= TIMES.ttl + 2 * TIMES.announce


async def test_a_replica_that_stops_leaves_nothing_to_wait_for(world: World) -> None:
    one, other = replicas = [Replica(world, name) for name in "ab"]
    await settle(world, replicas, 12)
    await one.leases.leave()
    assert not one.leases.held()

    await other.turn()
    assert len(other.leases.held()) == SHARDS
    assert other.leases.replicas() == 1


async def test_without_the_broker_everything_is_given_up_by_ones_own_clock(world: World) -> None:
    replica = Replica(world, "a")
    await settle(world, [replica], 6)
    replica.line.failing = 0
    last = world.now - TIMES.announce
    world.now = last + TIMES.safe - 0.1
    await replica.turn()
    assert replica.leases.held()

    world.now = last + TIMES.safe
    assert not replica.leases.held()
    assert not replica.leases.owns("any")
    assert replica.leases.replicas() == 1

    replica.line.failing = None
    await settle(world, [replica], 9)
    assert len(replica.leases.held()) == SHARDS


async def test_a_list_that_lags_takes_nothing_from_the_living(world: World) -> None:
    one, other = Replica(world, "a"), Replica(world, "b")
    await settle(world, [one], 6)
    other.line.blind = True
    await settle(world, [other, one], 6)
    assert len(other.leases.held()) == SHARDS // 2
    await other.turn()
    assert_apart([one, other])


async def test_a_paused_replica_comes_back_with_nothing(world: World) -> None:
    one, other = replicas = [Replica(world, name) for name in "ab"]
    await settle(world, replicas, 12)
    await settle(world, [other], 24)
    assert len(other.leases.held()) == SHARDS
    assert not one.leases.held()

    await settle(world, replicas, 12)
    assert [len(replica.leases.held()) for replica in replicas] == [32, 32]


async def test_what_is_done_under_a_lease_is_broken_off_before_another_may_begin(world: World) -> None:
    one, other = (Replica(world, name) for name in "ab")
    await settle(world, [one], 6)
    order: list[str] = []
    source = next(f"s{n}" for n in range(1_000) if shard_of(f"s{n}") == _given_up(one))

    async def poll() -> None:
        try:
            async with one.leases.under(source):
                try:
                    await asyncio.sleep(600)
                finally:
                    order.append("ended")
        except LeaseLost:
            order.append("lost")

    polling = asyncio.create_task(poll())
    await asyncio.sleep(0)
    await other.turn()
    await one.turn()
    assert order[0] == "ended"
    assert not one.leases.owns(source)
    await polling
    assert order == ["ended", "lost"]
    world.now += TIMES.announce
    await other.turn()
    assert other.leases.owns(source)
    async with other.leases.under(source):
        pass
    with pytest.raises(LeaseLost):
        async with one.leases.under(source):
            raise AssertionError("not reached")


def _given_up(replica: Replica) -> int:
    """A shard that it gives up once there are two."""
    session = replica.leases._session
    return surplus(session, replica.leases.held(), {session, "b-0"})[0]


async def test_what_ends_too_late_counts_for_nothing(world: World) -> None:
    replica = Replica(world, "a")
    await settle(world, [replica], 6)
    with pytest.raises(LeaseLost):
        async with replica.leases.under("s"):
            world.now += TIMES.safe


async def test_a_time_out_of_what_is_done_is_its_own(world: World) -> None:
    replica = Replica(world, "a")
    await settle(world, [replica], 6)
    with pytest.raises(TimeoutError):
        async with replica.leases.under("s"):
            raise TimeoutError


STEP = st.one_of(
    st.tuples(st.just("wait"), st.floats(0, 6)),
    st.tuples(st.just("turn"), st.integers(0, 3)),
    st.tuples(st.just("break"), st.integers(0, 3), st.integers(0, 40), st.booleans()),
    st.tuples(st.just("mend"), st.integers(0, 3)),
    st.tuples(st.just("leave"), st.integers(0, 3)),
)


@settings(max_examples=60)
@given(
    steps=st.lists(STEP, max_size=60),
    rates=st.lists(st.floats(0.9, 1.1), min_size=4, max_size=4),
)
async def test_no_shard_is_ever_held_by_two(steps: list[tuple[Any, ...]], rates: list[float]) -> None:
    world = World()
    replicas = [Replica(world, name, rate) for name, rate in zip("abcd", rates, strict=True)]
    for step in steps:
        match step:
            case ("wait", seconds):
                world.now += seconds
            case ("turn", number):
                await replicas[number].turn()
            case ("break", number, calls, answer_lost):
                replicas[number].line.failing, replicas[number].line.answer_lost = calls, answer_lost
            case ("mend", number):
                replicas[number].line.failing = None
            case ("leave", number):
                with contextlib.suppress(Unavailable):
                    await replicas[number].leases.leave()
        assert_apart(replicas)
    for replica in replicas:
        replica.line.failing = None
    await settle(world, replicas, 60)
    assert [len(replica.leases.held()) for replica in replicas] == [16, 16, 16, 16]


class Stalling(Line):
    """A line on which any call may take long before and after it is done, while the others go on and time passes."""

    def __init__(self, world: World, chance: random.Random, look: Callable[[], None]) -> None:
        super().__init__(world)
        self._chance = chance
        self._look = look

    async def through(self, call: Callable[[], Any]) -> Any:
        await self._stall()
        try:
            return await call()
        finally:
            await self._stall()

    async def _stall(self) -> None:
        for _ in range(self._chance.choice((0, 0, 1, 3, 30))):
            await asyncio.sleep(0)
            self._world.now += self._chance.choice((0.0, 0.0, 0.01, 0.05, 2.0 if self._chance.random() < 0.01 else 0.0))
            self._look()


@settings(max_examples=25)
@given(seed=st.integers(0, 2**32))
async def test_no_shard_is_ever_held_by_two_however_their_turns_cross(seed: int) -> None:
    world, chance = World(), random.Random(seed)
    replicas: list[Replica] = []
    for name in "abc":
        replica = Replica(world, name)
        replica.leases._bus = Stalling(world, chance, lambda: assert_apart(replicas))
        replicas.append(replica)

    async def live(replica: Replica) -> None:
        for _ in range(12):
            await replica.turn()
            if chance.random() < 0.05:
                await replica.leases.leave()
            for _ in range(chance.choice((1, 20, 20, 400))):
                await asyncio.sleep(0)
            world.now += chance.choice((0.5, 1.0))
            assert_apart(replicas)

    await asyncio.gather(*(live(replica) for replica in replicas))
    for replica in replicas:
        replica.leases._bus = Line(world)
    await settle(world, replicas, 60)
    assert sorted(len(replica.leases.held()) for replica in replicas) == [21, 21, 22]


def test_shares_differ_by_one_at_most_and_make_up_the_whole() -> None:
    for count in range(1, 70):
        living = {f"r{n}" for n in range(count)}
        shares = [quota(replica, living) for replica in living]
        assert sum(shares) == SHARDS
        assert max(shares) - min(shares) <= 1
    assert quota("stranger", {"a"}) == 0


def test_only_what_is_over_the_quota_moves() -> None:
    held = set(range(SHARDS))
    given_up = surplus("a", held, {"a", "b"})
    assert len(given_up) == 32
    holders = dict.fromkeys(held - set(given_up), "a")
    assert sorted(wanted("b", set(), holders, {"a", "b"})) == sorted(given_up)
    assert wanted("b", set(given_up), holders, {"a", "b"}) == []


def test_what_was_taken_without_hearing_of_it_is_taken_again() -> None:
    assert wanted("a", set(), {3: "a", **{n: "b" for n in range(SHARDS) if n != 3}}, {"a", "b"}) == [3]


def test_sources_are_spread_over_all_shards() -> None:
    counts = [0] * SHARDS
    for number in range(2_000):
        counts[shard_of(f"city-{number}")] += 1
    assert min(counts) > 10
    assert max(counts) < 60


def test_times_that_could_not_keep_the_promise_are_refused() -> None:
    for times in ({"safe": 15.0}, {"announce": 5.0}):
        with pytest.raises(ValueError, match="announce < safe < ttl"):
            Times(**times)
