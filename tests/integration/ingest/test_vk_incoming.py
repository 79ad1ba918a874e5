"""VK's comments coming in, against the stand-in: hook, long poll, reading back."""

from __future__ import annotations

import asyncio

import pytest

from deploy.standins.delivery import Manner
from deploy.standins.faults import Fault
from deploy.standins.wire import Answer, Request
from services.ingest.connectors.connector import Forged
from services.ingest.connectors.failure import BadCredential, NotAllowed, NotSent, Refused
from tests.fixtures.hooking import Loopback
from tests.integration.ingest.vk_town import GROUP, PAGE, Town, told, town


class Hook:
    """What stands for the service: takes calls of the hook by the connector, and may be told to fail first."""

    def __init__(self, place: Town) -> None:
        self.place = place
        self.source = place.source("community", way="hook", hook_secret="s3cret", confirmation="c0nf1rm")
        self.taken: list[str | None] = []
        self.refusals: list[Answer] = []

    async def __call__(self, asked: Request) -> Answer:
        try:
            call = self.place.vk.hook(self.source, {}, asked.body)
        except Forged:
            return Answer(status=403)
        if self.refusals and call.answer.body == b"ok":
            return self.refusals.pop(0)
        self.taken += [each.key for each in call.events if each.submission is not None]
        return Answer(status=call.answer.status, text=call.answer.body.decode())


async def test_the_hook_is_confirmed_and_then_told_everything_once_it_says_ok() -> None:
    async with town() as place:
        hook = Hook(place)
        async with Loopback(hook) as server:
            callback = place.standin.callback(server.address, group=GROUP, secret="s3cret", confirmation="c0nf1rm")
            assert await callback.confirm()
            hook.refusals = [
                Answer(status=503, headers={"Retry-After": "0.02"}),
                Answer(status=500),
                Answer(text="OK"),
            ]
            callback.manner = Manner(times=2)
            number = place.world.comment(place.post, 77, "Где вода?")
            place.world.edit(place.post, number, "Где горячая вода?")
            place.world.happen(GROUP, "like_add", {"liker_id": 1})
            await asyncio.wait_for(callback.drained(), 20)
        # Each event came twice; the key tells.
        assert len(hook.taken) == 4
        assert len(set(hook.taken)) == 2
        assert [each.retry for each in callback.deliveries[1:5]] == [0, 1, 2, 3]
        assert not callback.removed


async def test_a_hook_with_another_secret_or_page_learns_nothing() -> None:
    async with town() as place:
        hook = Hook(place)
        async with Loopback(hook) as server:
            wrong = place.standin.callback(server.address, group=GROUP, secret="guess", confirmation="c0nf1rm")
            place.world.group(9)
            other = place.standin.callback(server.address, group=9, secret="s3cret", confirmation="c0nf1rm")
            assert not await other.confirm()
            place.world.comment(place.post, 77, "Где вода?")
            async with asyncio.timeout(20):
                while not wrong.deliveries:
                    await asyncio.sleep(0.01)
            assert {each.status for each in (*wrong.deliveries, *other.deliveries)} == {403}
        assert hook.taken == []


async def test_a_poll_begins_now_and_goes_on_where_it_was() -> None:
    async with town() as place:
        source = place.source("community")
        place.world.comment(place.post, 77, "до нас")
        first = await place.polled(source, None)
        assert (first.events, first.behind) == ((), False)
        number = place.world.comment(place.post, 77, "Где вода?")
        second = await place.polled(source, first.cursor)
        assert told(second.events) == [f"created {number}"]
        assert place.vk.decode(second.payload) == list(second.events)
        assert b"key" not in second.cursor
        assert place.standin.long_poll(GROUP).key.encode() not in second.cursor
        # What happens while we are away is told to whoever comes back with the cursor, be it another process.
        place.world.edit(place.post, number, "Где горячая вода?")
        place.world.delete(place.post, number)
        place.world.restore(place.post, number)
        async with town() as elsewhere:
            assert elsewhere.vk is not place.vk
        third = await place.polled(source, second.cursor)
        assert told(third.events) == [f"edited {number}", f"deleted {number}", f"restored {number}"]


async def test_a_poll_waits_on_vks_side_and_is_woken() -> None:
    async with town() as place:
        source = place.source("community")
        first = await place.polled(source, None)
        waiting = asyncio.create_task(place.polled(source, first.cursor))
        async with asyncio.timeout(20):
            while not place.standin.long_poll(GROUP).waits:
                await asyncio.sleep(0.01)
        number = place.world.comment(place.post, 77, "Где вода?")
        assert told((await asyncio.wait_for(waiting, 15)).events) == [f"created {number}"]


async def test_after_failed_1_the_new_place_is_taken_and_what_was_lost_is_told() -> None:
    async with town() as place:
        source = place.source("community")
        first = await place.polled(source, None)
        for _ in range(3):
            place.world.comment(place.post, 77, "пропущено")
        place.standin.long_poll(GROUP).forgotten = 3
        second = await place.polled(source, first.cursor)
        assert (second.events, second.behind) == ((), True)
        number = place.world.comment(place.post, 77, "Где вода?")
        third = await place.polled(source, second.cursor)
        assert (told(third.events), third.behind) == ([f"created {number}"], False)


async def test_after_failed_2_a_new_key_reads_on_from_the_same_place() -> None:
    async with town() as place:
        source = place.source("community")
        first = await place.polled(source, None)
        number = place.world.comment(place.post, 77, "Где вода?")
        place.standin.long_poll(GROUP).rotate()
        second = await place.polled(source, first.cursor)
        assert (second.events, second.behind, second.cursor) == ((), False, first.cursor)
        assert second.wait > 0
        assert told((await place.polled(source, second.cursor)).events) == [f"created {number}"]


@pytest.mark.parametrize("code", [3, 4, 77])
async def test_after_failed_3_and_unknown_ones_it_begins_anew_and_something_was_lost(code: int) -> None:
    async with town() as place:
        source = place.source("community")
        first = await place.polled(source, None)
        place.world.comment(place.post, 77, "пропущено")
        place.standin.long_poll(GROUP).fail_next.append(code)
        second = await place.polled(source, first.cursor)
        assert (second.events, second.behind) == ((), True)
        number = place.world.comment(place.post, 77, "Где вода?")
        assert told((await place.polled(source, second.cursor)).events) == [f"created {number}"]


async def test_a_cursor_that_nobody_can_read_begins_now_and_says_that_something_was_lost() -> None:
    async with town() as place:
        answer = await place.polled(place.source("community"), b"\xff not ours")
        assert (answer.events, answer.behind) == ((), True)


async def test_a_poll_that_may_not_be_says_why() -> None:
    async with town() as place:
        with pytest.raises(NotAllowed):
            await place.polled(place.source("service"), None)
        with pytest.raises(BadCredential):
            await place.polled(place.source(community_token="revoked"), None)
        place.standin.methods.long_poll_on = False
        with pytest.raises(Refused):
            await place.polled(place.source("community"), None)


@pytest.mark.parametrize("tokens", [("user",), ("service",), ("community", "user", "service")])
async def test_reading_back_finds_threads_deleted_and_long_posts(tokens: tuple[str, ...]) -> None:
    async with town() as place:
        world, post = place.world, place.post
        root = world.comment(post, 77, "Где вода?", silent=True)
        below = [world.comment(post, 78, f"и у нас {n}", reply_to=root, silent=True) for n in range(130)]
        gone = world.comment(post, 79, "удалят", silent=True)
        world.delete(post, gone, silent=True)
        rest = [world.comment(post, 80, f"комментарий {n}", silent=True) for n in range(120)]
        old = world.thing("wall", -GROUP, 5, days_ago=30, pinned=True)
        world.comment(old, 77, "давно", silent=True)
        events = await place.read_back(place.source(*tokens))
        assert all(each.read_back for each in events)
        kinds = dict(each.split(" ")[::-1] for each in told(events))
        assert kinds == {str(n): "created" for n in (root, *below, *rest)} | {str(gone): "deleted"}
        answer = next(each.submission for each in events if told([each]) == [f"created {below[-1]}"])
        assert answer is not None
        assert (answer.parent, answer.post, answer.page) == (f"wall:-{GROUP}:7:{root}", f"wall-{GROUP}_7", PAGE)


async def test_reading_back_shows_edits_deletions_and_what_the_page_wrote() -> None:
    async with town() as place:
        source = place.source("service")
        number = place.world.comment(place.post, 77, "Где вода?")
        place.world.comment(place.post, -GROUP, "Будет вечером", reply_to=number)
        first = await place.read_back(source)
        assert [each.submission and each.submission.author_kind for each in first] == ["person", "page"]
        place.world.edit(place.post, number, "Где горячая вода?", silent=True)
        (again, _) = await place.read_back(source)
        assert again.submission is not None
        assert again.submission.text == "Где горячая вода?"
        place.world.delete(place.post, number, silent=True)
        assert told(await place.read_back(source))[0] == f"deleted {number}"


async def test_reading_back_with_a_users_token_knows_every_section_and_asks_25_at_a_time() -> None:
    async with town() as place:
        world = place.world
        expected = {}
        for kind in ("wall", "photo", "video", "market", "board"):
            for number in range(100, 130):
                world.thing(kind, -GROUP, number)
                made = world.comment((kind, -GROUP, number), 77, f"{kind} {number}", silent=True)
                expected[f"{kind}:-{GROUP}:{number}:{made}"] = f"{kind} {number}"
        events = await place.read_back(place.source("user"))
        assert {each.submission.id: each.submission.text for each in events if each.submission} == expected
        executes = [given for name, given in place.standin.calls if name == "execute"]
        assert 0 < len(executes) <= 8
        assert max(str(given["code"]).count("API.") for given in executes) == 25


async def test_reading_back_a_page_full_of_long_threads_never_outgrows_its_cursor() -> None:
    async with town() as place:
        expected = set()
        for number in range(1_000_000_000, 1_000_000_030):
            post = place.world.thing("wall", -GROUP, number)
            for _ in range(55):
                root = place.world.comment(post, 77, "Где вода?", silent=True)
                below = [place.world.comment(post, 78, "и у нас", reply_to=root, silent=True) for _ in range(11)]
                expected |= {root, *below}
        found = told(await place.read_back(place.source("user")))
        assert {int(each.removeprefix("created ")) for each in found} == expected


async def test_reading_back_passes_over_what_it_may_not_read() -> None:
    async with town() as place:
        world = place.world
        for number in (8, 9):
            world.thing("wall", -GROUP, number)
        numbers = {n: world.comment(("wall", -GROUP, n), 77, "Где вода?") for n in (7, 8, 9)}
        place.standin.faults.refuse("wall.getComments", 212)
        place.standin.faults.refuse("video.get", 204)
        found = told(await place.read_back(place.source("user")))
        assert len(found) == 2
        assert set(found) < {f"created {number}" for number in numbers.values()}


async def test_an_execute_that_is_too_large_is_read_in_single_calls() -> None:
    async with town() as place:
        for number in (8, 9):
            place.world.thing("wall", -GROUP, number)
        numbers = [place.world.comment(("wall", -GROUP, n), 77, "Где вода?") for n in (7, 8, 9)]
        place.standin.faults.refuse("execute", *[13] * 5)
        assert set(told(await place.read_back(place.source("user")))) == {f"created {number}" for number in numbers}


async def test_reading_back_needs_a_token_that_reads_and_goes_on_after_a_failure() -> None:
    async with town() as place:
        number = place.world.comment(place.post, 77, "Где вода?")
        assert await place.vk.backfill(place.source("community"), None) is None
        source = place.source("service")
        step = await place.vk.backfill(source, None)
        assert step is not None
        for code in (6, 10, 29):
            place.standin.faults.refuse("*", code)
            with pytest.raises(NotSent):
                await place.vk.backfill(source, step.cursor)
        place.standin.faults.add("*", Fault(kind="refuse", status=502, text="<html>"))
        with pytest.raises(NotSent):
            await place.vk.backfill(source, step.cursor)
        after = await place.vk.backfill(source, step.cursor)
        assert after is not None
        assert told(after.events) == [f"created {number}"]
        assert told(place.vk.decode(after.payload)) == [f"created {number}"]
        place.standin.faults.refuse("*", 5)
        with pytest.raises(BadCredential):
            await place.vk.backfill(source, step.cursor)


async def test_vks_own_rates_are_never_exceeded() -> None:
    async with town() as place:
        place.standin.limit_rates = True
        with pytest.raises(NotSent) as caught:
            for _ in range(8):
                await place.vk.backfill(place.source("service"), None)
        assert caught.value.retry_after == 1.0
