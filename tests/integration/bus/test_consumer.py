"""A consumer in good and in bad weather: everything is handled, and what was handed back comes again."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import msgspec

from shared.bus import CLASSIFIER_COMMENTS, ROUTING_LIFE, Bus
from shared.bus.pull import Pull
from shared.events import Attachment
from tests.integration.bus.broker import ROOT, Broker
from tests.integration.bus.conftest import Connect
from tests.integration.bus.samples import (
    Recorder,
    all_done,
    comments,
    consumer,
    created,
    deleted,
    outgoing,
    running,
    set_consumer,
    stored,
    unfinished,
    until,
)

IMPATIENT = msgspec.structs.replace(CLASSIFIER_COMMENTS, ack_wait=1.5)
"""Redelivered soon, so that a test need not wait for half a minute; a sign of life may still come a second late."""


async def test_everything_is_handled_once_and_in_order(bus: Bus) -> None:
    published = await bus.publish(comments(1_000))
    handle = Recorder()

    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)) as task:
        await all_done(bus, CLASSIFIER_COMMENTS)
        assert not task.done()

    assert handle.sequences == [item.sequence for item in published]
    assert max(len(call) for call in handle.calls) <= 256
    first = handle.finished[0]
    assert (first.event, first.subject, first.deliveries) == (created(1), "comments.created.vk.LTE", 1)
    assert first.stored_at.tzinfo is not None
    assert first.began() == created(1).received_at


async def test_each_durable_gets_what_it_filters(bus: Bus) -> None:
    await bus.publish([outgoing(event) for n in range(1, 6) for event in (created(n), deleted(n))])
    classified, ended = Recorder(), Recorder()

    async with (
        running(consumer(bus, CLASSIFIER_COMMENTS, classified)),
        running(consumer(bus, ROUTING_LIFE, ended, service="routing")),
    ):
        await all_done(bus, CLASSIFIER_COMMENTS)
        await all_done(bus, ROUTING_LIFE)

    assert [item.event for item in classified.finished] == [created(n) for n in range(1, 6)]
    assert [item.event for item in ended.finished] == [deleted(n) for n in range(1, 6)]


async def test_a_batch_is_never_larger_than_asked(bus: Bus) -> None:
    await bus.publish(comments(50))
    handle = Recorder()

    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle, max_batch=7)):
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert max(len(call) for call in handle.calls) == 7


async def test_the_longest_comments_do_not_overrun_the_broker(bus: Bus, connect: Connect, broker: Broker) -> None:
    """256 of them at once are more than the broker holds for a reader who is busy; it would cut the connection."""
    attachments = tuple(Attachment(kind="link", url="https://пример.example/" + "h" * 2_000) for _ in range(20))
    longest = [
        outgoing(msgspec.structs.replace(created(n, text="\x01" * 65_536), attachments=attachments))
        for n in range(1, 261)
    ]
    writer = await connect()
    await writer.publish(longest, timeout=30.0)
    handle = Recorder()

    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await asyncio.sleep(0.01)
        # The whole process is busy while the broker answers.
        time.sleep(1.0)
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert handle.sequences == list(range(1, 261))
    assert "Slow Consumer" not in broker.log()


async def test_what_a_killed_process_had_comes_again(bus: Bus, broker: Broker, tmp_path: Path) -> None:
    spec = await set_consumer(bus, IMPATIENT)
    await bus.publish(comments(20))
    file = tmp_path / "batches"
    victim = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.bus.victim", broker.url, str(file), str(spec.ack_wait)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        await until(lambda: file.exists() and "\n" in file.read_text(), "the first batch")
    finally:
        victim.kill()
        victim.wait()
    handle = Recorder()

    async with running(consumer(bus, spec, handle)):
        await all_done(bus, spec)

    assert sorted(handle.sequences) == list(range(1, 21))
    again = [item.sequence for item in handle.finished if item.deliveries > 1]
    assert {int(word) for word in file.read_text().split()} <= set(again)


async def test_a_slow_handler_keeps_its_batch_and_the_prefetched_one(bus: Bus, connect: Connect) -> None:
    spec = await set_consumer(bus, IMPATIENT)
    await bus.publish(comments(10))
    slow, other = Recorder(hold=True), Recorder()

    async with running(consumer(bus, spec, slow, max_batch=5)):
        await slow.entered.wait()
        while await unfinished(bus, spec) != (0, 10):
            await asyncio.sleep(0.01)
        # Twice the ack wait, with somebody at hand who would get what nobody keeps alive.
        async with running(consumer(await connect(), spec, other)):
            await asyncio.sleep(2 * spec.ack_wait)
            assert await unfinished(bus, spec) == (0, 10)
        slow.gate.set()
        await all_done(bus, spec)

    assert other.calls == []
    assert slow.sequences == list(range(1, 11))
    assert {item.deliveries for item in slow.finished} == {1}


async def test_a_fetch_that_fails_waits_for_the_batch_in_hand(bus: Bus) -> None:
    await bus.publish(comments(5))
    handle = Recorder(hold=True)

    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await handle.entered.wait()
        await bus.jetstream.delete_consumer("COMMENTS", "classifier")
        # Long enough to be told so, to declare it again and to get the same messages once more.
        await asyncio.sleep(1.0)
        assert len(handle.calls) == 1
        handle.gate.set()
        await bus.publish(comments(5, start=6))
        await until(lambda: set(handle.sequences) == set(range(1, 11)), "all ten")


async def test_what_comes_too_late_for_its_fetch_is_not_lost(bus: Bus, broker: Broker) -> None:
    await bus.publish(comments(10))
    pull = Pull(bus.client, CLASSIFIER_COMMENTS)
    assert len(await pull.fetch(4, seconds=5.0)) == 4
    broker.freeze()
    assert await pull.fetch(4, seconds=0.1) == []
    broker.thaw()
    await until(lambda: pull.waiting == 4, "the answer to the fetch that is over")

    late = await pull.fetch(3, seconds=5.0)
    left = await pull.close()

    assert [message.metadata.sequence.stream for message in late + left] == [5, 6, 7, 8]


async def test_it_goes_on_after_a_restart_of_the_broker(bus: Bus, broker: Broker) -> None:
    spec = await set_consumer(bus, IMPATIENT)
    await bus.publish(comments(300))
    handle = Recorder(hold=True)

    async with running(consumer(bus, spec, handle, max_batch=50)):
        await handle.entered.wait()
        broker.kill()
        await until(lambda: not bus.connected, "the loss of the connection")
        handle.gate.set()
        broker.start()
        await until(lambda: bus.connected, "the connection")
        await bus.publish(comments(100, start=301))
        await all_done(bus, spec)

    assert set(handle.sequences) == set(range(1, 401))
    assert await stored(bus, "DEAD") == []


async def test_it_waits_for_a_broker_that_is_not_there_yet(broker: Broker, connect: Connect) -> None:
    broker.kill()
    bus = await connect()
    handle = Recorder()

    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        broker.start()
        await bus.ensure()
        await bus.publish(comments(3))
        await until(lambda: len(handle.finished) == 3, "three comments")

    assert handle.sequences == [1, 2, 3]


async def test_a_durable_deleted_by_hand_is_declared_again_and_nothing_is_missed(bus: Bus) -> None:
    await bus.publish(comments(5))
    handle = Recorder()

    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await all_done(bus, CLASSIFIER_COMMENTS)
        await bus.jetstream.delete_consumer("COMMENTS", "classifier")
        await bus.publish(comments(5, start=6))
        await until(lambda: 10 in handle.sequences, "the comments published meanwhile")

    assert set(handle.sequences) == set(range(1, 11))


async def test_a_frozen_broker_only_delays(bus: Bus, broker: Broker) -> None:
    spec = await set_consumer(bus, IMPATIENT)
    handle = Recorder()

    async with running(consumer(bus, spec, handle)):
        await bus.publish(comments(5))
        await all_done(bus, spec)
        broker.freeze()
        await asyncio.sleep(2 * spec.ack_wait)
        broker.thaw()
        await bus.publish(comments(5, start=6))
        await all_done(bus, spec)

    assert set(handle.sequences) == set(range(1, 11))


async def test_two_replicas_share_the_work(bus: Bus, connect: Connect) -> None:
    await bus.publish(comments(400))
    first, second = Recorder(hold=True), Recorder(hold=True)
    other = await connect()

    async with (
        running(consumer(bus, CLASSIFIER_COMMENTS, first, max_batch=20)),
        running(consumer(other, CLASSIFIER_COMMENTS, second, max_batch=20)),
    ):
        await asyncio.gather(first.entered.wait(), second.entered.wait())
        first.gate.set()
        second.gate.set()
        await all_done(bus, CLASSIFIER_COMMENTS)

    assert sorted(first.sequences + second.sequences) == list(range(1, 401))
    assert first.finished
    assert second.finished


async def test_its_state_and_age_tell_that_it_lives(bus: Bus) -> None:
    handle = Recorder()
    reader = consumer(bus, CLASSIFIER_COMMENTS, handle)
    assert reader.state == "stopped"

    async with running(reader):
        await until(lambda: reader.state == "running", "the start")
        began = time.monotonic()
        await until(lambda: reader.loop_age() < time.monotonic() - began, "a turn of the loop")

    assert reader.state == "stopped"
