"""Unsure comments wait for the careful reader, in nobody's way, and go on exactly once, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import numpy as np
import pytest

from services.classifier import app
from services.classifier.careful import second
from services.classifier.careful.aside import Aside
from services.classifier.life.registry import Loaded
from services.classifier.settings import Settings
from shared.bus import CLASSIFIER_COMMENTS, Bus
from shared.bus.declaration import consumer_config
from shared.events import Tagged
from tests.fixtures.broker import Broker
from tests.fixtures.careful import CLEAR, DEADLY, UNCLEAR, ToyEmbedder, TwoMinds
from tests.fixtures.inprocess import running
from tests.integration.classifier.atwork import all_done, at_work, comment, count, say, tagged, tagged_are, until

ROOT = Path(__file__).parents[3]


def once(events: list[Tagged], number: int) -> None:
    """Each of so many comments is there, and none twice."""
    seen = Counter(event.comment.id for event in events)
    assert set(seen) == {f"vk:wall:-1:{one}" for one in range(1, number + 1)}
    assert set(seen.values()) == {1}


async def test_an_unsure_one_is_read_carefully_and_goes_on_once(bus: Bus) -> None:
    embedder = ToyEmbedder()
    async with at_work(bus, embedder):
        await say(bus, [comment(1, UNCLEAR)])
        await all_done(bus)

    (event,) = await tagged(bus)
    assert (event.reader, event.tag, event.unsure) == ("careful", "question", False)
    assert event.embedding is not None
    assert event.embedding.name == embedder.name
    assert np.frombuffer(event.embedding.vector, dtype=np.int8)[0] == 127
    assert embedder.read == [UNCLEAR]


async def test_on_a_quiet_day_the_sure_ones_are_read_too(bus: Bus) -> None:
    async with at_work(bus, ToyEmbedder()):
        await say(bus, [comment(1, CLEAR)])
        await all_done(bus)

    assert [event.reader for event in await tagged(bus)] == ["careful"]


async def test_the_others_do_not_wait_for_it(bus: Bus) -> None:
    embedder = ToyEmbedder(closed=True)
    await say(bus, [comment(1, UNCLEAR), *(comment(number, f"{CLEAR} {number}") for number in range(2, 602))])
    async with at_work(bus, embedder):
        # A full batch of sure ones is no quiet day: none of them is held.
        await tagged_are(bus, 600)
        assert "vk:wall:-1:1" not in {event.comment.id for event in await tagged(bus)}
        embedder.gate.set()
        await all_done(bus)

    events = await tagged(bus)
    once(events, 601)
    assert (events[-1].comment.id, events[-1].reader) == ("vk:wall:-1:1", "careful")


async def test_after_its_time_it_goes_on_as_the_fast_reader_said(bus: Bus) -> None:
    embedder = ToyEmbedder(closed=True)
    async with at_work(bus, embedder, hold_seconds=0.2):
        await say(bus, [comment(1, UNCLEAR)])
        await all_done(bus)
        embedder.gate.set()
        await say(bus, [comment(2, UNCLEAR)])
        await all_done(bus)

    first, later = await tagged(bus)
    assert (first.reader, first.tag, first.unsure, first.embedding) == ("fast", "other", True, None)
    assert (later.comment.id, later.reader) == ("vk:wall:-1:2", "careful")


async def test_whoever_finds_no_room_goes_on_at_once(bus: Bus) -> None:
    embedder = ToyEmbedder(closed=True)
    await say(bus, [comment(number, f"{UNCLEAR} {number}") for number in range(1, 1_201)])
    async with at_work(bus, embedder, hold_seconds=second.HOLD_SECONDS * 1_000):
        await tagged_are(bus, 1_200 - second.MAX_HELD)
        assert await count(bus) < 1_200
        embedder.gate.set()
        await all_done(bus)

    events = await tagged(bus)
    once(events, 1_200)
    readers = Counter(event.reader for event in events)
    assert readers["careful"] == second.MAX_HELD


async def test_what_kills_the_embedder_goes_on(bus: Bus) -> None:
    async with at_work(bus, ToyEmbedder()):
        await say(bus, [comment(1, DEADLY), comment(2, UNCLEAR)])
        await all_done(bus)

    assert {event.comment.id: event.reader for event in await tagged(bus)} == {
        "vk:wall:-1:1": "fast",
        "vk:wall:-1:2": "careful",
    }


async def test_on_stop_what_is_held_goes_on(bus: Bus) -> None:
    embedder = ToyEmbedder(closed=True)
    await say(bus, [comment(number, f"{UNCLEAR} {number}") for number in range(1, 4)])
    async with at_work(bus, embedder):
        while not embedder.entered.is_set():
            await asyncio.sleep(0.01)
        assert await count(bus) == 0
        told = time.monotonic()
    # It does not wait for an embedder that hangs; the consumer's fetch takes up to two seconds.
    assert time.monotonic() - told < 15.0
    embedder.close()

    events = await tagged(bus)
    once(events, 3)
    assert {event.reader for event in events} == {"fast"}
    await all_done(bus)


async def test_a_service_that_stops_kills_an_embedder_that_hangs(
    bus: Bus, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Aside] = []

    def load(*_: object) -> Aside:
        made.append(Aside((sys.executable, "-m", "tests.fixtures.careful")))
        return made[0]

    monkeypatch.setattr(app, "load_embedder", load)
    service = app.make_app(Settings(nats_url=nats_url), Loaded(model=TwoMinds.load(), reference=None))
    async with running(service):
        process = made[0].pid
        await say(bus, [comment(1, "hang")])
        # After half a second it goes on as the fast reader said.
        await tagged_are(bus, 1)
        assert made[0].pid == process
        told = time.monotonic()
    assert time.monotonic() - told < 15.0
    assert not Path(f"/proc/{process}").exists()
    once(await tagged(bus), 1)


async def test_what_a_killed_process_held_comes_again(bus: Bus, nats_url: str) -> None:
    # Redelivered soon, so that the test need not wait for half a minute.
    spec = msgspec.structs.replace(CLASSIFIER_COMMENTS, ack_wait=1.0)
    victim = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.classifier.victim", nats_url], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        # One after the other, so that the first of them is held and in the middle of being read.
        await say(bus, [comment(number, f"{UNCLEAR} {number}") for number in range(1, 6)])

        async def delivered() -> bool:
            info = await bus.jetstream.consumer_info(spec.stream, spec.durable)
            return bool(info.num_ack_pending == 5)

        await until(delivered, "the victim to hold them")
    finally:
        victim.kill()
        victim.wait()
    assert await count(bus) == 0
    await bus.jetstream.add_consumer(spec.stream, consumer_config(spec))

    async with at_work(bus, ToyEmbedder()):
        await all_done(bus)

    events = await tagged(bus)
    once(events, 5)
    assert {event.reader for event in events} == {"careful"}


async def test_while_the_broker_is_away_they_are_held_and_go_on_once(bus: Bus, broker: Broker) -> None:
    embedder = ToyEmbedder(closed=True)
    async with at_work(bus, embedder):
        await say(bus, [comment(number, f"{UNCLEAR} {number}") for number in range(1, 4)])
        while not embedder.entered.is_set():
            await asyncio.sleep(0.01)
        broker.kill()
        while bus.connected:
            await asyncio.sleep(0.01)
        embedder.gate.set()
        while len(embedder.read) < 3:
            await asyncio.sleep(0.01)
        broker.start()
        await tagged_are(bus, 3)
        await all_done(bus)

    once(await tagged(bus), 3)


async def test_stopping_while_the_broker_is_away_hands_back(bus: Bus, broker: Broker) -> None:
    async def there() -> bool:
        return bus.connected

    async def away() -> bool:
        return not bus.connected

    embedder = ToyEmbedder(closed=True)
    async with at_work(bus, embedder):
        await say(bus, [comment(1, UNCLEAR)])
        while not embedder.entered.is_set():
            await asyncio.sleep(0.01)
        broker.kill()
        await until(away, "the loss of the connection")
        embedder.gate.set()
    broker.start()
    await until(there, "the connection")
    assert await count(bus) == 0
    spec = msgspec.structs.replace(CLASSIFIER_COMMENTS, ack_wait=1.0)
    await bus.jetstream.add_consumer(spec.stream, consumer_config(spec))

    async with at_work(bus, ToyEmbedder()):
        await all_done(bus)

    once(await tagged(bus), 1)


@pytest.mark.parametrize("embedder", [None, ToyEmbedder()], ids=["none", "another"])
async def test_without_a_careful_reader_nothing_is_held(
    bus: Bus, embedder: ToyEmbedder | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if embedder is not None:
        monkeypatch.setattr(embedder, "name", "another/1")
    async with at_work(bus, embedder):
        await say(bus, [comment(1, UNCLEAR), comment(2, CLEAR)])
        await all_done(bus)

    assert [event.reader for event in await tagged(bus)] == ["fast", "fast"]
