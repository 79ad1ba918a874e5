"""Odnoklassniki's connector against its stand-in on the loopback: from a citizen's comment to the stream, and what
becomes of it there, over real connections and a real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.standins.ok import OkStandin
from services.ingest import polling as polling_module
from services.ingest.arrivals import Arrivals
from services.ingest.connectors.calling import Caller
from services.ingest.connectors.gate import Gate
from services.ingest.connectors.ok import connector as connector_module
from services.ingest.connectors.ok.connector import Ok
from services.ingest.polling import Polling
from services.ingest.store import MIGRATIONS, StoredCopies, StoredCursors, StoredKnown, StoredSeen
from services.ingest.submission import Submission
from shared.bus import Outgoing
from shared.db import Database, migrate
from shared.events import CommentCreated, CommentEdited
from tests.fixtures.leases import Alone
from tests.unit.ingest.connectors.ok_rig import GROUP, PAGE, source
from tests.unit.ingest.memory import Rig, running
from tests.unit.ingest.toy import Fares

ROOT = Path(__file__).parents[3]


class Town:
    """A group on the stand-in, and ingest that reads it."""

    def __init__(self, site: OkStandin, rig: Rig, fares: Fares) -> None:
        self.site = site
        self.rig = rig
        self.fares = fares
        self.letters: list[Outgoing] = []

    @property
    def told(self) -> list[tuple[str, str]]:
        """Types and words, in the stream's order."""
        return [
            (type(event).__name__, event.text if isinstance(event, CommentCreated | CommentEdited) else event.id)
            for event in self.rig.stream.events
        ]

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(15):
            while not condition():
                await asyncio.sleep(0.01)


async def no_echo(submission: Submission) -> bool:
    return False


@asynccontextmanager
async def reading(town: Town, address: str, database: Database) -> AsyncIterator[None]:
    """Ingest runs within the block."""

    async def bury(letter: Outgoing) -> None:
        town.letters.append(letter)

    async def no_wait(seconds: float) -> None:
        await asyncio.sleep(0)

    caller = Caller(Gate(sleep=no_wait))
    known = StoredKnown(database)
    polling = Polling(
        sources=lambda: [source()],
        leases=Alone(),
        connectors={"ok": Ok(caller, known, address=f"{address}/fb.do")},
        arrivals=Arrivals(
            submit=town.rig.intake.submit,
            seen=StoredSeen(database),
            copies=StoredCopies(database),
            echoes=no_echo,
            bury=bury,
            author_key=b"a key of the tests",
        ),
        cursors=StoredCursors(database),
        fares=town.fares,
    )
    stop = asyncio.Event()
    task = asyncio.create_task(polling.run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(task, 20)
        await caller.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is minutes in production is a blink here."""
    monkeypatch.setattr(polling_module, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(polling_module, "RECONCILE_SECONDS", 0.1)
    monkeypatch.setattr(polling_module, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(polling_module, "LONGEST_PAUSE", 0.2)
    monkeypatch.setattr(connector_module, "ROUND_SECONDS", 0.05)


@asynccontextmanager
async def open_town(sqlite_url: str) -> AsyncIterator[tuple[Town, str, Database]]:
    site = OkStandin()
    site.group(GROUP, "Район")
    migrate(sqlite_url, MIGRATIONS)
    database = Database.open(sqlite_url)
    try:
        async with running() as rig, site:
            yield Town(site, rig, Fares()), site.address, database
    finally:
        database.close()


@pytest.mark.usefixtures("quick")
async def test_a_comment_lives_its_life_in_the_stream(sqlite_url: str) -> None:
    async with open_town(sqlite_url) as (town, address, database), reading(town, address, database):
        topic = town.site.topic(GROUP)
        comment = town.site.comment(topic, "Когда включат воду?")
        await town.until(lambda: ("CommentCreated", "Когда включат воду?") in town.told)
        answer = town.site.comment(topic, "Сегодня.", author=GROUP, reply_to=comment)
        await town.until(lambda: ("CommentCreated", "Сегодня.") in town.told)
        town.site.edit(topic, comment, "Когда включат горячую воду?")
        await town.until(lambda: ("CommentEdited", "Когда включат горячую воду?") in town.told)
        town.site.delete(topic, comment)
        await town.until(lambda: ("CommentDeleted", f"ok:{topic}:{comment}") in town.told)
        await asyncio.sleep(0.5)
        assert len(town.told) == 4
        official = town.rig.stream.events[1]
        assert isinstance(official, CommentCreated)
        assert (official.author_kind, official.page) == ("page", PAGE)
        assert official.id == f"ok:{topic}:{answer}"
        assert official.parent == f"ok:{topic}:{comment}"
        assert town.letters == []


@pytest.mark.usefixtures("quick")
async def test_nothing_is_lost_or_told_twice_over_outages_and_restarts(sqlite_url: str) -> None:
    async with open_town(sqlite_url) as (town, address, database):
        topic = town.site.topic(GROUP)
        written: list[str] = []
        for part in range(4):
            async with reading(town, address, database):
                town.rig.stream.away = part == 1
                town.site.fail(*([2, 11, 503, 1] if part == 2 else []))
                for number in range(60):
                    written.append(f"{part}-{number}")
                    town.site.comment(topic, written[-1])
                    await asyncio.sleep(0.002)
            town.rig.stream.away = False
        async with reading(town, address, database):
            await town.until(lambda: len(town.told) >= len(written))
        assert sorted(town.told) == sorted(("CommentCreated", words) for words in written)


@pytest.mark.usefixtures("quick")
async def test_a_platform_that_hangs_is_left_in_time_and_asked_again(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    default = dict(Caller.call.__kwdefaults__ or {})
    monkeypatch.setattr(Caller.call, "__kwdefaults__", default | {"seconds": 0.3})
    async with open_town(sqlite_url) as (town, address, database), reading(town, address, database):
        topic = town.site.topic(GROUP)
        town.site.faults.slow["*"] = 30.0
        town.site.comment(topic, "Алло?")
        await town.until(lambda: town.fares.failures)
        town.site.faults.slow.clear()
        await town.until(lambda: town.told == [("CommentCreated", "Алло?")])
