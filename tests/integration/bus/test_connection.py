"""The connection: patient at the start, there again after every loss, and it says how it stands."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from nats.aio.transport import TcpTransport
from structlog.testing import capture_logs

from shared.bus import CLASSIFIER_COMMENTS, Bus
from shared.errors import Unavailable
from tests.integration.bus.broker import PASSWORD, Broker
from tests.integration.bus.conftest import Connect
from tests.integration.bus.samples import WITHIN_SECONDS, Recorder, comments, consumer, running, stored, until


async def test_the_broker_may_come_later(broker: Broker, connect: Connect) -> None:
    broker.kill()
    bus = await connect()
    ensuring = asyncio.create_task(bus.ensure())
    await asyncio.sleep(0.1)
    assert (bus.connected, bus.ready, ensuring.done()) == (False, False, False)

    broker.start()
    await asyncio.wait_for(ensuring, WITHIN_SECONDS)

    assert (bus.connected, bus.ready) == (True, True)
    await bus.publish(comments(3))


async def test_it_is_there_again_after_a_restart_with_all_that_was_stored(bus: Bus, broker: Broker) -> None:
    await bus.publish(comments(3))
    broker.kill()
    await until(lambda: not bus.connected, "the loss of the connection")
    assert not bus.ready

    broker.start()
    await until(lambda: bus.ready, "the connection")

    assert [item.sequence for item in await bus.publish(comments(2, start=4))] == [4, 5]
    assert len(await stored(bus, "COMMENTS")) == 5


async def test_an_outage_is_complained_of_once(broker: Broker, connect: Connect) -> None:
    bus = await connect()
    with capture_logs() as entries:
        broker.kill()
        await until(lambda: not bus.connected, "the loss of the connection")
        await asyncio.sleep(2.0)

    assert [entry["event"] for entry in entries if entry["log_level"] == "warning"] in (
        ["broker connection error", "broker connection lost"],
        ["broker connection lost", "broker connection error"],
    )


@pytest.mark.parametrize("user", ["otklik:kwrong@", ""])
async def test_a_broker_that_refuses_the_password_is_no_absent_one(broker: Broker, user: str) -> None:
    with capture_logs() as entries:
        async with await Bus.connect(f"nats://{user}127.0.0.1:{broker.port}", name="test") as bus:
            assert (bus.connected, bus.refused) == (False, True)
            broker.kill()
            await until(lambda: not bus.refused, "the broker to be away")
    assert "user or password refused" in [entry.get("error") for entry in entries]
    assert "kwrong" not in str(entries)


async def test_it_comes_back_after_the_password_was_wrong_for_a_while(bus: Bus, broker: Broker) -> None:
    handle = Recorder()
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await bus.publish(comments(1))
        await until(lambda: len(handle.finished) == 1, "the first comment")
        broker.accept("k-another")
        await until(lambda: not bus.connected, "the loss of the connection")
        broker.accept(PASSWORD)
        await until(lambda: bus.connected, "the connection")
        await bus.publish(comments(1, start=2))
        await until(lambda: len(handle.finished) == 2, "the second comment")

    assert handle.sequences == [1, 2]


async def test_a_connection_that_was_refused_is_closed_at_once(bus: Bus, broker: Broker) -> None:
    broker.accept("k-another")
    await until(lambda: not bus.connected, "the loss of the connection")
    tried: list[asyncio.StreamWriter] = []

    def again() -> bool:
        transport = bus.client._transport
        assert isinstance(transport, TcpTransport)
        writer = transport._io_writer
        assert writer is not None
        if writer not in tried:
            tried.append(writer)
        return len(tried) == 4

    await until(again, "three attempts")
    assert all(writer.transport.is_closing() for writer in tried[:-1])


async def test_it_comes_back_though_the_library_gave_up_for_good(bus: Bus) -> None:
    """So it does when the broker reports an error of the connection's own, such as too long a subject."""
    handle = Recorder()
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await bus.publish(comments(1))
        await until(lambda: len(handle.finished) == 1, "the first comment")
        given_up = bus.client
        await given_up.publish("x." + "y" * 5_000, b"")
        await until(lambda: given_up.is_closed, "the end of the connection")
        await until(lambda: bus.connected, "a new one")
        await bus.publish(comments(1, start=2))
        await until(lambda: len(handle.finished) == 2, "the second comment")

    assert handle.sequences == [1, 2]


async def test_streams_are_declared_again_over_a_connection_made_anew(bus: Bus) -> None:
    stop = asyncio.Event()
    keeping = asyncio.create_task(bus.keep_declared(stop))
    await bus.jetstream.delete_stream("COMMENTS")
    given_up = bus.client
    await given_up.publish("x." + "y" * 5_000, b"")
    await until(lambda: given_up.is_closed and bus.connected, "a new connection")

    for _ in range(600):
        with contextlib.suppress(Unavailable):
            assert await bus.publish(comments(2))
            break
        await asyncio.sleep(0.05)
    else:
        raise AssertionError("in vain: the stream")
    stop.set()
    await keeping


async def test_draining_is_bounded_whatever_the_broker_does(broker: Broker, connect: Connect) -> None:
    connected, frozen, lost = [await connect() for _ in range(3)]
    await asyncio.wait_for(connected.drain(), WITHIN_SECONDS)
    assert not connected.connected

    broker.freeze()
    await asyncio.wait_for(frozen.drain(), WITHIN_SECONDS)

    broker.thaw()
    broker.kill()
    await until(lambda: not lost.connected, "the loss of the connection")
    await asyncio.wait_for(lost.drain(), WITHIN_SECONDS)

    never = await connect()
    await asyncio.wait_for(never.drain(), WITHIN_SECONDS)
    assert not never.connected


async def test_draining_leaves_no_task_behind(broker: Broker) -> None:
    before = asyncio.all_tasks()
    async with await Bus.connect(broker.url, name="test") as bus:
        await bus.ensure()
        await bus.publish(comments(3))
    broker.kill()
    async with await Bus.connect(broker.url, name="test"):
        pass

    await until(lambda: asyncio.all_tasks() == before, "the end of all tasks")
