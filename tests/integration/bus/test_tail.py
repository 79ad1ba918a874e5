"""A stream followed: from a moment on, all of it, over everything that happens to the broker meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from shared.bus import Bus, Delivered, Tail
from shared.bus.tail import FETCH_SECONDS
from shared.clock import utc_now
from tests.integration.bus.broker import Broker
from tests.integration.bus.samples import comments, until

HOUR = timedelta(hours=1)


class Reading:
    """A tail that runs inside, and what it read."""

    def __init__(self, bus: Bus, since: timedelta = HOUR) -> None:
        self.seen: list[int] = []
        self.tail = Tail(bus, stream="COMMENTS", since=utc_now() - since, take=self._take)
        self._stop = asyncio.Event()

    async def _take(self, events: Sequence[Delivered]) -> None:
        self.seen += [event.sequence for event in events]

    async def __aenter__(self) -> Reading:
        self._task = asyncio.create_task(self.tail.run(self._stop))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.set()
        await asyncio.wait_for(self._task, 20)


async def readers(bus: Bus) -> set[str]:
    return {info.name for info in await bus.jetstream.consumers_info("COMMENTS")}


async def a_reader_more(bus: Bus, before: set[str]) -> set[str]:
    """The names of those that were not there before, once there is one."""
    async with asyncio.timeout(20):
        while not (new := await readers(bus) - before):
            await asyncio.sleep(0.02)
    return new


async def test_it_reads_what_was_there_and_what_comes_and_leaves_no_trace(bus: Bus) -> None:
    before = await readers(bus)
    await bus.publish(comments(120))
    async with Reading(bus) as reading:
        await until(lambda: len(reading.seen) == 120, "what was there")
        await bus.publish(comments(30, start=121))
        await until(lambda: len(reading.seen) == 150, "what came")
    assert reading.seen == list(range(1, 151))
    assert await readers(bus) == before


async def test_an_empty_stream_is_followed_too(bus: Bus) -> None:
    before = await readers(bus)
    async with Reading(bus) as reading:
        await a_reader_more(bus, before)
        await asyncio.sleep(1.5 * FETCH_SECONDS)
        await bus.publish(comments(3))
        await until(lambda: len(reading.seen) == 3, "what came")
    assert reading.seen == [1, 2, 3]


async def test_it_begins_at_a_moment(bus: Bus) -> None:
    await bus.publish(comments(3))
    async with Reading(bus, since=timedelta()) as reading:
        await bus.publish(comments(2, start=4))
        await until(lambda: len(reading.seen) == 2, "the later ones")
    assert reading.seen == [4, 5]


async def test_it_leaves_out_what_is_no_event(bus: Bus) -> None:
    await bus.publish(comments(1))
    await bus.client.publish("comments.created.vk.LTE", b"nonsense")
    await bus.publish(comments(1, start=2))
    async with Reading(bus) as reading:
        await until(lambda: len(reading.seen) == 2, "the good ones")
    assert reading.seen == [1, 3]


async def test_it_goes_on_where_it_was_after_a_restart_of_the_broker(bus: Bus, broker: Broker) -> None:
    await bus.publish(comments(5))
    async with Reading(bus) as reading:
        await until(lambda: len(reading.seen) == 5, "the first five")
        broker.kill()
        await until(lambda: not bus.connected, "the loss of the connection")
        broker.start()
        await until(lambda: bus.connected, "the connection")
        await bus.publish(comments(5, start=6))
        await until(lambda: len(reading.seen) >= 10, "the other five")
    assert reading.seen == list(range(1, 11))


async def test_a_stream_that_was_made_anew_is_read_from_its_beginning(bus: Bus) -> None:
    await bus.publish(comments(5))
    async with Reading(bus) as reading:
        await until(lambda: len(reading.seen) == 5, "the first five")
        await bus.jetstream.delete_stream("COMMENTS")
        await bus.declare()
        await bus.publish(comments(3, start=6))
        await until(lambda: len(reading.seen) == 8, "what the new one holds")
    assert reading.seen == [1, 2, 3, 4, 5, 1, 2, 3]


async def test_a_reader_that_somebody_deletes_is_made_again(bus: Bus) -> None:
    before = await readers(bus)
    async with Reading(bus) as reading:
        for name in await a_reader_more(bus, before):
            await bus.jetstream.delete_consumer("COMMENTS", name)
        await bus.publish(comments(5))
        await until(lambda: len(reading.seen) == 5, "all five")
