"""Publishing: durable on return, in order, each event once however often it is tried."""

from __future__ import annotations

import asyncio
import json

import pytest

from shared.bus import Bus, Outgoing, Published
from shared.bus.topology import stream_for
from shared.errors import TooLarge, Unavailable
from shared.events import decode
from tests.integration.bus.broker import Broker
from tests.integration.bus.conftest import Connect
from tests.integration.bus.samples import comments, created, deleted, outcome, outgoing, stored, tagged, until


async def ids(bus: Bus, stream: str = "COMMENTS") -> list[str]:
    return [json.loads(message.data or b"")["id"] for message in await stored(bus, stream)]


async def limit(bus: Bus, stream: str, **limits: int) -> None:
    config = (await bus.jetstream.stream_info(stream)).config
    await bus.jetstream.update_stream(config.evolve(**limits))


async def test_a_thousand_events_keep_their_order_and_know_their_sequences(bus: Bus) -> None:
    events = comments(1_000)

    published = await bus.publish(events)

    assert [item.sequence for item in published] == list(range(1, 1_001))
    assert not any(item.duplicate for item in published)
    messages = await stored(bus, "COMMENTS")
    assert [decode(message.subject or "", message.data or b"") for message in messages] == [
        item.event for item in events
    ]


async def test_events_of_several_streams_go_each_to_its_own(bus: Bus) -> None:
    events = [outgoing(event) for n in range(1, 4) for event in (created(n), tagged(n), outcome(n), deleted(n))]

    published = await bus.publish(events)

    places: dict[str, list[int]] = {}
    for item, place in zip(events, published, strict=True):
        stem = {"CommentCreated": "comments.x", "CommentDeleted": "comments.x", "Tagged": "tagged.x"}
        places.setdefault(stream_for(stem.get(type(item.event).__name__, "outcomes.x")).name, []).append(place.sequence)
    assert places == {"COMMENTS": [1, 2, 3, 4, 5, 6], "TAGGED": [1, 2, 3], "OUTCOMES": [1, 2, 3]}


async def test_nothing_to_publish_is_fine(bus: Bus) -> None:
    assert await bus.publish([]) == []


async def test_a_repetition_is_stored_once_and_said_to_be_one(bus: Bus) -> None:
    one, two, three, four = comments(4)
    await bus.publish([one, two])

    published = await bus.publish([three, one, four, two])

    assert published == [
        Published(sequence=3, duplicate=False),
        Published(sequence=1, duplicate=True),
        Published(sequence=4, duplicate=False),
        Published(sequence=2, duplicate=True),
    ]
    assert await ids(bus) == [f"vk:wall:-1:{n}" for n in (1, 2, 3, 4)]


async def test_the_same_id_twice_in_one_call_is_stored_once(bus: Bus) -> None:
    one, two = comments(2)

    published = await bus.publish([one, two, one])

    assert [item.duplicate for item in published] == [False, False, True]
    assert len(await ids(bus)) == 2


async def test_a_single_event_is_recognised_too(bus: Bus) -> None:
    (one,) = comments(1)
    await bus.publish([one])

    assert await bus.publish([one]) == [Published(sequence=1, duplicate=True)]


async def test_a_broker_that_is_away_is_unavailable_at_once(bus: Bus, broker: Broker) -> None:
    broker.kill()
    await until(lambda: not bus.connected, "the loss of the connection")

    with pytest.raises(Unavailable):
        await bus.publish(comments(3))


async def test_what_was_tried_while_the_broker_died_is_not_sent_later_twice(bus: Bus, broker: Broker) -> None:
    broker.freeze()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await bus.publish(comments(300), timeout=0.3)
    broker.kill()
    await until(lambda: not bus.connected, "the loss of the connection")
    broker.start()
    await until(lambda: bus.connected, "the connection")

    await bus.publish(comments(300))

    assert await ids(bus) == [f"vk:wall:-1:{n}" for n in range(1, 301)]


async def test_after_a_kill_in_the_middle_the_same_publish_again_stores_every_event_once(
    bus: Bus, connect: Connect, broker: Broker
) -> None:
    events = comments(12_000)
    watcher = await connect()
    publishing = asyncio.create_task(bus.publish(events, timeout=3.0))
    while not publishing.done() and (await watcher.jetstream.stream_info("COMMENTS")).state.messages == 0:
        await asyncio.sleep(0)

    broker.kill()
    with pytest.raises(Unavailable):
        await publishing
    broker.start()
    await until(lambda: bus.connected, "the connection")
    published = await bus.publish(events)

    assert await ids(bus) == [f"vk:wall:-1:{n}" for n in range(1, 12_001)]
    assert [item.sequence for item in published] == list(range(1, 12_001))
    assert any(item.duplicate for item in published)


@pytest.mark.parametrize("limits", [{"max_msgs": 3}, {"max_bytes": 1_500}])
async def test_a_full_stream_is_unavailable_and_loses_nothing(bus: Bus, limits: dict[str, int]) -> None:
    await limit(bus, "COMMENTS", **limits)

    with pytest.raises(Unavailable, match="maximum"):
        await bus.publish(comments(10))
    with pytest.raises(Unavailable, match="maximum"):
        await bus.publish(comments(1, start=11))

    stored_before = await ids(bus)
    assert 0 < len(stored_before) < 10
    await limit(bus, "COMMENTS", max_msgs=-1, max_bytes=-1)
    await bus.publish(comments(11))
    assert await ids(bus) == [f"vk:wall:-1:{n}" for n in range(1, 12)]


async def test_two_publishers_at_once_each_keep_their_order(bus: Bus, connect: Connect) -> None:
    other = await connect()
    halves = comments(1_000), comments(1_000, start=1_001)

    first, second = await asyncio.gather(bus.publish(halves[0]), other.publish(halves[1]))

    places = [[item.sequence for item in part] for part in (first, second)]
    assert all(part == sorted(part) for part in places)
    assert sorted(places[0] + places[1]) == list(range(1, 2_001))


async def test_many_calls_at_once_over_one_connection(bus: Bus) -> None:
    calls = [comments(150, start=1 + 150 * n) for n in range(12)]

    results = await asyncio.gather(*(bus.publish(call) for call in calls))

    assert sorted(item.sequence for part in results for item in part) == list(range(1, 1_801))


async def test_an_event_too_large_is_refused_before_anything_is_stored(bus: Bus) -> None:
    events: list[Outgoing] = [*comments(2), outgoing(created(3, text="ъ" * 300_000))]

    with pytest.raises(TooLarge, match="event 2 "):
        await bus.publish(events)

    assert await stored(bus, "COMMENTS") == []


async def test_a_stream_that_is_not_there_is_unavailable(bus: Bus) -> None:
    await bus.jetstream.delete_stream("COMMENTS")

    for count in (1, 2):
        with pytest.raises(Unavailable, match="no such stream"):
            await bus.publish(comments(count))
