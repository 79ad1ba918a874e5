"""Repetition is counted over replicas and restarts, in distinct comments, and weighed as the policy says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import msgspec
import pytest

from services.classifier.repetition.remembering import Remembering
from services.classifier.repetition.sightings import WINDOW, Sightings
from shared.bus import Bus, Outgoing, Tail
from shared.clock import utc_now
from shared.events import CommentCreated, CommentEdited, Fingerprints, Repeated
from tests.fixtures.careful import ADVERT, CLEAR
from tests.integration.classifier.atwork import all_done, at_work, comment, known, say, tagged, until

TEXT = "Уважаемая администрация, второй месяц во дворе на Вымышленной улице не вывозят мусор, баки переполнены"


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


class Replica:
    """What one process remembers."""

    def __init__(self, bus: Bus, executor: ThreadPoolExecutor) -> None:
        self._bus = bus
        self._executor = executor
        self._remembering = Remembering(Sightings(slots_bits=10, groups=64), executor=executor)
        self._tail = Tail(bus, stream="FINGERPRINTS", since=utc_now() - WINDOW, take=self._remembering.take)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Replica]:
        stop = asyncio.Event()
        tasks = [
            asyncio.create_task(self._tail.run(stop)),
            asyncio.create_task(self._remembering.run(self._bus.publish, stop)),
        ]
        try:
            await known(self._bus, self._tail)
            yield self
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def judge(self, *comments: CommentCreated | CommentEdited) -> list[Repeated | None]:
        new, found = await asyncio.get_running_loop().run_in_executor(
            self._executor, self._remembering.look, list(comments)
        )
        self._remembering.share(new)
        return found

    async def hears(self, comments: int, *, of: CommentCreated) -> None:
        async def enough() -> bool:
            (found,) = await self.judge(of)
            return found is not None and found.comments >= comments

        await until(enough, f"{comments} comments known")


async def test_two_replicas_count_together(bus: Bus, executor: ThreadPoolExecutor) -> None:
    async with Replica(bus, executor).running() as one, Replica(bus, executor).running() as other:
        await one.judge(*(comment(number, TEXT, page=f"vk:-{number}") for number in range(1, 6)))
        await other.hears(6, of=comment(6, TEXT, page="vk:-6"))
        await one.hears(7, of=comment(7, TEXT, page="vk:-7"))
        await other.hears(7, of=comment(6, TEXT, page="vk:-6"))
        assert await other.judge(comment(6, TEXT, page="vk:-6")) == [
            Repeated(same="text", comments=7, pages=7, authors=7)
        ]


async def test_a_restart_forgets_nothing(bus: Bus, executor: ThreadPoolExecutor) -> None:
    async with Replica(bus, executor).running() as before:
        await before.judge(*(comment(number, TEXT) for number in range(1, 5)))
    async with Replica(bus, executor).running() as after:
        (found,) = await after.judge(comment(5, TEXT))
    assert found == Repeated(same="text", comments=5, pages=1, authors=5)


async def test_a_redelivery_and_an_edit_are_no_repetition(bus: Bus, executor: ThreadPoolExecutor) -> None:
    first = comment(1, TEXT)
    edited = msgspec.convert({**msgspec.to_builtins(first), "type": "comment.edited"}, CommentEdited)
    async with Replica(bus, executor).running() as one, Replica(bus, executor).running() as other:
        assert await one.judge(first, first, edited) == [None, None, None]
        assert await other.judge(first) == [None]
        await other.hears(2, of=comment(2, TEXT))
        (found,) = await other.judge(edited)
    assert found is not None
    assert found.comments == 2


async def test_what_another_scheme_wrote_is_left_out(bus: Bus, executor: ThreadPoolExecutor) -> None:
    for number, event in enumerate(
        (Fingerprints(scheme="0", records=b"x" * 68), Fingerprints(scheme="1", records=b"x"))
    ):
        await bus.publish([Outgoing(event=event, msg_id=str(number))])
    async with Replica(bus, executor).running() as one:
        assert await one.judge(comment(1, TEXT)) == [None]


async def test_an_advertisement_under_many_pages_is_shown_to_a_person(bus: Bus) -> None:
    async with at_work(bus):
        await say(bus, [comment(number, f"{ADVERT} {'!' * number}", page=f"vk:-{number}") for number in range(1, 31)])
        await all_done(bus)
        await say(bus, [comment(31, ADVERT, page="vk:-31")])
        await all_done(bus)

    last = (await tagged(bus))[-1]
    assert (last.tag, last.unsure) == ("spam", True)
    assert last.repeated == Repeated(same="text", comments=31, pages=31, authors=31)


async def test_a_complaint_of_two_hundred_stays_one(bus: Bus) -> None:
    async with at_work(bus):
        await say(bus, [comment(number, f"{CLEAR}, {TEXT}", page=f"vk:-{number % 9}") for number in range(1, 201)])
        await all_done(bus)

    events = await tagged(bus)
    assert {(event.tag, event.unsure) for event in events} == {("complaint", False)}
    assert events[-1].repeated is not None
    assert events[-1].repeated.comments == 64


async def test_the_page_itself_may_repeat_itself(bus: Bus) -> None:
    async with at_work(bus):
        await say(bus, [comment(number, ADVERT, page=f"vk:-{number}", author_kind="page") for number in range(1, 41)])
        await all_done(bus)

    events = await tagged(bus)
    assert {(event.tag, event.repeated) for event in events} == {("other", None)}
