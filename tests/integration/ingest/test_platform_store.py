"""What is kept of platforms' events keeps its promises on both databases, and in the memory that unit tests use."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from services.ingest.connectors.received import PostCopy, Thread
from services.ingest.store import MIGRATIONS, StoredCopies, StoredCursors, StoredKnown, StoredSeen
from services.ingest.store.cursors import MAX_CURSOR
from shared.db import Database, migrate
from tests.unit.ingest.connectors.ok_rig import MemoryKnown
from tests.unit.ingest.platform_memory import MemoryCopies, MemoryCursors, MemorySeen

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=1)


@pytest.fixture(params=["memory", "sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database | None]:
    """None stands for the memory."""
    if request.param == "memory":
        yield None
        return
    url = str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))
    migrate(url, MIGRATIONS)
    database = Database.open(url)
    yield database
    database.close()


@pytest.fixture
def seen(database: Database | None) -> StoredSeen | MemorySeen:
    return MemorySeen() if database is None else StoredSeen(database)


@pytest.fixture
def cursors(database: Database | None) -> StoredCursors | MemoryCursors:
    return MemoryCursors() if database is None else StoredCursors(database)


@pytest.fixture
def copies(database: Database | None) -> StoredCopies | MemoryCopies:
    return MemoryCopies() if database is None else StoredCopies(database)


@pytest.fixture
def known(database: Database | None) -> StoredKnown | MemoryKnown:
    return MemoryKnown() if database is None else StoredKnown(database)


# Events seen.


async def test_events_that_were_seen_are_known(seen: StoredSeen) -> None:
    keys = {f"vk:1:{number}" for number in range(1_500)}
    await seen.record(keys, NOW)
    assert await seen.find(keys | {"vk:1:unknown", "max:1:1"}) == keys
    assert await seen.find({"vk:1:unknown"}) == set()
    assert await seen.find(set()) == set()
    await seen.record(set(), NOW)


async def test_an_event_seen_again_keeps_its_time(seen: StoredSeen) -> None:
    await seen.record({"vk:1:a", "vk:1:b"}, NOW)
    await seen.record({"vk:1:b", "vk:1:c"}, LATER)
    assert await seen.purge(LATER) == 2
    assert await seen.find({"vk:1:a", "vk:1:b", "vk:1:c"}) == {"vk:1:c"}


async def test_events_are_forgotten_in_steps_the_oldest_first(seen: StoredSeen) -> None:
    for day in range(5):
        await seen.record({f"vk:1:{day}-{number}" for number in range(10)}, NOW + timedelta(days=day))
    assert await seen.purge(NOW + timedelta(days=3), 15) == 15
    assert await seen.find({f"vk:1:0-{number}" for number in range(10)}) == set()
    assert await seen.purge(NOW + timedelta(days=3), 100) == 15
    assert await seen.purge(NOW + timedelta(days=3), 100) == 0


async def test_the_same_event_from_many_at_once_is_one(seen: StoredSeen) -> None:
    await asyncio.gather(*(seen.record({"vk:1:a", f"vk:1:{number}"}, NOW) for number in range(8)))
    assert len(await seen.find({"vk:1:a", *(f"vk:1:{number}" for number in range(8))})) == 9


# Cursors.


async def test_a_cursor_is_kept_for_each_source_and_kind(cursors: StoredCursors) -> None:
    assert await cursors.get("a", "poll") is None
    await cursors.put("a", "poll", b"\0\xff1", NOW)
    await cursors.put("a", "backfill", b"2", NOW)
    await cursors.put("b", "poll", b"", NOW)
    await cursors.put("a", "poll", b"3", LATER)
    assert [await cursors.get("a", "poll"), await cursors.get("a", "backfill")] == [b"3", b"2"]
    assert await cursors.get("b", "poll") == b""


async def test_a_cursor_that_is_too_old_is_none(cursors: StoredCursors) -> None:
    await cursors.put("a", "poll", b"1", NOW)
    assert await cursors.get("a", "poll", NOW) == b"1"
    assert await cursors.get("a", "poll", LATER) is None
    await cursors.put("a", "poll", b"1", LATER)
    assert await cursors.get("a", "poll", LATER) == b"1"


async def test_cursors_are_dropped_one_kind_or_all(cursors: StoredCursors) -> None:
    for name in ("a", "b"):
        await cursors.put(name, "poll", b"1", NOW)
        await cursors.put(name, "backfill", b"2", NOW)
    await cursors.drop("a", "backfill")
    await cursors.drop("a", "backfill")
    assert [await cursors.get("a", "poll"), await cursors.get("a", "backfill")] == [b"1", None]
    await cursors.drop("a")
    assert await cursors.get("a", "poll") is None
    assert [await cursors.get("b", "poll"), await cursors.get("b", "backfill")] == [b"1", b"2"]


async def test_a_cursor_has_a_bound(cursors: StoredCursors) -> None:
    await cursors.put("a", "poll", b"x" * MAX_CURSOR, NOW)
    with pytest.raises(ValueError, match="4096"):
        await cursors.put("a", "poll", b"x" * (MAX_CURSOR + 1), NOW)
    assert await cursors.get("a", "poll") == b"x" * MAX_CURSOR


# Telegram's copies.


def copied(number: int, post: str = "1", group: str = "-100") -> PostCopy:
    return PostCopy(thread=Thread(group=group, copy=str(number)), channel="-5", post=post)


async def test_copies_lead_to_their_posts(copies: StoredCopies) -> None:
    known = [copied(number, str(number * 10)) for number in range(300)]
    await copies.record(known)
    threads = {it.thread for it in known}
    assert await copies.find({*threads, Thread(group="-100", copy="unknown")}) == {it.thread: it for it in known}
    assert await copies.find({Thread(group="-200", copy="1")}) == {}
    assert await copies.find(set()) == {}
    await copies.record([])


async def test_a_copy_that_is_known_stays_as_it_is(copies: StoredCopies) -> None:
    await copies.record([copied(1, "first"), copied(1, "other"), copied(1, "elsewhere", group="-200")])
    await copies.record([copied(1, "second"), copied(2, "new")])
    thread = Thread(group="-100", copy="1")
    assert (await copies.find({thread}))[thread].post == "first"


# Comments under posts.


async def test_comments_are_known_by_page_and_post(known: StoredKnown) -> None:
    comments = {f"c{number}=" for number in range(1_200)}
    await known.record("ok:1", "10", comments, NOW)
    await known.record("ok:1", "10", {"c1=", "new"}, LATER)
    await known.record("ok:1", "11", {"x"}, NOW)
    await known.record("ok:2", "10", set(), NOW)
    assert await known.find("ok:1", "10") == comments | {"new"}
    assert await known.find("ok:1", "11") == {"x"}
    assert await known.find("ok:2", "10") == set()
    assert await known.posts("ok:1") == {"10", "11"}
    assert await known.posts("ok:2") == set()
    await known.drop("ok:1", "10", comments)
    await known.drop("ok:1", "10", set())
    assert await known.find("ok:1", "10") == {"new"}
    assert await known.find("ok:1", "11") == {"x"}
    await known.drop_post("ok:1", "10")
    assert await known.posts("ok:1") == {"11"}


async def test_comments_found_long_ago_are_forgotten(database: Database | None) -> None:
    if database is None:
        pytest.skip("the memory of unit tests forgets nothing")
    known = StoredKnown(database)
    await known.record("ok:1", "10", {str(number) for number in range(30)}, NOW)
    await known.record("ok:1", "10", {"late", "1"}, LATER)
    assert await known.purge(LATER, 10) == 30
    assert await known.purge(LATER, 10) == 0
    assert await known.find("ok:1", "10") == {"late"}
