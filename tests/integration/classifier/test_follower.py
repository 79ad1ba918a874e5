"""A replica and the pointer: it follows, and nothing that is wrong with a version takes the one before from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.classifier.life import follower as module
from services.classifier.life.registry import Loaded, Registry
from services.classifier.life.replica import Replica
from services.classifier.life.standing import Pointers
from services.classifier.life.succession import Succession
from shared.bus import Bus
from shared.errors import Unavailable
from shared.obs import metrics
from tests.fixtures.broker import Broker
from tests.fixtures.variants import damage
from tests.integration.classifier.conftest import replica


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def following(*replicas: Succession) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(one.follower.run(stop)) for one in replicas]
    try:
        for one in replicas:
            await one.wait(stop)
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


def followed(place: str) -> float:
    return float(metrics.MODEL_FOLLOWED.labels(place=place)._value.get())


async def judges_with(version: str, *replicas: Succession) -> None:
    await until(lambda: all(one.live.model.version == version for one in replicas))


async def told(one: Succession, *live: str) -> list[Replica]:
    """What the replicas tell of themselves, once they judge with these versions."""
    async with asyncio.timeout(20):
        while True:
            found = await one.replicas.all()
            if [item.live for item in found] == [*live]:
                return found
            await asyncio.sleep(0.05)


async def test_every_replica_follows_within_seconds(
    bus: Bus, base: Loaded, pointers: Pointers, published: tuple[str, str]
) -> None:
    first, second = published
    one, other = replica(bus, base), replica(bus, base)
    async with following(one, other):
        assert one.live.model is base.model
        await pointers.promote(first, by="test")
        await judges_with(first, one, other)
        await pointers.promote(second, by="test")
        await judges_with(second, one, other)
        await pointers.roll_back(by="test")
        await judges_with(first, one, other)
        await pointers.roll_back(by="test")
        await judges_with(base.model.version, one, other)
        found = await told(one, base.model.version, base.model.version)
        assert followed("live") == 1
        assert [item.live_problem for item in found] == [None, None]
    assert await one.replicas.all() == []


@pytest.fixture
def soon_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.5)


@pytest.mark.usefixtures("soon_again")
async def test_a_damaged_version_leaves_the_one_before_and_is_taken_once_it_is_mended(
    bus: Bus, base: Loaded, pointers: Pointers, published: tuple[str, str], tmp_path: Path
) -> None:
    first, second = published
    await pointers.promote(first, by="test")
    one = replica(bus, base)
    async with following(one):
        assert one.live.model.version == first
        await damage(bus, second)
        await pointers.promote(second, by="test")
        await until(lambda: one.follower.replica().live_problem is not None)
        assert one.live.model.version == first
        assert followed("live") == 0
        async with asyncio.timeout(20):
            while (known := (await one.replicas.all())[0]).live_problem is None:
                await asyncio.sleep(0.05)
        assert known.live == first
        assert second in known.live_problem

        # One that starts now judges with the one before as well, not with the packaged model.
        late = replica(bus, base)
        async with following(late):
            assert late.live.model.version == first
            assert late.follower.replica().live_problem is not None

        await Registry(bus).publish(tmp_path / "b", by="test")
        await until(lambda: one.live.model.version == second)
        assert one.follower.replica().live_problem is None
        assert followed("live") == 1


@pytest.mark.parametrize("pointer", [b"{", b"\xff", b'{"version":"../etc"}', b'{"version":"fast-unknown"}'])
async def test_a_pointer_to_nothing_changes_nothing(
    bus: Bus, base: Loaded, pointers: Pointers, published: tuple[str, str], pointer: bytes
) -> None:
    await pointers.promote(published[0], by="test")
    one = replica(bus, base)
    async with following(one):
        await (await bus.bucket("model_pointer")).put("live", pointer)
        await until(lambda: one.follower.replica().live_problem is not None)
        assert one.live.model.version == published[0]
        await pointers.promote(published[1], by="test")
        await until(lambda: one.live.model.version == published[1])


async def test_with_nothing_usable_at_the_start_the_packaged_model_judges(bus: Bus, base: Loaded) -> None:
    await (await bus.bucket("model_pointer")).put("live", b'{"version":"fast-b","before":[null,"fast-a"]}')
    one = replica(bus, base)
    async with following(one):
        assert one.live.model is base.model
        assert "fast-b" in (one.follower.replica().live_problem or "")


async def test_while_the_broker_is_away_everything_stays_and_the_change_is_found_afterwards(
    bus: Bus, base: Loaded, pointers: Pointers, published: tuple[str, str], broker: Broker
) -> None:
    await pointers.promote(published[0], by="test")
    one = replica(bus, base)
    async with following(one):
        broker.kill()
        await asyncio.sleep(2.5)
        assert one.live.model.version == published[0]
        assert one.follower.loop_age() < 10
        broker.start()
        await until(lambda: bus.ready, 20)
        await pointers.promote(published[1], by="test")
        await until(lambda: one.live.model.version == published[1])


async def test_comments_do_not_wait_for_a_shadow_that_cannot_be_read_now(
    bus: Bus, base: Loaded, pointers: Pointers, published: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = published
    await pointers.promote(first, by="test")
    await pointers.set_shadow(second, by="test")
    load, away = Registry.load, True

    async def partly(registry: Registry, version: str) -> Loaded:
        if away and version == second:
            raise Unavailable("away")
        return await load(registry, version)

    monkeypatch.setattr(Registry, "load", partly)
    one = replica(bus, base)
    async with asyncio.timeout(20), following(one):
        assert one.live.model.version == first
        assert one.shadow.pair is None
        away = False
        await until(lambda: one.shadow.pair == (first, second))


async def test_the_shadow_follows_and_a_damaged_one_is_told(
    bus: Bus, base: Loaded, pointers: Pointers, published: tuple[str, str]
) -> None:
    first, second = published
    one = replica(bus, base)
    async with following(one):
        await pointers.set_shadow(first, by="test")
        await until(lambda: one.shadow.pair == (base.model.version, first))
        await pointers.promote(second, by="test")
        await until(lambda: one.shadow.pair == (second, first))
        await pointers.promote(first, by="test")
        await until(lambda: one.live.model.version == first)
        await until(lambda: one.shadow.pair is None)
        await damage(bus, second)
        await pointers.set_shadow(second, by="test")
        await until(lambda: one.follower.replica().shadow_problem is not None)
        assert one.live.model.version == first
        assert one.follower.replica().live_problem is None
        assert followed("shadow") == 0
        await pointers.set_shadow(None, by="test")
        await until(lambda: one.follower.replica().shadow_problem is None)
