"""Stopping: what is in flight is finished or handed back at once, whatever happens at that moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import pytest

from shared.bus import CLASSIFIER_COMMENTS, Bus, Delivered
from shared.errors import Fatal, Poison, Transient
from tests.integration.bus.broker import Broker
from tests.integration.bus.conftest import Connect
from tests.integration.bus.samples import (
    WITHIN_SECONDS,
    Recorder,
    all_done,
    comments,
    consumer,
    running,
    unfinished,
    until,
)


async def rest_is_handled(bus: Bus) -> list[Delivered]:
    """What another consumer gets at once. The durable's own ack wait of 30 s is as long as a test's whole patience, so
    only messages that were handed back come in time."""
    handle = Recorder()
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await all_done(bus, CLASSIFIER_COMMENTS)
    return handle.finished


async def prefetched(bus: Bus, count: int) -> None:
    """Returns once `count` messages are with a consumer."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while (await unfinished(bus, CLASSIFIER_COMMENTS))[1] < count:
            await asyncio.sleep(0.01)


async def test_the_batch_in_hand_is_finished_and_the_prefetched_one_handed_back(bus: Bus, connect: Connect) -> None:
    await bus.publish(comments(30))
    handle = Recorder(hold=True)
    stop = asyncio.Event()
    task = asyncio.create_task(consumer(bus, CLASSIFIER_COMMENTS, handle, max_batch=10).run(stop))
    await handle.entered.wait()
    await prefetched(bus, 20)

    stop.set()
    handle.gate.set()
    await task

    assert handle.sequences == list(range(1, 11))
    rest = await rest_is_handled(await connect())
    assert sorted(item.sequence for item in rest) == list(range(11, 31))


async def test_stopping_an_idle_consumer_loses_nothing_that_comes_at_that_moment(bus: Bus) -> None:
    seen: list[int] = []
    for turn in range(5):
        handle = Recorder()
        stop = asyncio.Event()
        task = asyncio.create_task(consumer(bus, CLASSIFIER_COMMENTS, handle).run(stop))
        await asyncio.sleep(0.05 * turn)
        publishing = asyncio.create_task(bus.publish(comments(10, start=1 + 10 * turn)))
        stop.set()
        await publishing
        await task
        seen += handle.sequences

    seen += [item.sequence for item in await rest_is_handled(bus)]
    assert sorted(seen) == list(range(1, 51))


@pytest.mark.parametrize("error", [Transient("away"), ValueError("broken")], ids=lambda error: type(error).__name__)
async def test_a_batch_that_fails_while_stopping_is_handed_back_at_once(bus: Bus, error: Exception) -> None:
    await bus.publish(comments(10))

    def fail(_: Sequence[Delivered]) -> Mapping[int, Poison] | None:
        raise error

    handle = Recorder(fail, hold=True)
    stop = asyncio.Event()
    task = asyncio.create_task(consumer(bus, CLASSIFIER_COMMENTS, handle).run(stop))
    await handle.entered.wait()
    stop.set()
    handle.gate.set()
    await task

    assert handle.finished == []
    assert len(await rest_is_handled(bus)) == 10


async def test_fatal_ends_the_run_and_hands_everything_back(bus: Bus) -> None:
    await bus.publish(comments(20))

    def fail(_: Sequence[Delivered]) -> Mapping[int, Poison] | None:
        raise Fatal("the model is not there")

    handle = Recorder(fail, hold=True)
    reader = consumer(bus, CLASSIFIER_COMMENTS, handle, max_batch=10)
    task = asyncio.create_task(reader.run(asyncio.Event()))
    await handle.entered.wait()
    await prefetched(bus, 20)
    handle.gate.set()

    with pytest.raises(Fatal, match="model"):
        await task

    assert reader.state == "stopped"
    assert sorted(item.sequence for item in await rest_is_handled(bus)) == list(range(1, 21))


async def test_fatal_is_raised_though_the_broker_dies_as_well(bus: Bus, broker: Broker) -> None:
    await bus.publish(comments(5))

    def fail(_: Sequence[Delivered]) -> Mapping[int, Poison] | None:
        raise Fatal("the model is not there")

    handle = Recorder(fail, hold=True)
    task = asyncio.create_task(consumer(bus, CLASSIFIER_COMMENTS, handle).run(asyncio.Event()))
    await handle.entered.wait()
    broker.kill()
    await until(lambda: not bus.connected, "the loss of the connection")
    handle.gate.set()

    with pytest.raises(Fatal, match="model"):
        await task


async def test_a_closed_connection_is_an_interruption_and_what_is_in_hand_is_finished(bus: Bus) -> None:
    await bus.publish(comments(5))
    handle = Recorder(hold=True)
    stop = asyncio.Event()
    task = asyncio.create_task(consumer(bus, CLASSIFIER_COMMENTS, handle).run(stop))
    await handle.entered.wait()

    await bus.drain()
    await asyncio.sleep(0.5)
    assert not task.done()
    handle.gate.set()
    await until(lambda: len(handle.finished) == 5, "the end of the batch")
    stop.set()
    await task


async def test_a_cancelled_run_hands_back(bus: Bus) -> None:
    await bus.publish(comments(10))
    handle = Recorder(hold=True)
    task = asyncio.create_task(consumer(bus, CLASSIFIER_COMMENTS, handle, max_batch=5).run(asyncio.Event()))
    await handle.entered.wait()
    await prefetched(bus, 10)

    task.cancel()
    handle.gate.set()
    with contextlib.suppress(asyncio.CancelledError):
        await task

    done = handle.sequences
    rest = [item.sequence for item in await rest_is_handled(bus)]
    assert sorted(done + rest) == list(range(1, 11))


async def test_stopping_while_the_broker_is_away_ends(bus: Bus, broker: Broker) -> None:
    await bus.publish(comments(5))
    handle = Recorder(hold=True)
    stop = asyncio.Event()
    task = asyncio.create_task(consumer(bus, CLASSIFIER_COMMENTS, handle).run(stop))
    await handle.entered.wait()
    broker.kill()
    await until(lambda: not bus.connected, "the loss of the connection")
    stop.set()
    handle.gate.set()

    await asyncio.wait_for(task, WITHIN_SECONDS)

    assert handle.sequences == [1, 2, 3, 4, 5]
