"""Events of platforms taken in: the same twice, late, in another order, after a crash: one comment, nothing lost."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest

from services.ingest.connectors.received import PostCopy, Received, Thread, skipped, unusable
from shared.errors import Transient, Unavailable
from shared.events import CommentCreated, CommentEdited
from tests.unit.ingest.memory import running
from tests.unit.ingest.platform_memory import NOW, Desk, happened, source

SOURCE = source()
COMMENT = "vk:wall:-1:2:3"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with running() as rig:
        yield Desk(rig)


async def test_the_same_event_twice_is_one(desk: Desk) -> None:
    first = await desk.arrivals.take(SOURCE, [happened()], b"{}")
    again = await desk.arrivals.take(SOURCE, [happened()], b"{}")
    both = await desk.arrivals.take(SOURCE, [happened(key="2"), happened(key="2")], b"{}")
    assert (first.accepted, first.repeated) == (1, 0)
    assert (again.accepted, again.repeated) == (0, 1)
    assert (both.accepted, both.repeated) == (0, 2)
    assert desk.told == [("comment.created", COMMENT)]


async def test_another_event_with_the_same_content_is_one_comment_too(desk: Desk) -> None:
    await desk.arrivals.take(SOURCE, [happened(key="a"), happened(key=None)], b"{}")
    assert desk.told == [("comment.created", COMMENT)]


async def test_an_edit_that_comes_first_is_not_undone_by_the_creation(desk: Desk) -> None:
    await desk.arrivals.take(SOURCE, [happened(key="2", event="edited", text="Вода горячая?")], b"{}")
    await desk.arrivals.take(SOURCE, [happened(key="1")], b"{}")
    assert desk.told == [("comment.edited", COMMENT)]


async def test_a_deletion_that_comes_first_is_not_undone_by_the_creation(desk: Desk) -> None:
    await desk.arrivals.take(SOURCE, [happened(key="2", event="deleted", text=None)], b"{}")
    await desk.arrivals.take(SOURCE, [happened(key="1")], b"{}")
    assert desk.told == [("comment.deleted", COMMENT)]


@pytest.mark.parametrize("before", [[], ["deleted"]])
async def test_a_return_tells_what_is_there_again(desk: Desk, before: list[str]) -> None:
    """The creation may never come, or come last."""
    for number, kind in enumerate([*before, "restored"]):
        text = "Вода?" if kind == "restored" else None
        await desk.arrivals.take(SOURCE, [happened(key=str(number), event=kind, text=text)], b"{}")
    await desk.arrivals.take(SOURCE, [happened(key="late")], b"{}")
    assert desk.told == [(f"comment.{kind}", COMMENT) for kind in (*before, "restored", "edited")]
    last = desk.rig.stream.events[-1]
    assert isinstance(last, CommentEdited)
    assert last.text == "Вода?"


async def test_a_return_without_content_is_a_return(desk: Desk) -> None:
    await desk.arrivals.take(SOURCE, [happened(), happened(key="2", event="restored", text=None)], b"{}")
    assert desk.told == [("comment.created", COMMENT), ("comment.restored", COMMENT)]


async def test_a_return_of_our_own_reply_is_no_answer_by_hand(desk: Desk) -> None:
    desk.ours.add("wall:-1:2:3")
    await desk.arrivals.take(SOURCE, [happened(event="restored", author_kind="page")], b"{}")
    assert desk.told == [("comment.restored", COMMENT)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_in_any_order_and_twice_nothing_is_told_twice(desk: Desk, order: tuple[int, ...]) -> None:
    life = [
        happened(key="1"),
        happened(key="2", event="edited", text="Вода горячая?"),
        happened(key="3", event="deleted", text=None),
    ]
    for place in (*order, *order):
        await desk.arrivals.take(SOURCE, [life[place]], b"{}")
    assert len(desk.told) == len(set(desk.told))
    assert set(desk.told) >= {("comment.edited", COMMENT), ("comment.deleted", COMMENT)}


async def test_a_crash_between_storing_and_remembering_tells_nothing_twice(desk: Desk) -> None:
    desk.seen.fail_next_record = True
    with pytest.raises(Transient):
        await desk.arrivals.take(SOURCE, [happened()], b"{}")
    assert desk.told == [("comment.created", COMMENT)]
    taken = await desk.arrivals.take(SOURCE, [happened()], b"{}")
    assert (taken.accepted, taken.repeated) == (0, 1)
    assert desk.told == [("comment.created", COMMENT)]


async def test_without_the_broker_nothing_is_promised_and_nothing_remembered(desk: Desk) -> None:
    desk.rig.stream.away = True
    with pytest.raises(Unavailable):
        await desk.arrivals.take(SOURCE, [happened()], b"{}")
    assert desk.seen.keys == {}
    desk.rig.stream.away = False
    assert (await desk.arrivals.take(SOURCE, [happened()], b"{}")).accepted == 1


async def test_keys_of_two_platforms_are_apart(desk: Desk) -> None:
    await desk.arrivals.take(SOURCE, [happened(key="1")], b"{}")
    other = source("max", "max:5")
    told = happened("m1", key="1", platform="max", page="max:5")
    assert (await desk.arrivals.take(other, [told], b"{}")).accepted == 1


@pytest.mark.parametrize("key", ["\0", "\ud800", "a b", "я", "x" * 10_000, ""])
async def test_any_key_is_kept_in_a_form_that_a_database_takes(desk: Desk, key: str) -> None:
    await desk.arrivals.take(SOURCE, [happened(key=key)], b"{}")
    assert (await desk.arrivals.take(SOURCE, [happened(key=key)], b"{}")).repeated == 1
    (stored,) = desk.seen.keys
    assert stored.isascii()
    assert len(stored) < 220
    assert stored.isprintable()


async def test_an_event_of_another_page_is_kept_aside(desk: Desk) -> None:
    taken = await desk.arrivals.take(SOURCE, [happened(page="vk:-2"), happened("wall:-1:2:4", key="2")], b"raw")
    assert (taken.accepted, taken.buried) == (1, 1)
    (letter,) = desk.letters
    assert (letter.reason, letter.payload, letter.consumer) == ("unusable", b"raw", "source-vk-1")
    assert "another page" in letter.detail


async def test_an_empty_comment_is_skipped(desk: Desk) -> None:
    events = [happened(text=" \n"), happened("wall:-1:2:4", key="2", text=None), skipped("like_add", "3")]
    taken = await desk.arrivals.take(SOURCE, events, b"{}")
    assert (taken.accepted, taken.skipped, taken.buried) == (0, 3, 0)
    assert set(desk.seen.keys) == {"vk:1:e1", "vk:2", "vk:3"}


async def test_what_a_decoder_could_not_use_is_kept_once_by_whatever_way_it_came(desk: Desk) -> None:
    """Read back it has no key and comes again and again, each time in another payload."""
    wrong = unusable("comment without an id", {"text": "Вода?"})
    for number in range(3):
        taken = await desk.arrivals.take(SOURCE, [wrong, skipped("like_add")], b"raw %d" % number)
        assert (taken.buried, taken.skipped) == (1 if number == 0 else 0, 1)
    other = unusable("comment without an id", {"text": "Свет?"}, "7")
    assert (await desk.arrivals.take(SOURCE, [other], b"raw")).buried == 1
    assert (await desk.arrivals.take(SOURCE, [other], b"again")).buried == 0
    assert "vk:7" not in desk.seen.keys, "a later release may read it"
    assert [letter.payload for letter in desk.letters] == [b"raw 0", b"raw"]
    assert {(letter.reason, letter.detail) for letter in desk.letters} == {("unusable", "comment without an id")}


async def test_a_deletion_needs_no_words(desk: Desk) -> None:
    assert (await desk.arrivals.take(SOURCE, [happened(event="deleted", text=None)], b"{}")).accepted == 1


@pytest.mark.parametrize(
    "changes", [{"id": "a b"}, {"text": "x" * 65_537}, {"text": "\ud83d"}, {"author": "\ud83d"}, {"parent": ""}]
)
async def test_what_is_unusable_is_kept_once_and_stops_nothing(desk: Desk, changes: dict[str, object]) -> None:
    wrong = happened(key=None)
    assert wrong.submission is not None
    wrong = Received(submission=msgspec.structs.replace(wrong.submission, **changes))
    for number in range(3):
        good = happened(f"wall:-1:2:{number + 10}", key=str(number))
        taken = await desk.arrivals.take(SOURCE, [wrong, good, wrong], b"raw %d" % number)
        assert (taken.accepted, taken.buried) == (1, 1 if number == 0 else 0)
    (letter,) = desk.letters
    assert letter.payload == b"raw 0"
    assert "xxxx" not in letter.detail


async def test_what_was_unusable_is_taken_once_it_can_be_read_and_it_is_told_again(desk: Desk) -> None:
    """As a later release reads it; until then it is one letter, however often it is told."""
    for _ in range(2):
        await desk.arrivals.take(SOURCE, [happened("a b")], b"raw")
    assert len(desk.letters) == 1
    assert (await desk.arrivals.take(SOURCE, [happened()], b"raw")).accepted == 1


async def test_what_is_unusable_is_kept_before_anything_is_promised(desk: Desk) -> None:
    desk.broker_away = True
    wrong = happened(page="vk:-2")
    with pytest.raises(Unavailable):
        await desk.arrivals.take(SOURCE, [wrong], b"raw")
    assert desk.seen.keys == {}
    desk.broker_away = False
    assert (await desk.arrivals.take(SOURCE, [wrong], b"raw")).buried == 1


async def test_a_dead_letter_is_cut_to_what_the_broker_takes(desk: Desk) -> None:
    await desk.arrivals.bury(SOURCE, b"x" * 2_000_000, "undecodable", "y" * 5_000)
    assert len(desk.letters[0].payload) == 700_000
    assert len(desk.letters[0].detail) == 2_000


async def test_what_the_page_wrote_is_an_official_answer_unless_it_echoes_ours(desk: Desk) -> None:
    desk.ours.add("wall:-1:2:4")
    events = [happened(key="1", author_kind="page"), happened("wall:-1:2:4", key="2", author_kind="page")]
    taken = await desk.arrivals.take(SOURCE, events, b"{}")
    assert (taken.accepted, taken.echoes) == (1, 1)
    (event,) = desk.rig.stream.events
    assert isinstance(event, CommentCreated)
    assert event.author_kind == "page"
    assert set(desk.seen.keys) == {"vk:1", "vk:2"}


async def test_another_pages_replies_are_not_settled_by_what_this_one_tells(desk: Desk) -> None:
    desk.ours.add("wall:-2:2:4")
    taken = await desk.arrivals.take(SOURCE, [happened("wall:-2:2:4", page="vk:-2", author_kind="page")], b"{}")
    assert (taken.echoes, taken.buried) == (0, 1)


async def test_a_comment_in_a_thread_learns_its_post_even_from_the_same_payload(desk: Desk) -> None:
    thread = Thread(group="-100", copy="7")
    telegram = source("telegram", "telegram:-5")
    comment = Received(
        key="2",
        thread=thread,
        submission=happened("-100:8", platform="telegram", page="telegram:-5").submission,
    )
    copied = Received(key="1", copy=PostCopy(thread=thread, channel="-5", post="33"))
    await desk.arrivals.take(telegram, [comment, copied], b"{}")
    (event,) = desk.rig.stream.events
    assert event.post == "33"


async def test_a_comment_in_an_unknown_thread_goes_on_without_a_post(desk: Desk) -> None:
    telegram = source("telegram", "telegram:-5")
    told = happened("-100:8", platform="telegram", page="telegram:-5").submission
    await desk.arrivals.take(telegram, [Received(thread=Thread(group="-100", copy="7"), submission=told)], b"{}")
    assert desk.rig.stream.events[0].post is None


async def test_a_copied_post_tells_which_group_is_the_channels(desk: Desk) -> None:
    """Until then anybody's group could speak for the channel: bots can be taken into any."""
    copied = Received(copy=PostCopy(thread=Thread(group="-100", copy="7"), channel="-5", post="33"))
    assert (await desk.arrivals.take(source("telegram", "telegram:-5"), [copied], b"{}")).moved == "-100"
    known = source("telegram", "telegram:-5", group="-200")
    assert (await desk.arrivals.take(known, [copied], b"{}")).moved is None


async def test_a_channel_that_was_given_another_group_is_followed_there(desk: Desk) -> None:
    """Telegram copies new posts into the group that the channel has now; what only mentions a copy may be old."""
    copied = Received(copy=PostCopy(thread=Thread(group="-100", copy="7"), channel="-5", post="33"), linked=True)
    known = source("telegram", "telegram:-5", group="-200")
    assert (await desk.arrivals.take(known, [copied], b"{}")).moved == "-100"
    known = source("telegram", "telegram:-5", group="-100")
    assert (await desk.arrivals.take(known, [copied], b"{}")).moved is None


async def test_a_group_that_moved_is_told(desk: Desk) -> None:
    assert (await desk.arrivals.take(SOURCE, [Received(moved=("-1", "-100"))], b"{}")).moved == "-100"
    assert (await desk.arrivals.take(SOURCE, [], b"{}")).moved is None


async def test_what_is_new_and_how_old_it_was(desk: Desk) -> None:
    """A poll that brings what is known, an update of another kind, or nothing is no event of the page."""
    old, young = NOW - timedelta(seconds=90), NOW - timedelta(seconds=20)
    events = [happened(key="1", posted_at=old), happened("wall:-1:2:4", key="2", posted_at=young), skipped("like_add")]
    taken = await desk.arrivals.take(SOURCE, events, b"{}")
    assert (taken.news, taken.lag) == (2, 20.0)
    again = await desk.arrivals.take(SOURCE, [*events, happened(key=None, posted_at=old)], b"{}")
    assert (again.news, again.lag) == (0, None)
    edited = happened(key="3", event="edited", text="Вода горячая?", posted_at=old)
    taken = await desk.arrivals.take(SOURCE, [edited], b"{}")
    assert (taken.news, taken.lag) == (1, None)


async def test_a_payload_of_thousands_is_taken_whole(desk: Desk) -> None:
    events = [happened(f"wall:-1:2:{number}", key=str(number)) for number in range(2_500)]
    assert (await desk.arrivals.take(SOURCE, events, b"{}")).accepted == 2_500


async def test_what_is_read_back_tells_only_what_changed(desk: Desk) -> None:
    def found(text: str, event: str = "created") -> Received:
        told = happened(key=None, text=text, event=event).submission
        return Received(read_back=True, submission=told)

    for text, event in [("А", "created"), ("А", "created"), ("Б", "created"), ("Б", "created"), ("", "deleted")]:
        await desk.arrivals.take(SOURCE, [found(text, event)], b"{}")
    assert [kind for kind, _ in desk.told] == ["comment.created", "comment.edited", "comment.deleted"]
    edited = desk.rig.stream.events[1]
    assert isinstance(edited, CommentEdited)
    assert edited.text == "Б"


async def test_authors_are_hashed(desk: Desk) -> None:
    await desk.arrivals.take(SOURCE, [happened(author="424242")], b"{}")
    (event,) = desk.rig.stream.events
    assert isinstance(event, CommentCreated)
    assert event.author is not None
    assert "424242" not in event.author
