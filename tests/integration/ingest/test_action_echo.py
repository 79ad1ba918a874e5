"""A reply that comes back from its platform is known for ours; the same words given by hand are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import msgspec
import pytest

from deploy.standins.faults import Fault
from deploy.standins.max import MaxStandin
from services.ingest.actions.course import Means
from services.ingest.actions.echo import Echo
from services.ingest.actions.waiting import Waiting
from services.ingest.actions.worker import Worker
from services.ingest.connectors.connector import Connector
from services.ingest.connectors.max import Max
from services.ingest.connectors.received import Received
from services.ingest.sources.source import Source
from services.ingest.store import MIGRATIONS, StoredJournal
from services.ingest.submission import Submission
from shared.bus import Outgoing, Published
from shared.db import Database, migrate
from shared.events import Action, Outcome
from tests.fixtures.acting import MemorySources
from tests.fixtures.connecting import TOKEN, action_of, caller_of, source_of
from tests.integration.ingest.vk_town import GROUP, town

WORDS = "Воду дадут  к вечеру & проверят.\nСпасибо, что написали!"
MENTIONS = {
    "none": (WORDS, WORDS),
    "in brackets": ("[id77|Анна], обратитесь в [club5|МФЦ]", "[id77|Анна], обратитесь в [club5|МФЦ]"),
    "as people write them": ("@id77 (Анна), обратитесь в *club5 (МФЦ)", "[id77|Анна], обратитесь в [club5|МФЦ]"),
}
"""What is sent to VK, and what VK makes of it."""


@pytest.fixture
def journal(sqlite_url: str) -> Iterator[StoredJournal]:
    migrate(sqlite_url, MIGRATIONS)
    database = Database.open(sqlite_url)
    yield StoredJournal(database)
    database.close()


async def carried(journal: StoredJournal, connector: object, source: Source, ordered: Action) -> Outcome:
    """The outcome of an action, as a worker brings it about."""
    told: list[Outgoing] = []

    async def publish(events: Sequence[Outgoing]) -> list[Published]:
        told.extend(events)
        return []

    acting = msgspec.structs.replace(source, acting=True, pace_seconds=0.0)
    means = Means(
        connector=cast(Connector, connector),
        journal=journal,
        sources=MemorySources(acting),
        publish=publish,
        waiting=Waiting(),
    )
    await Worker(source.platform, means).carry(ordered)
    return cast(Outcome, told[0].event)


def official(events: Sequence[Received]) -> list[Submission]:
    """What the page wrote."""
    submissions = [it.submission for it in events if it.submission is not None]
    return [it for it in submissions if it.author_kind == "page" and it.event == "created"]


async def test_on_vk(journal: StoredJournal) -> None:
    async with town() as place:
        source = place.source("community", "user")
        begin = (await place.polled(source, None)).cursor
        asked = place.world.comment(place.post, 77, "Где вода?")
        ordered = place.action("reply", asked, text=WORDS)
        assert (await carried(journal, place.vk, source, ordered)).result == "done"
        place.world.comment(place.post, -GROUP, WORDS, reply_to=asked)
        ours, by_hand = official((await place.polled(source, begin)).events)
        echo = Echo(journal)
        assert await echo.echoes(ours)
        assert not await echo.echoes(by_hand)


@pytest.mark.parametrize(("sent", "shown"), MENTIONS.values(), ids=list(MENTIONS))
async def test_on_vk_before_the_answer_to_our_call(
    journal: StoredJournal, monkeypatch: pytest.MonkeyPatch, sent: str, shown: str
) -> None:
    """Its answer is lost, its echo arrives: nobody needs to look any more."""
    monkeypatch.setattr("services.ingest.actions.attempt.SETTLING_SECONDS", 0.2)
    async with town() as place:
        # It could not even look.
        source = place.source("community")
        begin = (await place.polled(source, None)).cursor
        asked = place.world.comment(place.post, 77, "Где вода?")
        ordered = place.action("reply", asked, text=sent)
        place.standin.faults.add("wall.createComment", Fault(kind="lose"))

        class Hearing(StoredJournal):
            async def put_off(self, *args: object, **kwargs: object) -> None:
                await super().put_off(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they came
                for event in place.standin.long_poll(GROUP).events:
                    event["object"]["text"] = event["object"]["text"].replace(sent, shown)
                (ours,) = official((await place.polled(source, begin)).events)
                assert await Echo(self).echoes(ours)

        outcome = await carried(Hearing(journal._database), place.vk, source, ordered)
        assert outcome.result == "done"
        assert place.ours() == [sent]


async def test_on_max(journal: StoredJournal) -> None:
    async with MaxStandin(token=TOKEN) as max_, caller_of() as caller:
        connector = Max(caller, address=max_.address, hold=1)
        source = source_of("max", f"max:{max_.chat}")
        post = max_.publish("Открыт каток")
        asked = max_.comment(post, "До скольки?")
        ordered = action_of(source, "reply", f"max:{asked}", WORDS, post=post)
        assert (await carried(journal, connector, source, ordered)).result == "done"
        polled = await connector.poll(source, None)
        (ours,) = official(polled.events)
        assert await Echo(journal).echoes(ours)
        assert not await Echo(journal).echoes(msgspec.structs.replace(ours, id=f"{ours.id}0"))
