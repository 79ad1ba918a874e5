"""Too many dead letters pause a consumer; it probes, and goes on when a message is good again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import msgspec

from shared.bus import CLASSIFIER_COMMENTS, Bus, Consumer, Delivered
from shared.errors import Poison
from tests.integration.bus.samples import (
    QUICK,
    Recorder,
    all_done,
    comments,
    consumer,
    running,
    stored,
    unfinished,
    until,
)

BATCH = 10
NARROW = msgspec.structs.replace(QUICK, window=50, probe_seconds=3_600.0, fetch_seconds=1.0)
"""Pauses at the eleventh dead letter of the last fifty, and never probes while a test lasts. Batches come whole, from a
busy broker too."""


class Weather:
    """A verdict that can be changed."""

    def __init__(self) -> None:
        self.bad = True

    def __call__(self, batch: Sequence[Delivered]) -> dict[int, Poison]:
        return {index: Poison("bad", "no") for index in range(len(batch))} if self.bad else {}


def paused(reader: Consumer) -> bool:
    return reader.state == "paused"


async def dead(bus: Bus) -> int:
    return int((await bus.jetstream.stream_info("DEAD")).state.messages)


async def test_it_pauses_and_leaves_what_is_left_untouched(bus: Bus) -> None:
    await bus.publish(comments(200))
    handle = Recorder(Weather())
    reader = consumer(bus, CLASSIFIER_COMMENTS, handle, max_batch=BATCH, patience=NARROW)

    async with running(reader):
        await until(lambda: paused(reader), "the pause")
        # The eleventh dead letter is in the second batch, which is finished; the third, already fetched, goes back.
        while await dead(bus) < 2 * BATCH:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert paused(reader)

    assert len(handle.calls) == 2
    assert await dead(bus) == 2 * BATCH
    waiting, held = await unfinished(bus, CLASSIFIER_COMMENTS)
    assert waiting + held == 200 - 2 * BATCH


async def test_a_share_at_the_limit_does_not_pause(bus: Bus) -> None:
    def verdict(batch: Sequence[Delivered]) -> dict[int, Poison]:
        return {index: Poison("bad", "no") for index, item in enumerate(batch) if item.sequence % 5 == 0}

    await bus.publish(comments(200))
    reader = consumer(bus, CLASSIFIER_COMMENTS, Recorder(verdict), max_batch=BATCH, patience=NARROW)

    async with running(reader):
        await all_done(bus, CLASSIFIER_COMMENTS)
        assert reader.state == "running"

    assert await dead(bus) == 40


async def test_a_probe_that_is_good_resumes(bus: Bus) -> None:
    await bus.publish(comments(100))
    weather = Weather()
    handle = Recorder(weather)
    patience = msgspec.structs.replace(NARROW, probe_seconds=0.1)
    reader = consumer(bus, CLASSIFIER_COMMENTS, handle, max_batch=BATCH, patience=patience)

    async with running(reader):
        await until(lambda: paused(reader), "the pause")
        # Probes that are bad change nothing: one message each.
        before = len(handle.calls)
        await until(lambda: len(handle.calls) >= before + 3, "three probes")
        assert all(len(call) == 1 for call in handle.calls[before:])
        assert paused(reader)
        weather.bad = False
        await until(lambda: reader.state == "running", "the end of the pause")
        await all_done(bus, CLASSIFIER_COMMENTS)

    letters = await stored(bus, "DEAD")
    assert len(letters) + len(handle.finished) == 100


async def test_a_probe_of_nothing_keeps_the_pause(bus: Bus) -> None:
    await bus.publish(comments(15))
    weather = Weather()
    patience = msgspec.structs.replace(NARROW, probe_seconds=0.05)
    reader = consumer(bus, CLASSIFIER_COMMENTS, Recorder(weather), patience=patience)

    async with running(reader):
        await until(lambda: paused(reader), "the pause")
        await all_done(bus, CLASSIFIER_COMMENTS)
        began = time.monotonic()
        await until(lambda: reader.loop_age() < time.monotonic() - began, "a turn of the loop")
        assert paused(reader)
        weather.bad = False
        await bus.publish(comments(1, start=16))
        await until(lambda: reader.state == "running", "the end of the pause")


async def test_a_paused_consumer_stops_at_once(bus: Bus) -> None:
    await bus.publish(comments(100))
    reader = consumer(bus, CLASSIFIER_COMMENTS, Recorder(Weather()), max_batch=BATCH, patience=NARROW)

    async with running(reader):
        await until(lambda: paused(reader), "the pause")

    assert reader.state == "stopped"
    handle = Recorder()
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await all_done(bus, CLASSIFIER_COMMENTS)
    assert len(handle.finished) + await dead(bus) == 100
