"""The relay: everything committed reaches the broker, in order, whatever fails in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert, select

from services.routing.relay import HOLD, Relay
from services.routing.store import event as event_store
from services.routing.store import outbox as outbox_store
from services.routing.store import relay as store
from services.routing.store.event import Logged
from services.routing.store.schema import events, outbox
from services.routing.store.schema import relay as relay_table
from services.routing.store.snapshot import Snapshots
from services.routing.worker import Worker
from shared.bus import Bus, Outgoing, Published
from shared.clock import new_id, utc_now
from shared.db import Database
from shared.errors import TooLarge, Unavailable
from shared.events import CaseEvent, DeadLetter, QueueNotice
from tests.fixtures.broker import Broker
from tests.integration.routing.messages import BEGIN, deleted, table, tagged, tell


class Recorder:
    """A broker's stand-in that keeps what it is given, recognises repetitions, and fails when told to."""

    def __init__(self) -> None:
        self.stored: dict[str, object] = {}
        self.calls = 0
        self.lose_answers = 0
        """Publishes that are stored although the publisher is told that they failed."""
        self.away = False
        self.refused: set[str] = set()

    async def publish(self, events: Sequence[Outgoing], *, timeout: float = 5.0) -> list[Published]:
        self.calls += 1
        if self.away:
            raise Unavailable("the message broker is away")
        if any(one.msg_id in self.refused for one in events):
            raise TooLarge("an event is too large")
        for one in events:
            self.stored.setdefault(one.msg_id, one.event)
        if self.lose_answers:
            self.lose_answers -= 1
            raise Unavailable("the answer was lost")
        return [Published(sequence=place, duplicate=False) for place, _ in enumerate(events, start=1)]

    @property
    def cases(self) -> list[CaseEvent]:
        return [one for one in self.stored.values() if isinstance(one, CaseEvent)]

    @property
    def notices(self) -> list[QueueNotice]:
        return [one for one in self.stored.values() if isinstance(one, QueueNotice)]


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


async def some_cases(worker: Worker, count: int = 12) -> None:
    """Cases, some of them voided again: more than one event and notice each."""
    await tell(worker, *(tagged(number, id=f"c{number}", author=f"a{number}") for number in range(1, count + 1)))
    await tell(worker, *(deleted(100 + number, id=f"c{number}") for number in range(1, count + 1, 2)))


async def left(database: Database) -> int:
    return await database.read(store.waiting)


async def test_everything_committed_is_published_once_and_in_order(
    worker: Worker, database: Database, recorder: Recorder
) -> None:
    await some_cases(worker)
    await Relay(database, recorder, batch=5).relay_all()
    log = await table(database, events)
    assert [row["number"] for row in log] == list(range(1, len(log) + 1))
    assert [one.id for one in recorder.cases] == [row["id"] for row in log if row["subject_kind"] == "case"]
    assert [one.number for one in recorder.cases] == [row["number"] for row in log if row["subject_kind"] == "case"]
    assert len(recorder.notices) == 18
    assert await table(database, outbox) == []
    assert await left(database) == 0


async def test_nothing_left_to_do_costs_no_publish(worker: Worker, database: Database, recorder: Recorder) -> None:
    await some_cases(worker)
    relay = Relay(database, recorder)
    await relay.relay_all()
    calls = recorder.calls
    await relay.relay_all()
    assert recorder.calls == calls


async def test_a_lost_answer_is_repeated_under_the_same_ids(
    worker: Worker, database: Database, recorder: Recorder
) -> None:
    await some_cases(worker)
    recorder.lose_answers = 1
    relay = Relay(database, recorder, batch=5)
    with pytest.raises(Unavailable):
        await relay.relay_all()
    stored = dict(recorder.stored)
    await relay.relay_all()
    # The recorder recognised the first five of each by their ids.
    assert list(recorder.stored)[: len(stored)] == list(stored)
    assert len(recorder.cases) == 18
    assert len(recorder.notices) == 18
    numbers = [one.number for one in recorder.cases]
    assert numbers == sorted(numbers)


async def test_a_crash_between_publish_and_removal(worker: Worker, database: Database, recorder: Recorder) -> None:
    await some_cases(worker)
    now = utc_now()

    def take(conn: Connection) -> store.Turn | None:
        return store.turn(conn, holder="crashed", now=now, hold=HOLD, limit=5, done=None)

    turn = await database.write(take)
    assert turn is not None
    # It published, and died before it could say so: the rows and the numbers are still there.
    crashed = Relay(database, recorder)
    await crashed._publish(turn)
    before = dict(recorder.stored)
    assert len(await table(database, outbox)) == 18
    later = Relay(database, recorder, clock=lambda: now + HOLD + timedelta(seconds=1))
    await later.relay_all()
    assert list(recorder.stored)[: len(before)] == list(before)
    assert (len(recorder.cases), len(recorder.notices)) == (18, 18)
    assert await left(database) == 0


async def test_one_process_relays_at_a_time(worker: Worker, database: Database, recorder: Recorder) -> None:
    await some_cases(worker)
    now = utc_now()
    await database.write(lambda conn: store.turn(conn, holder="other", now=now, hold=HOLD, limit=5, done=None))
    waiting = Relay(database, recorder, clock=lambda: now + HOLD - timedelta(seconds=1))
    await waiting.relay_all()
    assert recorder.calls == 0
    await database.write(lambda conn: store.let_go(conn, holder="other"))
    await waiting.relay_all()
    assert await left(database) == 0


async def test_an_entry_that_commits_late_gets_a_later_number(database: Database, recorder: Recorder) -> None:
    """Two transactions write; the one that began first commits last. A reader of numbers misses neither."""
    if database.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time: nothing commits late")

    def entry(name: str) -> Logged:
        return Logged(
            id=str(new_id()), subject_kind="key", subject_id=name, event="made", state="live", actor="system", at=BEGIN
        )

    began, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def slow(conn: Connection) -> None:
        event_store.add(conn, [entry("slow")])
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(asyncio.wait_for(go_on.wait(), 20), loop).result(30)

    writing = asyncio.create_task(database.write(slow))
    await asyncio.wait_for(began.wait(), 20)
    await database.write(lambda conn: event_store.add(conn, [entry("quick")]))
    relay = Relay(database, recorder)
    await relay.relay_all()
    go_on.set()
    await writing
    await relay.relay_all()
    rows = await database.read(
        lambda conn: conn.execute(select(events.c.number, events.c.subject_id).order_by(events.c.number)).all()
    )
    assert [row.subject_id for row in rows][-2:] == ["quick", "slow"]
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))


async def test_what_cannot_be_published_does_not_hold_up_the_rest(
    worker: Worker, database: Database, recorder: Recorder
) -> None:
    await some_cases(worker, 3)
    unreadable = {"msg_id": "m1", "subject": "queues.x", "payload": '{"type":"from.the.future"}', "made_at": BEGIN}
    await database.write(lambda conn: conn.execute(insert(outbox).values(unreadable)))
    rows = await database.read(lambda conn: outbox_store.first(conn, limit=100))
    recorder.refused.add(rows[0].msg_id)
    await Relay(database, recorder).relay_all()
    dead = [one for one in recorder.stored.values() if isinstance(one, DeadLetter)]
    assert sorted(one.reason for one in dead) == ["invalid", "too_large"]
    assert len(recorder.notices) == len(rows) - 2
    assert await left(database) == 0


async def test_it_runs_until_stopped_and_is_woken_by_commits(database: Database, recorder: Recorder) -> None:
    relay = Relay(database, recorder, poll_seconds=60)
    stop = asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    worker = Worker(database, Snapshots(database), wake=relay.wake)
    await tell(worker, tagged(1))
    await tell(worker, tagged(2, id="c2", author="a2"))
    async with asyncio.timeout(20):
        while len(recorder.notices) < 2:
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.wait_for(running, 20)
    # It let go: another process need not wait.
    row = await database.read(lambda conn: conn.execute(select(relay_table)).one())
    assert row.holder is None


async def test_it_outlives_the_brokers_absence(worker: Worker, database: Database, recorder: Recorder) -> None:
    recorder.away = True
    await some_cases(worker)
    stop = asyncio.Event()
    running = asyncio.create_task(Relay(database, recorder, poll_seconds=0.01).run(stop))
    async with asyncio.timeout(20):
        while recorder.calls < 2:
            await asyncio.sleep(0.01)
        assert recorder.stored == {}
        recorder.away = False
        while await left(database):
            await asyncio.sleep(0.01)
    stop.set()
    await asyncio.wait_for(running, 20)
    assert (len(recorder.cases), len(recorder.notices)) == (18, 18)


@pytest.fixture
async def bus(broker: Broker) -> AsyncIterator[Bus]:
    async with await Bus.connect(broker.url, name="test") as bus:
        await asyncio.wait_for(bus.ensure(), 30)
        yield bus


async def test_a_real_broker_keeps_each_event_once(worker: Worker, database: Database, bus: Bus) -> None:
    await some_cases(worker)
    recorder = Recorder()
    recorder.lose_answers = 1

    class Forgetful:
        """Publishes, and then forgets once that it did."""

        async def publish(self, events: Sequence[Outgoing], *, timeout: float = 5.0) -> list[Published]:
            done = await bus.publish(events, timeout=timeout)
            await recorder.publish(events)
            return done

    relay = Relay(database, Forgetful(), batch=7)
    with pytest.raises(Unavailable):
        await relay.relay_all()
    await relay.relay_all()
    jetstream = bus.jetstream
    counts = {name: (await jetstream.stream_info(name)).state.messages for name in ("CASES", "QUEUES")}
    assert counts == {"CASES": 18, "QUEUES": 18}
