"""From ACTIONS to OUTCOMES over a real broker: two replicas, killed and started again, and what is cancelled."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

import msgspec
import pytest

from services.ingest.actions import attempt
from services.ingest.actions.consuming import Cancelling, consume
from services.ingest.actions.course import Means, Times
from services.ingest.actions.waiting import Waiting
from services.ingest.actions.worker import Worker
from services.ingest.connectors.connector import Connector
from services.ingest.connectors.failure import NotSent, Unclear
from services.ingest.store import MIGRATIONS, StoredJournal
from shared.bus import INGEST_ACTIONS, INGEST_CANCELLATIONS, Bus, Consumer, Outgoing, Patience
from shared.bus.declaration import consumer_config
from shared.clock import utc_now
from shared.db import Database, migrate
from shared.events import ActionCancelled, Event, Outcome, decode
from shared.web.health import Background, Health
from tests.fixtures.acting import MemoryConnector, MemorySources, action, source

PAGES = [f"vk:-{number}" for number in range(1, 9)]
SPECS = [msgspec.structs.replace(spec, ack_wait=1.0) for spec in (INGEST_ACTIONS["vk"], INGEST_CANCELLATIONS)]
TIMES = Times(attempt=0.5, hold=2.0, reconsider=0.1)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "PAUSES", (0.02, 0.03, 0.05))
    monkeypatch.setattr(attempt, "SETTLING_SECONDS", 0.05)


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_url, name="test") as connected:
        await connected.ensure()
        for spec in SPECS:
            # Killed processes are noticed within a second; nobody declares it back in this test.
            await connected.jetstream.add_consumer(spec.stream, consumer_config(spec))
        yield connected


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    migrate(sqlite_url, MIGRATIONS)
    database = Database.open(sqlite_url)
    yield database
    database.close()


class Replica:
    """One process's half of it; `kill` ends it as a crash does, without a word to the broker."""

    def __init__(self, bus: Bus, database: Database, connector: MemoryConnector, sources: MemorySources) -> None:
        self.journal = StoredJournal(database)
        means = Means(
            connector=cast(Connector, connector),
            journal=self.journal,
            sources=sources,
            publish=bus.publish,
            waiting=Waiting(),
            times=TIMES,
        )
        self.worker = Worker("vk", means)
        self.stop = asyncio.Event()
        self.worker.stops_with(self.stop)
        patience = Patience(fetch_seconds=0.2, pauses=(0.1,), max_deliveries=500, alone_from=500)
        acting = Consumer(
            bus, service="ingest", spec=SPECS[0], handle=self.worker.handle, max_batch=16, patience=patience
        )
        cancelling = Consumer(
            bus,
            service="ingest",
            spec=SPECS[1],
            handle=Cancelling(self.journal).handle,
            patience=patience,
        )
        self.tasks = [asyncio.create_task(consumer.run(self.stop)) for consumer in (acting, cancelling)]

    async def end(self) -> None:
        self.stop.set()
        await asyncio.wait_for(asyncio.gather(*self.tasks), 20)

    async def kill(self) -> None:
        """Everything breaks off where it stands; what was in flight comes again."""
        for task in list(self.worker._open):
            task.cancel()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


@asynccontextmanager
async def running(*replicas: Replica) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for replica in replicas:
            await replica.end()


async def told(bus: Bus, count: int, seconds: float = 60.0) -> list[Outcome]:
    """The outcomes, once there are so many and no action is left."""
    async with asyncio.timeout(seconds):
        while True:
            left = (await bus.jetstream.stream_info("ACTIONS")).state.messages
            there = (await bus.jetstream.stream_info("OUTCOMES")).state.messages
            if left == 0 and there >= count:
                break
            await asyncio.sleep(0.05)
    found = []
    for sequence in range(1, there + 1):
        raw = await bus.jetstream.get_msg("OUTCOMES", sequence)
        found.append(cast(Outcome, decode(str(raw.subject), raw.data or b"")))
    return found


async def order(bus: Bus, *events: Event) -> None:
    await bus.publish([Outgoing(event=it, msg_id=getattr(it, "id", None) or f"cancel:{it.action}") for it in events])  # type: ignore[union-attr]  # actions and cancellations


async def test_every_action_gets_its_outcome_and_leaves_the_stream(bus: Bus, database: Database) -> None:
    connector, sources = MemoryConnector(), MemorySources(*(source(page) for page in PAGES))
    ordered = [action(utc_now(), page=page) for page in PAGES for _ in range(4)]
    await order(bus, *ordered)
    async with running(*(Replica(bus, database, connector, sources) for _ in range(2))):
        outcomes = await told(bus, len(ordered))
    assert sorted(it.action for it in outcomes) == sorted(it.id for it in ordered)
    assert {it.result for it in outcomes} == {"done"}
    for page in PAGES:
        assert connector.page(page).most_at_once == 1
        assert sorted(connector.page(page).effects) == sorted(it.id for it in ordered if it.page == page)


async def test_what_is_cancelled_while_it_waits_is_not_done(bus: Bus, database: Database) -> None:
    connector, sources = MemoryConnector(), MemorySources(*(source(page) for page in PAGES))
    connector.before = lambda _: NotSent("away")
    ordered = action(utc_now())
    await order(bus, ordered)
    async with running(Replica(bus, database, connector, sources)):
        while not connector.keys:
            await asyncio.sleep(0.01)
        await order(bus, ActionCancelled(action=ordered.id, platform="vk", page="vk:-1", at=utc_now()))
        (outcome,) = await told(bus, 1)
    assert (outcome.result, outcome.detail) == ("failed", "It was cancelled before it was begun.")


async def test_replicas_that_keep_dying_do_everything_once(bus: Bus, database: Database) -> None:
    """A platform that loses requests and answers, and processes that are killed in the midst of it."""
    chance = random.Random(7)
    connector, sources = MemoryConnector(seconds=0.01), MemorySources(*(source(page) for page in PAGES))
    connector.before = lambda _: chance.choice([None, None, None, NotSent("6"), Unclear("lost")])
    connector.after = lambda _: chance.choice([None, None, Unclear("lost")])
    ordered = [action(utc_now(), page=page) for page in PAGES for _ in range(4)]
    await order(bus, *ordered)
    for _ in range(5):
        replicas = [Replica(bus, database, connector, sources) for _ in range(2)]
        await asyncio.sleep(chance.uniform(0.1, 0.5))
        for replica in replicas:
            await replica.kill()
    async with running(*(Replica(bus, database, connector, sources) for _ in range(2))):
        outcomes = await told(bus, len(ordered))
    by_action: dict[str, set[Any]] = {}
    for it in outcomes:
        by_action.setdefault(it.action, set()).add(it)
    assert by_action.keys() == {it.id for it in ordered}
    assert all(len(said) == 1 for said in by_action.values()), "what is told again is told in the same words"
    assert {it.result for it in outcomes} == {"done"}
    for each in ordered:
        assert connector.page(each.page).count(each.id) == 1


async def test_nothing_is_done_before_the_sources_are_known(bus: Bus, database: Database) -> None:
    """An action taken earlier would find no source for its page, and go to a person for good."""
    sources, loaded, settled = MemorySources(), asyncio.Event(), asyncio.Event()
    settled.set()
    journal, connector = StoredJournal(database), MemoryConnector()
    ordered = action(utc_now())
    await order(bus, ordered)
    tasks = Background(Health({}))
    consume(
        tasks,
        bus,
        journal=journal,
        sources=sources,
        connectors={"vk": cast(Connector, connector)},
        ready=(loaded, settled),
    )
    try:
        other = action(utc_now())
        await order(bus, ActionCancelled(action=other.id, platform="vk", page="vk:-1", at=utc_now()))
        async with asyncio.timeout(20):
            while not (await journal.find(other, utc_now())).cancelled:
                await asyncio.sleep(0.05)
        sources.by_page["vk:-1"] = source()
        loaded.set()
        (outcome,) = await told(bus, 1)
        assert outcome.result == "done"
    finally:
        await tasks.drain()
