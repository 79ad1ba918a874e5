"""Actions carried out over a real journal: once, in turn, with an outcome for every one, whatever breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, cast

import pytest

from services.ingest.actions import attempt
from services.ingest.actions.consuming import Cancelling
from services.ingest.actions.course import Means, Times
from services.ingest.actions.decision import MAY_BE_DONE
from services.ingest.actions.waiting import Waiting
from services.ingest.actions.worker import Worker
from services.ingest.connectors.connector import Connector
from services.ingest.connectors.failure import (
    BadCredential,
    Gone,
    NotAllowed,
    NotSent,
    PageMoved,
    Refused,
    Unclear,
)
from services.ingest.sources.source import Secrets
from services.ingest.store import MIGRATIONS
from services.ingest.store.journal import Pace, StoredJournal
from shared.bus import Delivered, Outgoing, Published
from shared.clock import utc_now
from shared.db import Database, migrate
from shared.errors import Transient, Unavailable
from shared.events import Action, ActionCancelled, Outcome, subject_of
from tests.fixtures.acting import MemoryConnector, MemorySources, action, source

TIMES = Times(attempt=0.4, hold=0.5, reconsider=0.1)


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempt, "PAUSES", (0.02, 0.03, 0.05))
    monkeypatch.setattr(attempt, "SETTLING_SECONDS", 0.05)
    monkeypatch.setattr("services.ingest.actions.waiting.PAUSES", (0.02,))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrate(database_url, MIGRATIONS)
    database = Database.open(database_url)
    yield database
    database.close()


class Told:
    """What was published, and how publishing fares."""

    def __init__(self) -> None:
        self.outcomes: list[Outgoing] = []
        self.failures = 0

    async def publish(self, events: Sequence[Outgoing]) -> list[Published]:
        if self.failures:
            self.failures -= 1
            raise Unavailable("the broker is away")
        self.outcomes += events
        return [Published(sequence=len(self.outcomes), duplicate=False)]

    def of(self, ordered: Action) -> Outcome:
        """The outcome; every repetition must be the same to the letter."""
        (first, *others) = [it for it in self.outcomes if it.msg_id == ordered.id]
        assert all(it == first for it in others)
        return cast(Outcome, first.event)


class Town:
    """Journal, platform and source; makes workers, each as a fresh process would be."""

    def __init__(self, database: Database, connector: MemoryConnector | None = None) -> None:
        self.journal = StoredJournal(database)
        self.connector = connector or MemoryConnector()
        self.sources = MemorySources(source())
        self.told = Told()

    def worker(
        self, journal: Any = None, publish: Any = None, connector: Any = None, times: Times = TIMES, **more: Any
    ) -> Worker:
        means = Means(
            connector=cast(Connector, connector or self.connector),
            journal=journal or self.journal,
            sources=self.sources,
            publish=publish or self.told.publish,
            waiting=Waiting(),
            times=times,
        )
        return Worker("vk", means, **more)

    async def carry(self, ordered: Action) -> Outcome:
        await asyncio.wait_for(self.worker().carry(ordered), 10)
        return self.told.of(ordered)


@pytest.fixture
def town(database: Database) -> Town:
    return Town(database)


async def test_a_reply_is_done_once_and_told(town: Town) -> None:
    ordered = action(utc_now())
    outcome = await town.carry(ordered)
    assert (outcome.result, outcome.kind, outcome.comment) == ("done", "reply", ordered.comment)
    assert outcome.link == "https://platform.example/made"
    again = await town.carry(ordered)
    assert again == outcome
    assert town.connector.page("vk:-1").effects == [ordered.id]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"acting": False}, "dry run"),
        ({"active": False}, "paused"),
        ({"secrets": Secrets()}, "No credential"),
        ({"daily_ceiling": 0}, "0 actions in 24 hours"),
    ],
)
async def test_what_is_not_for_us_goes_to_a_person_with_a_link(town: Town, changes: dict[str, Any], words: str) -> None:
    town.sources = MemorySources(source(**changes))
    ordered = action(utc_now())
    outcome = await town.carry(ordered)
    assert outcome.result == "needs_person"
    assert words in outcome.detail
    assert outcome.link == "https://platform.example/vk:-1/vk:wall:-1:45:678"
    # What a person was asked for is theirs, whatever is switched on later.
    town.sources = MemorySources(source())
    assert await town.carry(ordered) == outcome
    assert town.connector.page("vk:-1").effects == []


async def test_without_a_source_or_a_connector_it_goes_to_a_person(town: Town) -> None:
    stranger = action(utc_now(), page="vk:-9")
    assert (await town.carry(stranger)).result == "needs_person"
    elsewhere = action(utc_now(), platform="http", page="http:demo", comment="http:demo:1")
    means = Means(
        connector=None, journal=town.journal, sources=town.sources, publish=town.told.publish, waiting=Waiting()
    )
    await Worker("http", means).carry(elsewhere)
    outcome = town.told.of(elsewhere)
    assert (outcome.result, outcome.link) == ("needs_person", None)


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (BadCredential("error 5"), "needs_person"),
        (NotAllowed("error 15"), "needs_person"),
        (Refused("error 222"), "needs_person"),
        (Gone("error 104"), "failed"),
    ],
)
async def test_a_plain_no_is_told_with_its_reason(town: Town, error: Exception, result: str) -> None:
    town.connector.before = lambda _: error
    outcome = await town.carry(action(utc_now()))
    assert outcome.result == result
    assert str(error) in outcome.detail
    assert town.connector.looked == 0


@pytest.mark.parametrize("call", ["before", "looking"])
async def test_no_secret_is_told_whatever_the_platform_says(
    town: Town, call: str, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = "vk1.a.secret-of-the-tests"
    town.sources = MemorySources(source(secrets=Secrets(community_token=secret)))
    if call == "looking":
        town.connector.before = lambda _: Unclear("lost")
    setattr(town.connector, call, lambda _: BadCredential(f"5: /bot{secret}/send"))
    outcome = await town.carry(action(utc_now()))
    assert outcome.result == "needs_person"
    assert call == "looking" or "5: /bot[withheld]/send" in outcome.detail
    told = capfd.readouterr()
    assert "[withheld]" in told.out + told.err
    assert secret not in outcome.detail + told.out + told.err


async def test_what_was_not_sent_is_sent_again_under_the_same_key(town: Town) -> None:
    errors: list[Exception] = [NotSent("away"), NotSent("error 6", retry_after=0.1), NotSent("away")]
    town.connector.before = lambda _: errors.pop() if errors else None
    outcome = await town.carry(action(utc_now()))
    assert outcome.result == "done"
    assert len(town.connector.keys) == 4
    assert len(set(town.connector.keys)) == 1


async def test_it_is_tried_until_its_time_is_over(town: Town) -> None:
    town.connector.before = lambda _: NotSent("error 10")
    ordered = action(utc_now(), not_after=utc_now() + timedelta(seconds=0.4))
    outcome = await town.carry(ordered)
    assert outcome.result == "failed"
    assert outcome.detail.startswith("Too late")
    assert "error 10" in outcome.detail
    assert len(town.connector.keys) > 2


async def test_a_lost_answer_is_looked_for_and_not_sent_again(town: Town) -> None:
    town.connector.after = lambda _: Unclear("no answer")
    ordered = action(utc_now())
    outcome = await town.carry(ordered)
    assert outcome.result == "done"
    assert town.connector.page("vk:-1").effects == [ordered.id]
    assert town.connector.looked == 1


async def test_a_lost_request_is_looked_for_and_sent_again(town: Town) -> None:
    errors: list[Exception] = [Unclear("no answer"), Unclear("no answer")]
    town.connector.before = lambda _: errors.pop() if errors else None
    ordered = action(utc_now())
    assert (await town.carry(ordered)).result == "done"
    assert town.connector.page("vk:-1").effects == [ordered.id]
    assert town.connector.looked == 2


async def test_a_platform_that_hangs_is_given_up_and_looked_at(town: Town) -> None:
    town.connector.seconds = 5.0
    ordered = action(utc_now(), not_after=utc_now() + timedelta(seconds=0.6))
    outcome = await town.carry(ordered)
    assert outcome.result == "failed"
    assert town.connector.looked >= 1


async def test_a_long_call_is_left_alone_by_another_replica(town: Town) -> None:
    # Holds long enough to be prolonged in time on a machine whose disk is busy.
    town.connector.seconds = 3.5
    hold = Times(attempt=20.0, hold=1.5, reconsider=0.02)
    ordered = action(utc_now())
    first, second = town.worker(times=hold), town.worker(times=hold)
    await asyncio.gather(first.carry(ordered), second.carry(ordered))
    assert town.connector.page("vk:-1").effects == [ordered.id]
    assert town.connector.looked == 0


async def test_where_one_cannot_look_it_is_never_sent_again(database: Database) -> None:
    town = Town(database, MemoryConnector(looks=False))
    town.connector.after = lambda _: Unclear("no answer")
    ordered = action(utc_now())
    outcome = await town.carry(ordered)
    assert (outcome.result, outcome.detail) == ("needs_person", MAY_BE_DONE)
    assert town.connector.page("vk:-1").effects == [ordered.id]


async def test_an_echo_answers_instead_of_a_look(town: Town) -> None:
    town.connector.after = lambda _: Unclear("no answer")

    class Echoing(StoredJournal):
        async def put_off(self, entry: Any, *args: Any, **kwargs: Any) -> None:
            await super().put_off(entry, *args, **kwargs)
            assert await self.echo("vk:-1", "vk:echo", None, digest=entry.text_digest, since=utc_now() - timedelta(1))

    await town.worker(journal=Echoing(town.journal._database)).carry(ordered := action(utc_now()))
    assert town.told.of(ordered).result == "done"
    assert town.connector.looked == 0


async def test_a_group_that_moved_is_followed(town: Town) -> None:
    town.connector.before = lambda _: PageMoved("moved", group="-100777") if town.connector.groups == [None] else None
    assert (await town.carry(action(utc_now()))).result == "done"
    assert town.connector.groups == [None, "-100777"]
    assert town.sources.moves == [("town", "-100777")]


async def test_an_unforeseen_error_of_a_connector_is_looked_into(town: Town) -> None:
    town.connector.after = lambda _: KeyError("response")
    ordered = action(utc_now())
    assert (await town.carry(ordered)).result == "done"
    assert town.connector.page("vk:-1").effects == [ordered.id]


def delivered(ordered: Action, deliveries: int) -> Delivered:
    return Delivered(
        event=ordered, subject=subject_of(ordered), sequence=1, deliveries=deliveries, stored_at=ordered.ordered_at
    )


@pytest.mark.parametrize("begun", [False, True])
async def test_a_fault_of_ours_ends_with_a_person_and_not_in_silence(
    town: Town, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    """It becomes a dead letter too; its case must not wait for ever."""

    def broken(*_: object) -> Any:
        raise AttributeError("a fault")

    ordered = action(utc_now())
    if begun:
        town.connector.after = lambda _: Unclear("lost")
        monkeypatch.setattr(town.connector, "look", broken)
        monkeypatch.setattr(town.connector, "link", broken)
    else:
        monkeypatch.setattr(town.connector, "acts", broken)
    worker = town.worker()
    for deliveries in range(1, 6):
        assert town.told.outcomes == []
        promises = await worker.handle([delivered(ordered, deliveries)])
        with pytest.raises(AttributeError):
            await asyncio.wait_for(promises[0], 10)
    outcome = town.told.of(ordered)
    assert outcome.result == "needs_person"
    assert (outcome.detail == MAY_BE_DONE) == begun
    assert town.connector.page("vk:-1").count(ordered.id) == int(begun)
    # Sent back from the dead letters to a release without the fault, it tells the same.
    town.connector = MemoryConnector()
    assert await town.carry(ordered) == outcome
    assert town.connector.page("vk:-1").effects == []


@pytest.mark.parametrize("begun", [False, True])
async def test_what_never_comes_to_an_end_is_handed_to_a_person_untried(town: Town, begun: bool) -> None:
    """Whatever keeps killing the process comes again and again; its case must not wait for ever either."""
    ordered = action(utc_now())
    if begun:
        await town.journal.begin(ordered, Pace(seconds=0, ceiling=9, hold=0.0), utc_now())
    worker = town.worker(last_delivery=7)
    poison = await asyncio.wait_for((await worker.handle([delivered(ordered, 7)]))[0], 10)
    assert poison is not None and (poison.reason, poison.detail) == ("exhausted", "never finished in 6 deliveries")
    outcome = town.told.of(ordered)
    assert outcome.result == "needs_person"
    assert (outcome.detail == MAY_BE_DONE) == begun
    assert town.connector.page("vk:-1").effects == []


async def test_what_another_begins_at_that_moment_is_not_given_up(town: Town) -> None:
    """The other may be killed in its call: without an outcome nothing may leave the stream."""
    ordered = action(utc_now())
    journal = StoredJournal(town.journal._database)

    async def overtaken(*given: Any, **more: Any) -> None:
        await town.journal.begin(ordered, Pace(seconds=0, ceiling=9, hold=0.0), utc_now())
        await town.journal.settle(*given, **more)

    journal.settle = overtaken  # type: ignore[method-assign]  # a race
    promise = (await town.worker(journal, last_delivery=7).handle([delivered(ordered, 7)]))[0]
    with pytest.raises(Transient):
        await asyncio.wait_for(promise, 10)
    assert town.told.outcomes == []
    poison = await asyncio.wait_for((await town.worker(last_delivery=7).handle([delivered(ordered, 8)]))[0], 10)
    assert poison is not None
    assert town.told.of(ordered).detail == MAY_BE_DONE


async def test_what_comes_often_is_tried_until_its_last_delivery(town: Town) -> None:
    ordered = action(utc_now())
    assert await asyncio.wait_for((await town.worker(last_delivery=7).handle([delivered(ordered, 6)]))[0], 10) is None
    assert town.told.of(ordered).result == "done"


async def test_what_was_cancelled_is_not_done(town: Town) -> None:
    ordered = action(utc_now())
    event = ActionCancelled(action=ordered.id, platform="vk", page="vk:-1", at=utc_now())
    delivered = Delivered(event=event, subject=subject_of(event), sequence=1, deliveries=1, stored_at=utc_now())
    await Cancelling(town.journal).handle([delivered])
    outcome = await town.carry(ordered)
    assert (outcome.result, outcome.detail) == ("failed", "It was cancelled before it was begun.")
    assert town.connector.page("vk:-1").effects == []


async def test_a_cancellation_reaches_what_waits_for_its_turn(town: Town) -> None:
    town.connector.before = lambda _: NotSent("away")
    ordered = action(utc_now())
    carrying = asyncio.create_task(town.worker().carry(ordered))
    await asyncio.sleep(0.1)
    await town.journal.cancel({ordered.id}, utc_now())
    await asyncio.wait_for(carrying, 20)
    assert town.told.of(ordered).result == "failed"


async def test_two_replicas_keep_a_page_to_one_at_a_time_and_its_pace(town: Town) -> None:
    town.sources = MemorySources(source(pace_seconds=0.4))
    town.connector.seconds = 0.02
    ordered = [action(utc_now()) for _ in range(8)]
    # Nobody dies here, so that a long hold costs no time; a short one could pass while the machine is busy elsewhere.
    replicas = [town.worker(times=Times(attempt=20.0, hold=20.0, reconsider=0.1)) for _ in range(2)]
    # Every action is delivered to both, as after a redelivery.
    await asyncio.gather(*(replica.carry(it) for it in ordered for replica in replicas))
    page = town.connector.page("vk:-1")
    assert sorted(page.effects) == sorted(it.id for it in ordered)
    assert page.most_at_once == 1
    gaps = [after - before for before, after in zip(page.began, page.began[1:], strict=False)]
    # From record to record; a call comes a commit later, and on a busy machine still later.
    assert min(gaps) > 0.05
    assert {town.told.of(it).result for it in ordered} == {"done"}


async def test_replies_of_a_page_go_out_in_the_order_they_came_in(town: Town) -> None:
    ordered = [action(utc_now()) for _ in range(6)]
    worker = town.worker()
    await asyncio.gather(*(worker.carry(it) for it in ordered))
    assert town.connector.page("vk:-1").effects == [it.id for it in ordered]


async def test_a_hanging_page_delays_no_other(town: Town) -> None:
    fast = [f"vk:-{number}" for number in range(10, 20)]
    town.sources = MemorySources(*(source(page) for page in ("vk:-1", *fast)))
    quick = MemoryConnector()

    class Mixed(MemoryConnector):
        async def act(self, source: Any, action: Action, key: str) -> Any:
            if source.page == "vk:-1":
                await asyncio.sleep(30)
            return await quick.act(source, action, key)

    worker = town.worker(connector=Mixed())
    stuck = [asyncio.create_task(worker.carry(action(utc_now()))) for _ in range(5)]
    await asyncio.sleep(0.05)
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(worker.carry(action(utc_now(), page=page)) for page in fast))
    assert asyncio.get_running_loop().time() - began < 20.0
    assert all(not task.done() for task in stuck)
    for task in stuck:
        task.cancel()
    await asyncio.gather(*stuck, return_exceptions=True)


async def test_the_ceiling_sends_the_rest_of_a_flood_to_people_at_once(town: Town) -> None:
    town.sources = MemorySources(source(daily_ceiling=3))
    ordered = [action(utc_now()) for _ in range(7)]
    worker = town.worker()
    await asyncio.gather(*(worker.carry(it) for it in ordered))
    assert [town.told.of(it).result for it in ordered] == ["done"] * 3 + ["needs_person"] * 4


async def test_it_waits_for_a_broker_and_a_database_that_are_away(town: Town) -> None:
    town.told.failures = 3

    class Failing(StoredJournal):
        failures = 3

        async def settle(self, *args: Any, **kwargs: Any) -> None:
            if self.failures:
                self.failures -= 1
                raise Transient("database: away")
            await super().settle(*args, **kwargs)

    ordered = action(utc_now())
    await town.worker(journal=Failing(town.journal._database)).carry(ordered)
    assert town.told.of(ordered).result == "done"
    assert town.connector.page("vk:-1").effects == [ordered.id]


async def test_told_to_stop_it_hands_back_what_waits(town: Town) -> None:
    town.connector.before = lambda _: NotSent("away", retry_after=60.0)
    stop = asyncio.Event()
    worker = town.worker()
    worker.stops_with(stop)
    events = [action(utc_now()) for _ in range(3)]
    batch = [
        Delivered(event=it, subject=subject_of(it), sequence=1, deliveries=1, stored_at=utc_now()) for it in events
    ]
    promises = await worker.handle(batch)
    await asyncio.sleep(0.2)
    stop.set()
    together = asyncio.gather(*promises.values(), return_exceptions=True)
    results = await asyncio.wait_for(together, 20)
    assert all(isinstance(result, Transient) for result in results)
    assert town.told.outcomes == []


async def test_no_more_are_open_than_are_allowed(town: Town) -> None:
    worker = town.worker(max_open=2)
    ordered = [action(utc_now()) for _ in range(3)]
    batch = [
        Delivered(event=it, subject=subject_of(it), sequence=1, deliveries=1, stored_at=utc_now()) for it in ordered
    ]
    with pytest.raises(Transient, match="wait already"):
        await worker.handle(batch)
    promises = await worker.handle(batch[:2])
    with pytest.raises(Transient, match="2 actions of vk wait already"):
        await worker.handle(batch[2:])
    await asyncio.gather(*promises.values())
    await asyncio.gather(*(await worker.handle(batch[2:])).values())
    assert len(town.told.outcomes) == 3


# Killed at every place ---------------------------------------------------------------------------------------------


class Killed:
    """Breaks a process off at one place, the first time it comes there: nothing of it runs any further."""

    def __init__(self, place: str) -> None:
        self.place = place
        self.times = 1

    async def at(self, place: str, work: Callable[[], Awaitable[Any]]) -> Any:
        if self.place == f"before {place}" and self.times:
            self._die()
        result = await work()
        if self.place == f"after {place}" and self.times:
            self._die()
        return result

    def _die(self) -> None:
        self.times = 0
        raise asyncio.CancelledError


class DyingJournal(StoredJournal):
    def __init__(self, database: Database, killed: Killed) -> None:
        super().__init__(database)
        self._killed = killed

    async def begin(self, *args: Any) -> Any:
        return await self._killed.at("begin", lambda: super(DyingJournal, self).begin(*args))

    async def claim(self, *args: Any) -> Any:
        return await self._killed.at("claim", lambda: super(DyingJournal, self).claim(*args))

    async def put_off(self, *args: Any, **kwargs: Any) -> None:
        await self._killed.at("put_off", lambda: super(DyingJournal, self).put_off(*args, **kwargs))

    async def settle(self, *args: Any, **kwargs: Any) -> None:
        await self._killed.at("settle", lambda: super(DyingJournal, self).settle(*args, **kwargs))


PLACES = [
    f"{when} {what}"
    for what in ("begin", "act", "put_off", "claim", "look", "settle", "publish")
    for when in ("before", "after")
]


async def killed_once(database: Database, page: str, place: str, lost: str, *, looks: bool) -> tuple[int, Outcome]:
    """An action whose process dies at `place` and which another process then gets; returns its effects and outcome."""
    town = Town(database, MemoryConnector(looks=looks))
    town.sources = MemorySources(source(page))
    killed = Killed(place)
    troubles = [Unclear("lost")]
    if lost == "request":
        town.connector.before = lambda _: troubles.pop() if troubles else None
    elif lost == "answer":
        town.connector.after = lambda _: troubles.pop() if troubles else None

    class Dying(MemoryConnector):
        async def act(self, *args: Any) -> Any:
            return await killed.at("act", lambda: town.connector.act(*args))

        async def look(self, *args: Any) -> Any:
            return await killed.at("look", lambda: town.connector.look(*args))

    async def publish(events: Sequence[Outgoing]) -> Any:
        return await killed.at("publish", lambda: town.told.publish(events))

    ordered = action(utc_now(), page=page)
    first = town.worker(journal=DyingJournal(database, killed), publish=publish, connector=Dying())
    (result,) = await asyncio.gather(first.carry(ordered), return_exceptions=True)
    assert isinstance(result, asyncio.CancelledError) == (killed.times == 0)
    # If it died, it was not acknowledged and comes to another process; if not, the acknowledgement was lost.
    outcome = await town.carry(ordered)
    return town.connector.page(page).count(ordered.id), outcome


@pytest.mark.parametrize("lost", ["nothing", "request", "answer"])
async def test_killed_anywhere_there_is_one_effect_and_one_outcome(database: Database, lost: str) -> None:
    found = await asyncio.gather(
        *(killed_once(database, f"vk:-{number}", place, lost, looks=True) for number, place in enumerate(PLACES, 1))
    )
    for place, (effects, outcome) in zip(PLACES, found, strict=True):
        assert (effects, outcome.result) == (1, "done"), place


@pytest.mark.parametrize("lost", ["nothing", "request", "answer"])
async def test_killed_anywhere_it_is_never_sent_twice_where_one_cannot_look(database: Database, lost: str) -> None:
    found = await asyncio.gather(
        *(killed_once(database, f"vk:-{number}", place, lost, looks=False) for number, place in enumerate(PLACES, 1))
    )
    for place, (effects, outcome) in zip(PLACES, found, strict=True):
        assert (outcome.result, effects) == ("done", 1) or (outcome.detail == MAY_BE_DONE and effects <= 1), place
