"""What a handler promises to finish later: kept alive meanwhile, in nobody's way, settled as it was promised."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import msgspec
import nats.errors
import pytest
from nats.aio.msg import Msg

from shared.bus import CLASSIFIER_COMMENTS, Bus, Consumer, Delivered, Later
from shared.errors import Poison, Transient
from tests.integration.bus.broker import Broker
from tests.integration.bus.conftest import Connect
from tests.integration.bus.samples import (
    QUICK,
    Recorder,
    all_done,
    comments,
    consumer,
    running,
    set_consumer,
    stored,
    unfinished,
    until,
)

IMPATIENT = msgspec.structs.replace(CLASSIFIER_COMMENTS, ack_wait=1.5)
"""Redelivered soon; a sign of life may still come a second late on a busy machine."""


class Promising:
    """Promises what `later` names by its sequence, finishes the rest at once."""

    def __init__(self, later: set[int]) -> None:
        self._later = later
        self.promises: dict[int, Later] = {}
        self.at_once: list[int] = []
        self.deliveries: list[tuple[int, int]] = []

    async def __call__(self, batch: Sequence[Delivered]) -> Mapping[int, Poison | Later]:
        verdicts: dict[int, Poison | Later] = {}
        for index, item in enumerate(batch):
            self.deliveries.append((item.sequence, item.deliveries))
            if item.sequence in self._later:
                verdicts[index] = self.promises[item.sequence] = asyncio.get_running_loop().create_future()
            else:
                self.at_once.append(item.sequence)
        return verdicts


def reader(bus: Bus, handle: Promising, **options: object) -> Consumer:
    return consumer(bus, CLASSIFIER_COMMENTS, handle, **options)  # type: ignore[arg-type]  # a handler like the other


async def held(bus: Bus, count: int) -> None:
    while await unfinished(bus, CLASSIFIER_COMMENTS) != (0, count):
        await asyncio.sleep(0.01)


async def test_the_others_go_on_and_the_promised_are_done_when_they_are(bus: Bus) -> None:
    await bus.publish(comments(600))
    handle = Promising({5, 300})

    async with running(reader(bus, handle)):
        await held(bus, 2)
        assert len(handle.at_once) == 598
        handle.promises[300].set_result(None)
        await held(bus, 1)
        handle.promises[5].set_result(None)
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert len(handle.deliveries) == 600


async def test_what_is_promised_is_kept_alive(bus: Bus, connect: Connect) -> None:
    spec = await set_consumer(bus, IMPATIENT)
    await bus.publish(comments(3))
    handle, other = Promising({2}), Recorder()

    async with running(consumer(bus, spec, handle)):  # type: ignore[arg-type]  # a handler like the other
        await held(bus, 1)
        async with running(consumer(await connect(), spec, other)):
            await asyncio.sleep(2 * spec.ack_wait)
        handle.promises[2].set_result(None)
        await all_done(bus, spec)

    assert other.calls == []


async def test_a_promise_may_end_in_a_dead_letter(bus: Bus) -> None:
    await bus.publish(comments(2))
    handle = Promising({1})

    async with running(reader(bus, handle)):
        await held(bus, 1)
        handle.promises[1].set_result(Poison("bad", "no"))
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert len(await stored(bus, "DEAD")) == 1


@pytest.mark.parametrize("error", [Transient("away"), ValueError("broken")], ids=lambda error: type(error).__name__)
async def test_a_promise_that_fails_is_delivered_again(bus: Bus, error: Exception) -> None:
    await bus.publish(comments(1))
    handle = Promising({1})

    async with running(reader(bus, handle)):
        await until(lambda: 1 in handle.promises, "the promise")
        first = handle.promises[1]
        first.set_exception(error)
        await until(lambda: handle.promises[1] is not first, "the second delivery")
        handle.promises[1].set_result(None)
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert handle.deliveries == [(1, 1), (1, 2)]


@pytest.mark.parametrize("error", [nats.errors.ConnectionClosedError(), RuntimeError("broken")], ids=ascii)
async def test_what_breaks_while_a_failed_promise_is_buried_comes_again(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    spec = await set_consumer(bus, IMPATIENT)
    await bus.publish(comments(1))
    handle = Promising({1})
    terminate, broken = Msg.term, 1

    async def term(message: Msg) -> None:
        nonlocal broken
        if broken:
            broken -= 1
            raise error
        await terminate(message)

    monkeypatch.setattr(Msg, "term", term)
    patience = msgspec.structs.replace(QUICK, max_failures=1)
    async with running(consumer(bus, spec, handle, patience=patience)):  # type: ignore[arg-type]  # a handler like the other
        await until(lambda: 1 in handle.promises, "the promise")
        first = handle.promises[1]
        first.set_exception(ValueError("failed"))
        await until(lambda: handle.promises[1] is not first, "the second delivery")
        handle.promises[1].set_result(None)
        await all_done(bus, spec)

    assert handle.deliveries == [(1, 1), (1, 2)]


async def test_what_breaks_meanwhile_leaves_no_promise_alone(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    await bus.publish(comments(2))
    handle = Promising({2})
    acknowledge, broken = Msg.ack, 1

    async def ack(message: Msg) -> None:
        nonlocal broken
        if broken:
            broken -= 1
            raise nats.errors.ConnectionClosedError
        await acknowledge(message)

    monkeypatch.setattr(Msg, "ack", ack)
    async with running(reader(bus, handle)):
        await until(lambda: 2 in handle.promises, "the promise")
        handle.promises[2].set_result(None)
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert sorted(handle.deliveries) == [(1, 1), (1, 2), (2, 1)]


async def test_on_stop_a_promise_is_waited_for(bus: Bus) -> None:
    await bus.publish(comments(1))
    handle = Promising({1})
    stop = asyncio.Event()
    task = asyncio.create_task(reader(bus, handle).run(stop))
    await until(lambda: 1 in handle.promises, "the promise")

    stop.set()
    await asyncio.sleep(0.3)
    assert not task.done()
    handle.promises[1].set_result(None)
    await task

    await all_done(bus, CLASSIFIER_COMMENTS)


async def test_on_stop_a_promise_that_is_not_kept_is_handed_back(
    bus: Bus, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.bus.consumer.LATER_SECONDS", 0.1)
    await bus.publish(comments(1))
    handle, other = Promising({1}), Recorder()
    stop = asyncio.Event()
    task = asyncio.create_task(reader(bus, handle).run(stop))
    await until(lambda: 1 in handle.promises, "the promise")

    stop.set()
    await task

    assert handle.promises[1].cancelled()
    async with running(consumer(await connect(), CLASSIFIER_COMMENTS, other)):
        await all_done(bus, CLASSIFIER_COMMENTS)
    assert other.sequences == [1]


async def test_a_probe_that_is_promised_resumes_once_it_is_done(bus: Bus) -> None:
    await bus.publish(comments(13))

    class Weather(Promising):
        bad = True

        async def __call__(self, batch: Sequence[Delivered]) -> Mapping[int, Poison | Later]:
            if self.bad:
                return {index: Poison("bad", "no") for index in range(len(batch))}
            return await super().__call__(batch)

    handle = Weather({11, 12, 13})
    patience = msgspec.structs.replace(QUICK, window=50, probe_seconds=0.5)
    part = reader(bus, handle, max_batch=11, patience=patience)
    async with running(part):
        await until(lambda: part.state == "paused", "the pause")
        handle.bad = False
        await until(lambda: bool(handle.promises), "the probe")
        next(iter(handle.promises.values())).set_result(None)
        await until(lambda: part.state == "running", "the end of the pause")
        await until(lambda: len(handle.promises) == 2, "the other one")
        for promise in handle.promises.values():
            if not promise.done():
                promise.set_result(None)
        await all_done(bus, CLASSIFIER_COMMENTS)


async def test_a_probe_does_not_wait_for_ever_for_a_promise(bus: Bus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop has to turn: after a minute without a turn the process counts as hung."""
    monkeypatch.setattr("shared.bus.consumer.LATER_SECONDS", 0.1)
    await bus.publish(comments(11))

    class Weather(Promising):
        async def __call__(self, batch: Sequence[Delivered]) -> Mapping[int, Poison | Later]:
            if len(batch) > 1:
                return {index: Poison("bad", "no") for index in range(len(batch))}
            return await super().__call__(batch)

    handle = Weather({11})
    patience = msgspec.structs.replace(QUICK, window=30, probe_seconds=0.8)
    part = reader(bus, handle, max_batch=10, patience=patience)
    async with running(part):
        await until(lambda: bool(handle.promises), "the probe")
        probed = time.monotonic()
        await until(lambda: part.loop_age() < time.monotonic() - probed, "the next turn")
        assert not handle.promises[11].done()
        handle.promises[11].set_result(None)
        await all_done(bus, CLASSIFIER_COMMENTS)


async def test_a_lost_connection_leaves_promises_alone(bus: Bus, broker: Broker) -> None:
    spec = await set_consumer(bus, IMPATIENT)
    await bus.publish(comments(1))
    handle = Promising({1})

    async with running(consumer(bus, spec, handle)):  # type: ignore[arg-type]  # a handler like the other
        await until(lambda: 1 in handle.promises, "the promise")
        first = handle.promises[1]
        broker.kill()
        await until(lambda: not bus.connected, "the loss of the connection")
        broker.start()
        await until(lambda: bus.connected, "the connection")
        first.set_result(None)
        # It was acknowledged over the new connection, or has come again because the broker forgot who had it.
        while await unfinished(bus, spec) != (0, 0):
            for promise in handle.promises.values():
                if not promise.done():
                    promise.set_result(None)
            await asyncio.sleep(0.02)
