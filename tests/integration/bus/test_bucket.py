"""A bucket and those who follow it: no change is ever missed."""

from __future__ import annotations

import asyncio

import pytest

from shared.bus import Bucket, Bus
from shared.errors import Conflict, Unavailable
from tests.integration.bus.broker import Broker
from tests.integration.bus.conftest import Connect
from tests.integration.bus.samples import until


@pytest.fixture
async def bucket(bus: Bus) -> Bucket:
    return await bus.bucket("api_keys")


async def test_a_value_is_kept_changed_and_removed(bucket: Bucket) -> None:
    assert await bucket.get("one") is None

    first = await bucket.put("one", b"1")
    second = await bucket.put("one", b"2")
    assert await bucket.get("one") == b"2"
    assert second > first

    await bucket.delete("one")
    assert await bucket.get("one") is None
    await bucket.delete("never-there")


async def test_entries_and_keys_are_those_that_have_a_value(bucket: Bucket) -> None:
    for name in ("b", "a", "c"):
        await bucket.put(name, name.encode())
    await bucket.put("empty", b"")
    await bucket.delete("b")

    assert await bucket.entries() == {"a": b"a", "c": b"c", "empty": b""}
    assert await bucket.keys() == ["a", "c", "empty"]


async def test_an_empty_bucket_has_nothing(bucket: Bucket) -> None:
    assert await bucket.entries() == {}
    assert await bucket.changes(0) == ([], 0)
    assert await bucket.last_sequence() == 0


async def test_changes_come_in_order_with_removals(bucket: Bucket) -> None:
    await bucket.put("one", b"1")
    _, reached = await bucket.changes(0)
    await bucket.put("two", b"2")
    await bucket.put("three", b"3")
    await bucket.delete("one")

    changes, now = await bucket.changes(reached)

    assert changes == [("two", b"2"), ("three", b"3"), ("one", None)]
    assert now == await bucket.last_sequence() == 4
    assert await bucket.changes(now) == ([], now)


async def test_more_changes_than_one_read_takes(bucket: Bucket) -> None:
    for number in range(1_100):
        await bucket.put(f"key{number}", str(number).encode())

    changes, reached = await bucket.changes(0)

    assert changes == [(f"key{number}", str(number).encode()) for number in range(1_100)]
    assert reached == 1_100


async def test_a_follower_never_misses_what_a_writer_changes_meanwhile(bucket: Bucket, connect: Connect) -> None:
    writer = await (await connect()).bucket("api_keys")
    finished = False

    async def write() -> None:
        nonlocal finished
        for number in range(400):
            # The same few keys again and again: what is replaced vanishes from under the reader.
            key = f"key{number % 7}"
            if number % 5 == 4:
                await writer.delete(key)
            else:
                await writer.put(key, str(number).encode())
        finished = True

    known: dict[str, bytes] = {}
    reached = 0
    writing = asyncio.create_task(write())
    while not finished or reached < await bucket.last_sequence():
        changes, now = await bucket.changes(reached)
        assert now >= reached
        reached = now
        for key, value in changes:
            if value is None:
                known.pop(key, None)
            else:
                known[key] = value
    await writing

    assert known == await bucket.entries()
    assert reached == 400


async def test_reading_leaves_no_reader_behind(bucket: Bucket, bus: Bus) -> None:
    await bucket.put("one", b"1")
    await bucket.changes(0)

    assert await bus.jetstream.consumers_info("KV_api_keys") == []


async def test_a_bucket_made_anew_shows_in_its_sequence(bucket: Bucket, bus: Bus) -> None:
    for _ in range(5):
        await bucket.put("one", b"1")
    await bus.jetstream.delete_stream("KV_api_keys")
    await bus.ensure()
    await bucket.put("two", b"2")

    assert await bucket.last_sequence() == 1
    assert await bucket.entries() == {"two": b"2"}


async def test_of_two_who_replace_the_same_revision_one_succeeds(bucket: Bucket) -> None:
    assert await bucket.entry("one") == (None, 0)
    first = await bucket.replace("one", b"1", revision=0)
    assert await bucket.entry("one") == (b"1", first)

    outcomes = await asyncio.gather(
        *(bucket.replace("one", str(number).encode(), revision=first) for number in range(2, 12)),
        return_exceptions=True,
    )
    (second,) = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 9
    assert (await bucket.entry("one"))[1] == second

    await bucket.delete("one")
    value, removed = await bucket.entry("one")
    assert value is None
    with pytest.raises(Conflict):
        await bucket.replace("one", b"x", revision=0)
    await bucket.replace("one", b"again", revision=removed)
    assert await bucket.get("one") == b"again"


async def test_entries_under_a_beginning(bucket: Bucket) -> None:
    for key in ("a.b.1", "a.b.2", "a.c.1", "a", "ab.b.1"):
        await bucket.put(key, key.encode())
    assert await bucket.entries("a.b") == {"a.b.1": b"a.b.1", "a.b.2": b"a.b.2"}
    assert await bucket.entries("nothing") == {}


async def test_a_broker_that_is_away_is_unavailable(bucket: Bucket, bus: Bus, broker: Broker) -> None:
    broker.kill()
    await until(lambda: not bus.connected, "the loss of the connection")
    with pytest.raises(Unavailable):
        await bus.bucket("api_keys")
    await bus.drain()

    for work in (
        bucket.get("one"),
        bucket.put("one", b"1"),
        bucket.delete("one"),
        bucket.entries(),
        bucket.entry("one"),
        bucket.replace("one", b"1", revision=0),
        bucket.changes(0),
        bucket.last_sequence(),
    ):
        with pytest.raises(Unavailable):
            await work


async def test_a_removal_may_depend_on_the_revision(bucket: Bucket) -> None:
    first = await bucket.put("one", b"1")
    second = await bucket.put("one", b"2")

    with pytest.raises(Conflict):
        await bucket.delete("one", revision=first)
    assert await bucket.get("one") == b"2"

    await bucket.delete("one", revision=second)
    assert await bucket.get("one") is None
    with pytest.raises(Conflict):
        await bucket.delete("one", revision=second)
