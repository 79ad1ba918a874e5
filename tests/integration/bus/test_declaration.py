"""The broker is made to hold what the table says, whatever it held before."""

from __future__ import annotations

import asyncio

import pytest
from nats.js.api import ConsumerConfig, RetentionPolicy, StorageType, StreamConfig
from structlog.testing import capture_logs

from shared.bus import CLASSIFIER_COMMENTS, CONSUMERS, STREAMS, Bus
from shared.bus.declaration import consumer_config, stream_config
from shared.errors import Fatal
from tests.integration.bus.conftest import Connect


def says(wanted: object, found: object) -> dict[str, tuple[object, object]]:
    """Where `found` is not as `wanted`, leaving out what either leaves empty."""
    pairs = {name: (value, getattr(found, name)) for name, value in vars(wanted).items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1] and pair[0]}


async def differing(bus: Bus) -> dict[str, object]:
    """Everything on the broker that is not as the table says."""
    found: dict[str, object] = {}
    for stream in STREAMS:
        config = (await bus.jetstream.stream_info(stream.name)).config
        if wrong := says(stream_config(stream, replicas=1), config):
            found[stream.name] = wrong
    for spec in CONSUMERS:
        info = await bus.jetstream.consumer_info(spec.stream, spec.durable)
        if wrong := says(consumer_config(spec), info.config):
            found[spec.durable] = wrong
    return found


async def test_everything_is_created_on_an_empty_broker(bus: Bus) -> None:
    assert await differing(bus) == {}
    assert bus.ready


async def test_the_second_time_changes_nothing(bus: Bus) -> None:
    with capture_logs() as entries:
        await bus.ensure()

    assert entries == []


async def test_several_at_once_agree(connect: Connect) -> None:
    buses = [await connect() for _ in range(3)]

    await asyncio.gather(*(bus.ensure() for bus in buses))

    assert await differing(buses[0]) == {}


@pytest.mark.parametrize(
    "change",
    [
        {"max_age": 600.0},
        {"max_msgs": 10},
        {"max_msg_size": 1_000},
        {"max_bytes": 1_000_000},
        {"duplicate_window": 1.0},
        {"subjects": ["comments.>"]},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_stream_changed_by_hand_is_put_back(bus: Bus, change: dict[str, object]) -> None:
    config = (await bus.jetstream.stream_info("COMMENTS")).config
    await bus.jetstream.update_stream(config.evolve(**change))

    await bus.ensure()

    restored = (await bus.jetstream.stream_info("COMMENTS")).config
    (field,) = change
    assert getattr(restored, field) == getattr(config, field)


@pytest.mark.parametrize(
    "change",
    [
        {"ack_wait": 5.0},
        {"max_deliver": 3},
        {"max_ack_pending": 10},
        {"filter_subjects": ["comments.created.*.*"]},
        {"headers_only": True},
        {"inactive_threshold": 3_600.0},
        {"backoff": [30.0, 60.0]},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_consumer_changed_by_hand_is_put_back(bus: Bus, change: dict[str, object]) -> None:
    before = (await bus.jetstream.consumer_info("COMMENTS", "classifier")).config
    assert before is not None
    await bus.jetstream.add_consumer("COMMENTS", before.evolve(**change))

    await bus.ensure()

    restored = (await bus.jetstream.consumer_info("COMMENTS", "classifier")).config
    for field in change:
        assert getattr(restored, field) == getattr(before, field)


async def test_a_consumer_keeps_its_place_when_it_is_put_back(bus: Bus) -> None:
    before = (await bus.jetstream.consumer_info("COMMENTS", "classifier")).created
    config = consumer_config(CLASSIFIER_COMMENTS)
    await bus.jetstream.add_consumer("COMMENTS", config.evolve(ack_wait=5.0))

    await bus.ensure()

    assert (await bus.jetstream.consumer_info("COMMENTS", "classifier")).created == before


@pytest.mark.parametrize(
    ("field", "value"), [("retention", RetentionPolicy.WORK_QUEUE), ("storage", StorageType.MEMORY)]
)
async def test_a_difference_that_cannot_be_changed_is_fatal_and_named(connect: Connect, field: str, value: str) -> None:
    bus = await connect()
    spec = next(stream for stream in STREAMS if stream.name == "TAGGED")
    await bus.jetstream.add_stream(stream_config(spec, replicas=1).evolve(**{field: value}))

    with pytest.raises(Fatal, match=rf"TAGGED differs in {field}"):
        await bus.ensure()

    assert not bus.ready


async def test_a_consumer_of_another_kind_is_fatal_and_named(bus: Bus) -> None:
    await bus.jetstream.delete_consumer("COMMENTS", "classifier")
    pushed = ConsumerConfig(durable_name="classifier", deliver_subject="somewhere")
    await bus.jetstream.add_consumer("COMMENTS", pushed)

    with pytest.raises(Fatal, match="classifier on COMMENTS"):
        await bus.ensure()


async def test_a_stream_that_has_our_subjects_is_fatal(connect: Connect) -> None:
    bus = await connect()
    await bus.jetstream.add_stream(StreamConfig(name="OTHERS", subjects=["labels.*"]))

    with pytest.raises(Fatal, match="LABELS"):
        await bus.ensure()


async def test_a_bucket_with_another_lifetime_is_put_right_and_keeps_what_it_has(bus: Bus) -> None:
    for name, before, wanted in (
        ("model_replicas", 0.0, 60.0),
        ("model_disagreements", 30.0, 30 * 86_400.0),
        ("api_keys", 50.0, 0.0),
    ):
        stream = f"KV_{name}"
        found = (await bus.jetstream.stream_info(stream)).config
        window = min(found.duplicate_window or 120.0, before) if before else found.duplicate_window
        await bus.jetstream.update_stream(found.evolve(max_age=before, duplicate_window=window))
        await (await bus.bucket(name)).put("one", b"1")
        await bus.ensure()
        assert (await bus.jetstream.stream_info(stream)).config.max_age == wanted
        assert await (await bus.bucket(name)).get("one") == b"1"
