"""The janitor purges what is old and read by everybody, and nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from nats.js.api import AckPolicy, ConsumerConfig
from structlog.testing import capture_logs

from shared.bus import CLASSIFIER_COMMENTS, ROUTING_LIFE, ROUTING_TAGGED, Bus, ConsumerSpec, Janitor
from shared.events import Label, QueueNotice
from tests.integration.bus.broker import Broker
from tests.integration.bus.samples import (
    MOMENT,
    WITHIN_SECONDS,
    Recorder,
    all_done,
    comments,
    consumer,
    created,
    deleted,
    outgoing,
    running,
    tagged,
    until,
)

KEPT = timedelta(days=7)


def janitor(bus: Bus, stream: str = "COMMENTS", *, later: timedelta = timedelta(days=8)) -> Janitor:
    """One whose clock is ahead by `later`."""
    return Janitor(bus, streams=[stream], clock=lambda: datetime.now(UTC) + later)


async def read(bus: Bus, spec: ConsumerSpec) -> None:
    """The durable handles all there is for it."""
    async with running(consumer(bus, spec, Recorder())):
        await all_done(bus, spec)


async def first(bus: Bus, stream: str = "COMMENTS") -> int:
    return int((await bus.jetstream.stream_info(stream)).state.first_seq)


async def test_what_is_old_and_read_by_all_goes(bus: Bus) -> None:
    await bus.publish([*comments(5), outgoing(deleted(1))])
    await read(bus, CLASSIFIER_COMMENTS)
    await read(bus, ROUTING_LIFE)

    assert await janitor(bus).sweep() == {"COMMENTS": 6}

    assert (await bus.jetstream.stream_info("COMMENTS")).state.messages == 0
    assert await janitor(bus).sweep() == {"COMMENTS": 0}


async def test_what_is_young_stays(bus: Bus) -> None:
    await bus.publish(comments(5))
    await read(bus, CLASSIFIER_COMMENTS)

    assert await janitor(bus, later=KEPT - timedelta(hours=1)).sweep() == {"COMMENTS": 0}


async def test_only_what_is_older_than_the_moment_goes(bus: Bus) -> None:
    for number in range(1, 5):
        await bus.publish(comments(1, start=number))
    await read(bus, CLASSIFIER_COMMENTS)
    third = (await bus.jetstream.get_msg("COMMENTS", seq=3)).time
    assert third is not None

    purged = await Janitor(bus, streams=["COMMENTS"], clock=lambda: third + KEPT).sweep()

    assert purged == {"COMMENTS": 2}
    assert await first(bus) == 3


async def test_what_nobody_read_stays_however_old(bus: Bus) -> None:
    await bus.publish(comments(5))

    assert await janitor(bus, later=timedelta(days=1_000)).sweep() == {"COMMENTS": 0}


async def test_what_is_below_the_floor_of_every_reader_goes(bus: Bus) -> None:
    await bus.publish([tagged_event for number in range(1, 11) for tagged_event in (outgoing(tagged(number)),)])
    subscription = await bus.jetstream.pull_subscribe_bind(durable=ROUTING_TAGGED.durable, stream="TAGGED")
    messages = await subscription.fetch(10)
    for message in [*messages[:4], *messages[5:]]:
        await message.ack_sync()
    await subscription.unsubscribe()

    assert await janitor(bus, "TAGGED").sweep() == {"TAGGED": 4}

    assert await first(bus, "TAGGED") == 5


async def test_two_durables_with_filters_hold_back_only_what_is_theirs(bus: Bus) -> None:
    await bus.publish([*comments(3), outgoing(deleted(1)), *comments(3, start=4), outgoing(deleted(2))])
    await read(bus, CLASSIFIER_COMMENTS)

    # routing-life has read nothing: the first deletion, number 4, and all that is older than it stays with it.
    assert await janitor(bus).sweep() == {"COMMENTS": 0}

    await read(bus, ROUTING_LIFE)
    assert await janitor(bus).sweep() == {"COMMENTS": 8}


async def test_a_durable_without_anything_to_read_holds_nothing_back(bus: Bus) -> None:
    await bus.publish(comments(3))
    await read(bus, CLASSIFIER_COMMENTS)

    assert await janitor(bus).sweep() == {"COMMENTS": 3}


async def test_a_durable_of_the_table_that_is_not_there_yet_holds_back_everything(bus: Bus) -> None:
    await bus.publish([*comments(3), outgoing(deleted(1))])
    await read(bus, CLASSIFIER_COMMENTS)
    await bus.jetstream.delete_consumer("COMMENTS", ROUTING_LIFE.durable)

    assert await janitor(bus).sweep() == {"COMMENTS": 0}


async def test_a_strangers_durable_counts_and_a_reader_without_acknowledgements_does_not(bus: Bus) -> None:
    await bus.publish(comments(3))
    await read(bus, CLASSIFIER_COMMENTS)
    await bus.jetstream.add_consumer("COMMENTS", ConsumerConfig(durable_name="look", ack_policy=AckPolicy.NONE))
    await bus.jetstream.add_consumer("COMMENTS", ConsumerConfig(durable_name="export"))
    assert await janitor(bus).sweep() == {"COMMENTS": 0}

    await bus.jetstream.delete_consumer("COMMENTS", "export")
    assert await janitor(bus).sweep() == {"COMMENTS": 3}


async def test_a_message_that_is_with_a_handler_stays(bus: Bus) -> None:
    await bus.publish(comments(3))
    handle = Recorder(hold=True)
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await handle.entered.wait()
        assert await janitor(bus).sweep() == {"COMMENTS": 0}
        handle.gate.set()


async def test_every_reader_counts_though_there_are_more_than_the_broker_lists_at_once(bus: Bus) -> None:
    notice = QueueNotice(
        id="018f0000-0000-7000-8000-000000000001",
        kind="assigned",
        case="018f0000-0000-7000-8000-000000000002",
        institution="school-1",
        comment="vk:wall:-1:1",
        platform="vk",
        page="vk:-1",
        tag="question",
        topic="schools",
        urgent=False,
        state="routed",
        opened_at=MOMENT,
        at=MOMENT,
    )
    await bus.publish([outgoing(notice)])
    for number in range(300):
        idle = ConsumerConfig(durable_name=f"a{number:03}", filter_subject=f"queues.none{number}")
        await bus.jetstream.add_consumer("QUEUES", idle)
    await bus.jetstream.add_consumer("QUEUES", ConsumerConfig(durable_name="z", filter_subject="queues.*"))
    sweeper = janitor(bus, "QUEUES", later=timedelta(days=31))

    assert await sweeper.sweep() == {"QUEUES": 0}

    await bus.jetstream.delete_consumer("QUEUES", "z")
    assert await sweeper.sweep() == {"QUEUES": 1}


@pytest.mark.parametrize("stream", ["COMMENTS", "QUEUES"])
async def test_an_empty_stream_is_left_alone(bus: Bus, stream: str) -> None:
    assert await janitor(bus, stream).sweep() == {stream: 0}


async def test_a_stream_that_is_kept_for_ever_is_never_swept(bus: Bus) -> None:
    label = Label(
        id="018f0000-0000-7000-8000-000000000001", kind="tag", comment="vk:wall:-1:1", version=1, text="", value="spam",
        model="test", labelled_by="key", at=MOMENT,
    )  # fmt: skip
    await bus.publish([outgoing(label)])

    assert await Janitor(bus, streams=["LABELS", "DEAD"], clock=lambda: datetime(2999, 1, 1, tzinfo=UTC)).sweep() == {}
    assert (await bus.jetstream.stream_info("LABELS")).state.messages == 1


async def test_sweeping_leaves_no_reader_of_its_own_behind(bus: Bus) -> None:
    await bus.publish(comments(3))
    await read(bus, CLASSIFIER_COMMENTS)
    await janitor(bus).sweep()

    names = {info.name for info in await bus.jetstream.consumers_info("COMMENTS")}
    assert names == {"classifier", "routing-life"}


async def test_comments_that_come_while_it_sweeps_stay(bus: Bus) -> None:
    await bus.publish(comments(300))
    await read(bus, CLASSIFIER_COMMENTS)
    sweeper = janitor(bus)

    _, published = await asyncio.gather(sweeper.sweep(), bus.publish(comments(300, start=301)))

    state = (await bus.jetstream.stream_info("COMMENTS")).state
    assert state.last_seq == published[-1].sequence == 600
    assert state.messages >= 300


async def test_it_waits_for_a_broker_that_is_away_without_complaint_and_sweeps_then(bus: Bus, broker: Broker) -> None:
    stop = asyncio.Event()
    await bus.publish([outgoing(created(1))])
    await read(bus, CLASSIFIER_COMMENTS)
    broker.kill()
    await until(lambda: not bus.connected, "the loss of the connection")
    ahead = Janitor(bus, streams=["COMMENTS"], clock=lambda: datetime.now(UTC) + timedelta(days=8), every_seconds=0.05)

    with capture_logs() as entries:
        task = asyncio.create_task(ahead.run(stop))
        await asyncio.sleep(0.3)
        assert [entry for entry in entries if entry["event"] == "janitor could not sweep"] == []
        broker.start()
        await bus.ensure()
        await until(lambda: any(entry["event"] == "stream purged" for entry in entries), "a purge")
        stop.set()
        await asyncio.wait_for(task, WITHIN_SECONDS)


async def test_it_sweeps_by_itself(bus: Bus) -> None:
    await bus.publish([outgoing(created(1))])
    await read(bus, CLASSIFIER_COMMENTS)
    stop = asyncio.Event()
    ahead = Janitor(bus, streams=["COMMENTS"], clock=lambda: datetime.now(UTC) + timedelta(days=8), every_seconds=0.05)

    with capture_logs() as entries:
        task = asyncio.create_task(ahead.run(stop))
        await until(lambda: any(entry["event"] == "stream purged" for entry in entries), "a purge")
        stop.set()
        await asyncio.wait_for(task, WITHIN_SECONDS)
