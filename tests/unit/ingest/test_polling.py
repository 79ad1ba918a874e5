"""Sources that are asked: none waits for another, none is forgotten, and no cursor runs ahead of what is durable."""

from __future__ import annotations

import asyncio
import itertools
import math
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from services.ingest import polling as polling_module
from services.ingest.connectors.connector import Polled
from services.ingest.connectors.failure import BadCredential, NotAllowed, NotSent, Unclear
from services.ingest.polling import (
    CREDENTIAL_PAUSE,
    FIRST_PAUSE,
    LONGEST_ASKED,
    LONGEST_PAUSE,
    OUR_LONGEST_PAUSE,
    Polling,
    _pause,
)
from services.ingest.sources.source import Secrets, Source
from shared.clock import utc_now
from shared.errors import Transient
from tests.fixtures.leases import Alone
from tests.unit.ingest.memory import running
from tests.unit.ingest.platform_memory import Desk, MemoryCursors, happened, source
from tests.unit.ingest.toy import Fares, Toy

HOUR = 3_600.0


class Bench:
    """Polling over memory, with sources that a test may change while it runs."""

    def __init__(self, desk: Desk, toy: Toy, sources: Iterable[Source]) -> None:
        self.desk = desk
        self.fares = Fares()
        self.cursors = MemoryCursors()
        self.sources = {source.id: source for source in sources}
        self.foreign: set[str] = set()
        self.stop = asyncio.Event()
        self.polling = Polling(
            sources=lambda: list(self.sources.values()),
            leases=Alone(self.foreign),
            connectors={toy.platform: toy},
            arrivals=desk.arrivals,
            cursors=self.cursors,
            fares=self.fares,
        )


@asynccontextmanager
async def bench(toy: Toy, sources: Iterable[Source]) -> AsyncIterator[Bench]:
    async with running() as rig:
        made = Bench(Desk(rig), toy, sources)
        task = asyncio.create_task(made.polling.run(made.stop))
        try:
            yield made
        finally:
            made.stop.set()
            await asyncio.wait_for(task, 20)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at the sources often, and does not wait long for what hangs."""
    monkeypatch.setattr(polling_module, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(polling_module, "CLOSE_SECONDS", 0.5)
    monkeypatch.setattr(polling_module, "STARTS_A_SECOND", 10_000.0)
    monkeypatch.setattr(polling_module, "RECONCILES_A_SECOND", 10_000.0)


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def polled_source(name: str = "a", **changes: Any) -> Source:
    return source(way="poll", id=name, **changes)


async def test_what_a_poll_brings_is_told_and_its_cursor_kept() -> None:
    async def poll(source: Source, cursor: bytes | None) -> Polled:
        number = int(cursor or b"0") + 1
        return Polled(
            events=(happened(f"wall:-1:2:{number}", key=str(number)),),
            cursor=str(number).encode(),
            wait=0.001 if number < 3 else HOUR,
        )

    async with bench(Toy(poll=poll), [polled_source()]) as rig:
        await until(lambda: len(rig.desk.told) == 3 and len(rig.cursors.moves) == 3)
        assert rig.cursors.moves == [("a", "poll", b"1"), ("a", "poll", b"2"), ("a", "poll", b"3")]
        assert [count for _, count in rig.fares.heard_of] == [1, 1, 1]


async def test_a_cursor_moves_only_once_all_is_durable() -> None:
    asked: list[bytes | None] = []

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        asked.append(cursor)
        return Polled(events=(happened(),), cursor=b"1", wait=HOUR)

    async with bench(Toy(poll=poll), [polled_source()]) as rig:
        rig.desk.rig.stream.gate.clear()
        await until(lambda: asked)
        await asyncio.sleep(0.05)
        assert rig.cursors.values == {}
        rig.desk.rig.stream.gate.set()
        await until(lambda: rig.cursors.values)
        assert rig.desk.told == [("comment.created", "vk:wall:-1:2:3")]


async def test_what_could_not_be_stored_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling_module, "FIRST_PAUSE", 0.01)
    asked: list[bytes | None] = []

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        asked.append(cursor)
        return Polled(events=(happened(),), cursor=b"1", wait=HOUR)

    async with bench(Toy(poll=poll), [polled_source()]) as rig:
        rig.desk.rig.stream.away = True
        await until(lambda: len(asked) >= 2)
        assert rig.cursors.values == {}
        rig.desk.rig.stream.away = False
        await until(lambda: rig.cursors.values)
        assert set(asked) == {None}
        assert len(rig.desk.told) == 1


async def test_a_poll_that_brings_nothing_costs_the_database_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor is read at the start, and again after whatever may have left it elsewhere."""
    monkeypatch.setattr(polling_module, "FIRST_PAUSE", 0.001)
    asked: list[bytes | None] = []

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        asked.append(cursor)
        if len(asked) == 10:
            raise NotSent("away")
        return Polled(events=(), cursor=b"7", wait=0.001 if len(asked) < 20 else HOUR)

    async with bench(Toy(poll=poll), [polled_source()]) as rig:
        await until(lambda: len(asked) == 20)
        assert asked == [None, *[b"7"] * 19]
        assert rig.cursors.reads.count(("a", "poll")) == 2
        assert rig.cursors.moves == [("a", "poll", b"7")]


async def test_who_reads_a_source_again_begins_with_what_is_stored() -> None:
    """Another replica read it meanwhile."""
    asked: list[bytes | None] = []

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        asked.append(cursor)
        return Polled(events=(), cursor=b"7", wait=0.001)

    async with bench(Toy(poll=poll), [polled_source()]) as rig:
        await until(lambda: len(asked) > 2)
        rig.foreign.add("a")
        await until(lambda: not rig.polling._running)
        rig.cursors.values["a", "poll"] = b"9"
        before = len(asked)
        rig.foreign.clear()
        await until(lambda: len(asked) > before)
        assert asked[before] == b"9"


async def test_thousands_of_sources_do_not_begin_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling_module, "STARTS_A_SECOND", 40.0)
    times: list[float] = []

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        times.append(time.monotonic())
        return Polled(events=(), cursor=b"0", wait=HOUR)

    began = time.monotonic()
    async with bench(Toy(poll=poll), [polled_source(f"s{number}") for number in range(13)]):
        await until(lambda: len(times) == 13)
        # From the beginning: the first itself may come late on a busy machine.
        assert times[-1] - began > 0.29


async def test_a_source_that_is_called_is_only_read_back() -> None:
    polled: list[str] = []
    steps: list[bytes | None] = []

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        polled.append(source.id)
        return Polled(events=(), cursor=b"", wait=HOUR)

    async def backfill(source: Source, cursor: bytes | None) -> Polled | None:
        steps.append(cursor)
        if cursor == b"2":
            return None
        number = int(cursor or b"0") + 1
        return Polled(events=(happened(f"wall:-1:2:{number}", key=None),), cursor=str(number).encode())

    async with bench(Toy(poll=poll, backfill=backfill), [source(id="a")]) as rig:
        await until(lambda: len(steps) == 3)
        await asyncio.sleep(0.02)
        assert steps == [None, b"1", b"2"]
        assert polled == []
        assert len(rig.desk.told) == 2
        assert rig.cursors.values == {}


async def test_reading_back_goes_on_where_it_stood() -> None:
    steps: list[bytes | None] = []

    async def backfill(source: Source, cursor: bytes | None) -> Polled | None:
        steps.append(cursor)
        return None

    async with bench(Toy(backfill=backfill), []) as rig:
        await rig.cursors.put("a", "backfill", b"half", rig.desk.arrivals._clock())
        rig.sources["a"] = source(id="a")
        await until(lambda: steps)
        assert steps == [b"half"]


async def test_what_was_missed_is_read_back_before_the_next_poll() -> None:
    order: list[str] = []

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        order.append("poll")
        return Polled(events=(), cursor=b"1", behind=cursor is None, wait=0.001 if cursor is None else HOUR)

    async def backfill(source: Source, cursor: bytes | None) -> Polled | None:
        order.append("back")
        await asyncio.sleep(0.02)
        return None if cursor else Polled(events=(), cursor=b"x")

    async with bench(Toy(poll=poll, backfill=backfill), [polled_source()]):
        await until(lambda: order.count("poll") == 2)
        first, second = (place for place, what in enumerate(order) if what == "poll")
        assert order[first + 1 : second].count("back") >= 2


async def test_two_never_read_back_the_same_source_at_once() -> None:
    inside = most = 0

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        number = int(cursor or b"0") + 1
        return Polled(events=(), cursor=str(number).encode(), behind=number < 4, wait=0.001 if number < 4 else HOUR)

    async def backfill(source: Source, cursor: bytes | None) -> Polled | None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)
        inside -= 1
        return None if cursor else Polled(events=(), cursor=b"x")

    async with bench(Toy(poll=poll, backfill=backfill), [polled_source()]) as rig:
        await until(lambda: rig.cursors.values.get(("a", "poll")) == b"4")
        assert most == 1


@pytest.mark.parametrize(
    "error",
    [NotSent("away"), Unclear("lost"), Transient("database"), ValueError("a fault of ours"), TimeoutError()],
)
async def test_a_failure_is_told_and_the_source_goes_on(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling_module, "FIRST_PAUSE", 0.005)
    calls = 0

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        nonlocal calls
        calls += 1
        if calls <= 3:
            raise error
        return Polled(events=(), cursor=b"1", wait=HOUR)

    async with bench(Toy(poll=poll), [polled_source()]) as rig:
        await until(lambda: calls == 4)
        assert [failure for _, failure in rig.fares.failures] == [error] * 3


def test_pauses_double_up_to_a_bound_and_respect_what_the_platform_asks() -> None:
    pauses = [_pause(NotSent("away"), number) for number in range(40)]
    assert pauses[:4] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE, 8 * FIRST_PAUSE]
    assert max(pauses) == LONGEST_PAUSE
    assert _pause(NotSent("limit", retry_after=700), 0) == 700
    assert _pause(NotSent("limit", retry_after=0.1), 0) == FIRST_PAUSE
    assert _pause(NotSent("limit", retry_after=float("inf")), 0) == LONGEST_ASKED
    # Ours are mended for all sources at once, and then none may be silent for minutes.
    assert max(_pause(Transient("away"), number) for number in range(40)) == OUR_LONGEST_PAUSE
    assert _pause(BadCredential("no"), 0) == _pause(NotAllowed("no"), 7) == CREDENTIAL_PAUSE


async def test_a_source_that_fails_is_asked_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling_module, "FIRST_PAUSE", 0.02)
    times: list[float] = []

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        times.append(time.monotonic())
        raise NotSent("away")

    async with bench(Toy(poll=poll), [polled_source()]):
        await until(lambda: len(times) == 5)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    # A busy machine makes any of them longer, and none shorter; a tenth is left to chance.
    assert all(gap > 0.017 * 2**number for number, gap in enumerate(gaps)), gaps


async def test_a_changed_source_begins_anew_with_what_it_is_now() -> None:
    tokens: list[str | None] = []
    cancelled: list[str | None] = []

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        tokens.append(source.secrets.bot_token)
        try:
            await asyncio.sleep(HOUR)
        except asyncio.CancelledError:
            cancelled.append(source.secrets.bot_token)
            raise
        raise AssertionError

    first = polled_source(secrets=Secrets(bot_token="old"))  # of this test alone
    async with bench(Toy(poll=poll), [first]) as rig:
        await until(lambda: tokens == ["old"])
        rig.sources["a"] = msgspec.structs.replace(first, secrets=Secrets(bot_token="new"))  # as above
        await until(lambda: tokens == ["old", "new"])
        assert cancelled == ["old"]


async def test_nobody_takes_the_place_of_one_that_will_not_leave() -> None:
    """A swallowed cancellation is sent again; meanwhile nobody else asks with the same cursor."""
    asking: list[str | None] = []
    most = swallowed = 0

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        nonlocal most, swallowed
        asking.append(source.secrets.bot_token)
        most = max(most, len(asking))
        try:
            while True:
                try:
                    await asyncio.sleep(HOUR)
                except asyncio.CancelledError:
                    swallowed += 1
                    if source.secrets.bot_token == "new" or swallowed == 3:  # of this test alone
                        raise
        finally:
            asking.pop()

    first = polled_source(secrets=Secrets(bot_token="old"))  # of this test alone
    async with bench(Toy(poll=poll), [first]) as rig:
        await until(lambda: asking == ["old"])
        rig.sources["a"] = msgspec.structs.replace(first, secrets=Secrets(bot_token="new"))  # as above
        await until(lambda: asking == ["new"])
        assert (most, swallowed) == (1, 3)


@pytest.mark.parametrize("how", ["paused", "removed", "foreign"])
async def test_a_source_that_is_not_ours_any_more_is_left(how: str) -> None:
    state: list[str] = []

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        state.append("asked")
        try:
            await asyncio.sleep(HOUR)
        finally:
            state.append("left")
        raise AssertionError

    async with bench(Toy(poll=poll), [polled_source()]) as rig:
        await until(lambda: state == ["asked"])
        if how == "paused":
            rig.sources["a"] = polled_source(active=False)
        elif how == "removed":
            del rig.sources["a"]
        else:
            rig.foreign.add("a")
        await until(lambda: state == ["asked", "left"])
        await asyncio.sleep(0.06)
        assert state == ["asked", "left"]


async def test_at_the_end_everything_that_hangs_is_cancelled() -> None:
    left = 0

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        nonlocal left
        try:
            await asyncio.sleep(HOUR)
        finally:
            left += 1
        raise AssertionError

    before = asyncio.all_tasks()
    async with bench(Toy(poll=poll), [polled_source(f"s{number}") for number in range(50)]):
        await asyncio.sleep(0.1)
    assert left == 50
    assert asyncio.all_tasks() == before


async def test_a_source_whose_task_ended_by_a_fault_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        nonlocal calls
        calls += 1
        raise NotSent("away")

    async with bench(Toy(poll=poll), []) as rig:

        def failed(source: Source, error: Exception) -> None:
            rig.fares.failures.append((source.id, error))
            if len(rig.fares.failures) == 1:
                raise RuntimeError("a fault in telling it")

        monkeypatch.setattr(rig.fares, "failed", failed)
        rig.sources["a"] = polled_source()
        await until(lambda: calls >= 2)


async def test_of_2000_sources_a_tenth_that_hangs_or_fails_delays_no_other() -> None:
    """Each source is asked every half second; the gaps of the good ones stay that long while others hang."""
    asked: dict[str, list[float]] = {}
    wait = 0.5

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        number = int(source.id[1:])
        if number % 20 == 0:
            await asyncio.sleep(HOUR)
        if number % 20 == 1:
            raise NotSent("away")
        asked.setdefault(source.id, []).append(time.monotonic())
        return Polled(events=(), cursor=b"1", wait=wait)

    begun = time.monotonic()
    async with bench(Toy(poll=poll), [polled_source(f"s{number}") for number in range(2_000)]) as rig:
        await until(lambda: len(asked) == 1_800 and all(len(times) >= 4 for times in asked.values()), 60)
        failures, took = len(rig.fares.failures), time.monotonic() - begun
    firsts = sorted(times[0] - begun for times in asked.values())
    gaps = sorted(b - a for times in asked.values() for a, b in itertools.pairwise(times))
    p99, longest = gaps[len(gaps) * 99 // 100], gaps[-1]
    print(
        f"2,000 sources, 100 hang, 100 fail: first poll within {firsts[-1]:.2f} s, gap p99 {p99:.2f} s, {longest:.2f}"
    )
    assert len(asked) == 1_800
    # Waiting for one that hangs would take an hour; a busy machine takes a second or two.
    assert p99 < wait * 6
    assert longest < wait * 12
    # Those that fail back off: each pause is twice as long, less a tenth that is left to chance.
    assert failures <= 100 * (1 + math.log2(1 + took / (0.9 * FIRST_PAUSE)))


async def test_a_comment_that_is_deleted_while_the_page_is_read_back_stays_deleted() -> None:
    """The platform answers with what stood there when it was asked; its call about the deletion is faster."""
    readings: list[bytes | None] = []

    async def backfill(source: Source, cursor: bytes | None) -> Polled | None:
        readings.append(cursor)
        if cursor == b"2":
            return None
        if cursor == b"1":
            await made[0].desk.arrivals.take(source, [happened(key="2", event="deleted", text=None)], b"{}")
        standing = msgspec.structs.replace(happened(key=None), read_back=True)
        return Polled(events=(standing,), cursor=b"1" if cursor is None else b"2")

    made: list[Bench] = []
    async with bench(Toy(backfill=backfill), [source(id="a")]) as rig:
        made.append(rig)
        await until(lambda: b"2" in readings)
        assert rig.desk.told == [("comment.created", "vk:wall:-1:2:3"), ("comment.deleted", "vk:wall:-1:2:3")]


async def test_a_source_that_was_removed_and_added_again_begins_anew() -> None:
    """Its id says nothing of its page: the place where another page was read is none in this one."""
    asked: list[tuple[str, bytes | None]] = []

    async def poll(source: Source, cursor: bytes | None) -> Polled:
        asked.append((source.page, cursor))
        return Polled(events=(), cursor=b"place in " + source.page.encode(), wait=HOUR)

    async def backfill(source: Source, cursor: bytes | None) -> Polled | None:
        asked.append((source.page, cursor))
        return Polled(events=(), cursor=b"reading " + source.page.encode(), wait=HOUR)

    first = polled_source(added_at=utc_now() - timedelta(days=1))
    async with bench(Toy(poll=poll, backfill=backfill), [first]) as rig:
        await until(lambda: len(rig.cursors.values) == 2)
        del rig.sources["a"]
        await until(lambda: not rig.polling._running and not rig.polling._leaving)
        asked.clear()
        rig.sources["a"] = polled_source(page="vk:-2", added_at=utc_now())
        await until(lambda: len(asked) == 2)
        assert asked == [("vk:-2", None)] * 2
        await until(lambda: b"reading vk:-2" in rig.cursors.values.values())
        rig.sources["a"] = msgspec.structs.replace(rig.sources["a"], pace_seconds=1.0)
        await until(lambda: len(asked) == 4)
        assert sorted(asked[2:]) == [("vk:-2", b"place in vk:-2"), ("vk:-2", b"reading vk:-2")]
