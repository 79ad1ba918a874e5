"""The journal of actions keeps its promises on both databases: one begins, in turn, under the ceiling, never twice."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from services.ingest.actions.echo import ECHO_TIME, Echo
from services.ingest.actions.entry import Entry, outcome_of, text_digest
from services.ingest.store import MIGRATIONS
from services.ingest.store.journal import NotBefore, Pace, StoredJournal
from services.ingest.submission import EventKind, Submission
from shared.db import Database, migrate
from shared.events import Action, AuthorKind
from tests.fixtures.acting import action

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
PACE = Pace(seconds=3.0, ceiling=200, hold=120.0)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    migrate(database_url, MIGRATIONS)
    database = Database.open(database_url)
    yield database
    database.close()


@pytest.fixture
def journal(database: Database) -> StoredJournal:
    return StoredJournal(database)


async def begun(journal: StoredJournal, ordered: Action, now: datetime = NOW, pace: Pace = PACE) -> Entry:
    entry = await journal.begin(ordered, pace, now)
    assert isinstance(entry, Entry)
    return entry


async def test_of_many_who_begin_the_same_action_one_does(journal: StoredJournal) -> None:
    ordered = action(NOW)
    results = await asyncio.gather(*(journal.begin(ordered, PACE, NOW) for _ in range(20)))
    (entry,) = [result for result in results if isinstance(result, Entry)]
    assert (entry.state, entry.attempts, entry.begun_at) == ("begun", 1, NOW)
    known = await journal.find(ordered, NOW)
    assert known.entry == entry
    assert entry.text_digest == text_digest(ordered.text or "")


async def test_of_many_actions_of_a_page_one_has_its_turn(journal: StoredJournal) -> None:
    ordered = [action(NOW) for _ in range(12)]
    results = await asyncio.gather(*(journal.begin(it, PACE, NOW) for it in ordered))
    assert sum(isinstance(result, Entry) for result in results) == 1
    assert all(result == NotBefore(at=later(120)) for result in results if not isinstance(result, Entry))


async def test_pages_do_not_wait_for_one_another(journal: StoredJournal) -> None:
    ordered = [action(NOW, page=f"vk:-{number}") for number in range(1, 9)]
    results = await asyncio.gather(*(journal.begin(it, PACE, NOW) for it in ordered))
    assert all(isinstance(result, Entry) for result in results)


async def test_the_next_begins_after_the_pace_and_never_beside_the_last(journal: StoredJournal) -> None:
    first, second = action(NOW), action(NOW)
    entry = await begun(journal, first)
    assert await journal.begin(second, PACE, later(10)) == NotBefore(at=later(120))
    await journal.settle(first, entry, "done", now=later(1), made="vk:wall:-1:45:700", link="https://x")
    assert await journal.begin(second, PACE, later(1)) == NotBefore(at=later(3))
    await begun(journal, second, later(3))
    # Who began and was never heard of again holds the page up no longer than an attempt can last.
    await begun(journal, action(NOW), later(3 + 120))


async def test_the_ceiling_is_kept_and_counts_the_last_day(journal: StoredJournal) -> None:
    pace = Pace(seconds=0, ceiling=3, hold=0.0)
    for number in range(3):
        await begun(journal, action(NOW), later(number), pace)
    last = action(NOW)
    assert await journal.begin(last, pace, later(5)) is None
    assert (await journal.find(last, later(5))).begun_today == 3
    await begun(journal, last, later(86_400), pace)


async def test_what_was_not_done_waits_and_is_begun_again(journal: StoredJournal) -> None:
    ordered = action(NOW)
    first = await begun(journal, ordered)
    await journal.put_off(first, later(60), surely_not_done=True, detail="error 6")
    assert await journal.begin(ordered, PACE, later(59)) is None
    second = await begun(journal, ordered, later(60))
    assert (second.attempts, second.key) == (2, first.key)
    # What belongs to the first attempt does not touch the second.
    await journal.put_off(first, later(0), surely_not_done=True, detail="late")
    await journal.settle(ordered, first, "failed", now=later(61), detail="late")
    assert (await journal.find(ordered, NOW)).entry == second


async def test_of_many_who_look_one_does(journal: StoredJournal) -> None:
    ordered = action(NOW)
    entry = await begun(journal, ordered)
    assert not await journal.claim(entry, later(119), later(300))
    claims = await asyncio.gather(*(journal.claim(entry, later(121), later(241)) for _ in range(10)))
    assert claims.count(True) == 1
    assert await journal.begin(ordered, PACE, later(500)) is None


async def test_who_is_still_at_it_is_left_alone(journal: StoredJournal) -> None:
    ordered, next_one = action(NOW), action(NOW)
    entry = await begun(journal, ordered)
    await journal.prolong(entry, later(500))
    assert not await journal.claim(entry, later(300), later(400))
    assert await journal.begin(next_one, PACE, later(300)) == NotBefore(at=later(500))
    await journal.settle(ordered, entry, "done", now=later(301))
    await journal.prolong(entry, later(900))
    await begun(journal, next_one, later(302))


async def test_what_is_settled_stays_so(journal: StoredJournal) -> None:
    ordered = action(NOW)
    entry = await begun(journal, ordered)
    await journal.settle(ordered, entry, "done", now=later(2), made="vk:wall:-1:45:700", link="https://x")
    for result in ("failed", "needs_person"):
        await journal.settle(ordered, entry, result, now=later(9), detail="no")
        await journal.settle(ordered, None, result, now=later(9), detail="no")
    await journal.put_off(entry, later(0), surely_not_done=True, detail="no")
    found = (await journal.find(ordered, NOW)).entry
    assert found is not None
    told = outcome_of(found, "t")
    assert (told.result, told.at, told.detail, told.link) == ("done", later(2), "", "https://x")
    assert await journal.begin(ordered, PACE, later(999)) is None


async def test_an_outcome_without_an_attempt_is_recorded_once_and_not_over_one(journal: StoredJournal) -> None:
    ordered, other = action(NOW), action(NOW)
    await journal.settle(ordered, None, "needs_person", now=NOW, detail="dry run")
    await journal.settle(ordered, None, "failed", now=later(1), detail="too late")
    found = (await journal.find(ordered, NOW)).entry
    assert found is not None
    assert (found.state, found.detail, found.begun_at, found.attempts) == ("needs_person", "dry run", None, 0)
    assert await journal.begin(ordered, PACE, later(5)) is None
    entry = await begun(journal, other, later(5))
    await journal.settle(other, None, "failed", now=later(6), detail="decided before it was begun elsewhere")
    assert (await journal.find(other, NOW)).entry == entry


async def test_who_comes_too_late_does_not_give_away_the_turn_of_who_is_at_it(journal: StoredJournal) -> None:
    """The same action delivered twice: one is in its call while the other, which knew nothing of that, settles it."""
    ordered, second = action(NOW), action(NOW)
    first = await begun(journal, ordered)
    await journal.settle(ordered, None, "needs_person", now=later(5), detail="paused")
    assert await journal.begin(second, PACE, later(10)) == NotBefore(at=later(120))
    await journal.put_off(first, later(20), surely_not_done=True, detail="error 6")
    await begun(journal, ordered, later(20))
    await journal.put_off(first, later(21), surely_not_done=True, detail="late")
    await journal.settle(ordered, first, "failed", now=later(21), detail="late")
    assert await journal.begin(second, PACE, later(30)) == NotBefore(at=later(140))


async def test_what_is_cancelled_is_not_begun_in_whatever_order(journal: StoredJournal) -> None:
    early, late = action(NOW), action(NOW)
    await journal.cancel({early.id}, NOW)
    await journal.cancel({early.id, "unknown"}, NOW)
    await journal.cancel(set(), NOW)
    assert (await journal.find(early, NOW)).cancelled
    assert await journal.begin(early, PACE, NOW) is None
    await begun(journal, late)
    await journal.cancel({late.id}, NOW)
    assert (await journal.find(late, NOW)).cancelled


async def test_old_actions_are_forgotten_in_bounded_steps(journal: StoredJournal) -> None:
    for _ in range(5):
        await journal.settle(action(NOW), None, "failed", now=NOW)
    kept = action(NOW)
    await journal.settle(kept, None, "failed", now=later(100))
    await journal.cancel({"a", "b", "c"}, NOW)
    assert await journal.purge(later(50), limit=4) == 7
    assert await journal.purge(later(50), limit=4) == 1
    assert await journal.purge(later(50), limit=4) == 0
    assert (await journal.find(kept, NOW)).entry is not None


def said(
    text: str = "Бригада выехала.",
    *,
    id: str = "wall:-1:45:700",
    parent: str | None = "wall:-1:45:678",
    page: str = "vk:-1",
    kind: AuthorKind = "page",
    event: EventKind = "created",
) -> Submission:
    return Submission(
        platform="vk", page=page, id=id, parent=parent, text=text, author_kind=kind, event=event, post="wall-1_45"
    )


def echo_at(journal: StoredJournal, seconds: float) -> Echo:
    return Echo(journal, clock=lambda: later(seconds))


async def test_an_echo_is_known_by_what_the_reply_became(journal: StoredJournal) -> None:
    ordered = action(NOW)
    entry = await begun(journal, ordered)
    await journal.settle(ordered, entry, "done", now=later(1), made="vk:wall:-1:45:700")
    echo = echo_at(journal, 86_400)
    assert await echo.echoes(said("изменено платформой"))
    assert not await echo.echoes(said(id="wall:-1:45:701"))


async def test_an_echo_that_comes_first_says_what_the_reply_became(journal: StoredJournal) -> None:
    ordered = action(NOW)
    await begun(journal, ordered)
    assert await echo_at(journal, 5).echoes(said("Бригада\nвыехала. "))
    found = (await journal.find(ordered, NOW)).entry
    assert found is not None
    assert found.made == "vk:wall:-1:45:700"
    # Another one of the same words was written by hand.
    assert not await echo_at(journal, 6).echoes(said(id="wall:-1:45:701"))
    assert await echo_at(journal, 6).echoes(said())


@pytest.mark.parametrize(
    ("submission", "seconds"),
    [
        (said("Другие слова"), 5.0),
        (said(page="vk:-2"), 5.0),
        (said(kind="person"), 5.0),
        (said(kind="community"), 5.0),
        (said(event="edited"), 5.0),
        (said(), ECHO_TIME.total_seconds() + 1),
    ],
)
async def test_what_is_no_echo(journal: StoredJournal, submission: Submission, seconds: float) -> None:
    await begun(journal, action(NOW))
    assert not await echo_at(journal, seconds).echoes(submission)


async def test_what_a_person_does_in_our_place_is_no_echo(journal: StoredJournal) -> None:
    ordered, unclear = action(NOW), action(NOW, page="vk:-2")
    await journal.settle(ordered, None, "needs_person", now=NOW, detail="dry run")
    entry = await begun(journal, unclear)
    await journal.settle(unclear, entry, "needs_person", now=NOW, detail="may have been done")
    assert not await echo_at(journal, 60).echoes(said())
    assert not await echo_at(journal, 60).echoes(said(page="vk:-2"))


async def test_of_two_replies_with_the_same_words_the_parent_tells(journal: StoredJournal) -> None:
    pace = Pace(seconds=0, ceiling=9, hold=0.0)
    first, second = action(NOW, comment="vk:wall:-1:45:1"), action(NOW, comment="vk:wall:-1:45:2")
    await begun(journal, first, later(1), pace)
    await begun(journal, second, later(2), pace)
    echo = echo_at(journal, 5)
    assert await echo.echoes(said(parent=None, id="wall:-1:45:9")), "one of them it is"
    assert await echo.echoes(said(parent="wall:-1:45:2"))
    found = [(await journal.find(it, NOW)).entry for it in (first, second)]
    assert [entry.made for entry in found if entry is not None] == [None, "vk:wall:-1:45:700"]


async def test_the_same_words_to_another_comment_are_a_persons(journal: StoredJournal) -> None:
    """Else a reply that was never sent would count as done, and the answer given by hand would be lost."""
    ordered = action(NOW)
    await begun(journal, ordered)
    assert not await echo_at(journal, 5).echoes(said(parent="wall:-1:45:679"))
    found = (await journal.find(ordered, NOW)).entry
    assert found is not None
    assert found.made is None
    assert await echo_at(journal, 6).echoes(said(id="wall:-1:45:701"))
