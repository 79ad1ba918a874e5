"""Acting on VK and looking, against the stand-in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.standins.faults import Fault
from services.ingest.connectors.failure import (
    BadCredential,
    Gone,
    NotAllowed,
    NotSent,
    PlatformError,
    Refused,
    Unclear,
)
from tests.integration.ingest.vk_town import GROUP, KEY, Town, town


@pytest.mark.parametrize("token", ["community", "user"])
async def test_a_reply_stands_below_the_comment_in_the_pages_name(token: str) -> None:
    async with town() as place:
        number = place.world.comment(place.post, 77, "Где вода?")
        done = await place.vk.act(place.source(token), place.action("reply", number, text="Будет вечером"), KEY)
        (name, given) = place.standin.calls[-1]
        assert (name, given["guid"], given["from_group"]) == ("wall.createComment", KEY, str(GROUP))
        reply = max(place.world.things[place.post].comments.values(), key=lambda each: each.id)
        assert (reply.author, reply.reply_to, reply.text) == (-GROUP, number, "Будет вечером")
        assert done.comment == f"vk:wall:-{GROUP}:7:{reply.id}"
        assert done.link == f"https://vk.com/wall-{GROUP}_7?reply={reply.id}"


@pytest.mark.parametrize("kind", ["photo", "video", "market", "board"])
async def test_replies_elsewhere_need_a_users_token(kind: Any) -> None:
    async with town() as place:
        thing = place.world.thing(kind, -GROUP, 8)
        number = place.world.comment(thing, 77, "Где вода?")
        action = place.action("reply", 0, text="Будет", comment=f"vk:{kind}:-{GROUP}:8:{number}")
        with pytest.raises(NotAllowed):
            await place.vk.act(place.source("community", "service"), action, KEY)
        source = place.source("user")
        assert await place.vk.look(source, action, KEY) is None
        done = await place.vk.act(source, action, KEY)
        assert place.world.things[thing].comments[2].author == -GROUP
        assert await place.vk.look(source, action, KEY) == done


@pytest.mark.parametrize("guid_works", [True, False])
@pytest.mark.parametrize("reader", ["user", "service"])
@pytest.mark.parametrize("in_thread", [True, False])
async def test_a_reply_whose_answer_was_lost_is_found_and_not_written_twice(
    guid_works: bool, reader: str, in_thread: bool
) -> None:
    async with town() as place:
        place.standin.methods.guid_works = guid_works
        number = place.world.comment(place.post, 77, "Где вода?")
        if in_thread:
            number = place.world.comment(place.post, 78, "И у нас", reply_to=number)
        for n in range(30):
            place.world.comment(place.post, 79, f"ещё {n}", reply_to=number if n % 2 else None)
        source = place.source("community", reader)
        action = place.action("reply", number, text="Будет &  вечером\nждите")
        assert await place.vk.look(source, action, KEY) is None
        place.standin.faults.add("wall.createComment", Fault(kind="lose"))
        with pytest.raises(Unclear):
            await place.vk.act(source, action, KEY)
        for n in range(30):
            place.world.comment(place.post, 79, f"потом {n}", reply_to=number)
        done = await place.vk.look(source, action, KEY)
        assert done is not None
        assert done.comment is not None
        assert place.ours() == ["Будет &  вечером\nждите"]


async def test_a_repeated_guid_writes_nothing_new_where_it_works() -> None:
    async with town() as place:
        number = place.world.comment(place.post, 77, "Где вода?")
        action = place.action("reply", number, text="Будет")
        first = await place.vk.act(place.source("community"), action, KEY)
        assert await place.vk.act(place.source("community"), action, KEY) == first
        place.standin.methods.guid_works = False
        assert await place.vk.act(place.source("community"), action, KEY) != first
        assert len(place.ours()) == 2


async def test_looking_takes_nothing_else_for_the_reply() -> None:
    async with town() as place:
        number, other = (place.world.comment(place.post, 77, text) for text in ("Где вода?", "Где свет?"))
        source = place.source("community", "user")
        action = place.action("reply", number, text="Будет")
        place.world.comment(place.post, 77, "Будет", reply_to=number)
        place.world.comment(place.post, -GROUP, "Будет", reply_to=other)
        place.world.comment(place.post, -GROUP, "Будет завтра", reply_to=number)
        place.world.delete(place.post, place.world.comment(place.post, -GROUP, "Будет", reply_to=number))
        assert await place.vk.look(source, action, KEY) is None
        place.world.comment(place.post, -GROUP, "Будет", reply_to=number)
        assert await place.vk.look(source, action, KEY) is not None
        later = place.action("reply", number, text="Будет", ordered_at=datetime.now(UTC) + timedelta(hours=1))
        assert await place.vk.look(source, later, KEY) is None


async def test_a_community_alone_cannot_look_for_a_reply() -> None:
    async with town() as place:
        number = place.world.comment(place.post, 77, "Где вода?")
        with pytest.raises(Unclear):
            await place.vk.look(place.source("community"), place.action("reply", number, text="Будет"), KEY)


async def test_a_comment_is_deleted_with_a_users_token_only() -> None:
    async with town() as place:
        number = place.world.comment(place.post, 66, "Займы всем")
        action = place.action("delete", number, ground="spam")
        with pytest.raises(NotAllowed):
            await place.vk.act(place.source("community", "service"), action, KEY)
        source = place.source("community", "user")
        assert await place.vk.look(source, action, KEY) is None
        place.standin.faults.add("wall.deleteComment", Fault(kind="lose"))
        with pytest.raises(Unclear):
            await place.vk.act(source, action, KEY)
        assert await place.vk.look(source, action, KEY) is not None
        with pytest.raises(Gone):
            await place.vk.act(source, action, KEY)


async def test_topics_comments_are_deleted_with_the_communitys_token_too() -> None:
    async with town() as place:
        topic = place.world.thing("board", -GROUP, 8)
        number = place.world.comment(topic, 66, "Займы всем")
        action = place.action("delete", 0, comment=f"vk:board:-{GROUP}:8:{number}")
        await place.vk.act(place.source("community"), action, KEY)
        assert place.world.things[topic].comments[number].deleted
        assert await place.vk.look(place.source("community", "service"), action, KEY) is not None
        assert await place.vk.look(place.source("community"), action, KEY) is None


@pytest.mark.parametrize("kind", ["photo", "video", "market"])
async def test_nothing_is_deleted_where_vk_cannot_be_told_what_exactly(kind: Any) -> None:
    async with town() as place:
        thing = place.world.thing(kind, -GROUP, 8)
        number = place.world.comment(thing, 66, "Займы всем")
        with pytest.raises(NotAllowed):
            action = place.action("delete", 0, comment=f"vk:{kind}:-{GROUP}:8:{number}")
            await place.vk.act(place.source("user"), action, KEY)
        assert not place.world.things[thing].comments[number].deleted


async def test_a_ban_finds_out_whom_it_is_about() -> None:
    async with town() as place:
        number = place.world.comment(place.post, 66, "Займы всем")
        action, source = place.action("ban", number), place.source("user")
        assert await place.vk.look(source, action, KEY) is None
        await place.vk.act(source, action, KEY)
        assert place.world.banned[GROUP] == {66}
        assert await place.vk.look(source, action, KEY) is not None
        own = place.world.comment(place.post, -GROUP, "Будет")
        with pytest.raises(Refused):
            await place.vk.act(source, place.action("ban", own), KEY)
        place.world.delete(place.post, number)
        with pytest.raises(Gone):
            await place.vk.act(source, action, KEY)
        with pytest.raises(NotAllowed):
            await place.vk.act(place.source("community"), action, KEY)


async def test_comments_are_closed_below_posts_and_topics() -> None:
    async with town() as place:
        number = place.world.comment(place.post, 77, "Где вода?")
        await place.vk.act(place.source("community"), place.action("close_comments", number), KEY)
        assert place.world.things[place.post].closed
        with pytest.raises(Refused):
            await place.vk.act(place.source("community"), place.action("reply", number, text="Будет"), KEY)
        topic = place.world.thing("board", -GROUP, 8)
        action = place.action("close_comments", 0, comment=f"vk:board:-{GROUP}:8:1")
        await place.vk.act(place.source("user"), action, KEY)
        assert place.world.things[topic].closed
        with pytest.raises(NotAllowed):
            photo = place.action("close_comments", 0, comment=f"vk:photo:-{GROUP}:2:3")
            await place.vk.act(place.source("user"), photo, KEY)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (5, BadCredential),
        (6, NotSent),
        (9, NotSent),
        (10, Unclear),
        (14, NotAllowed),
        (15, NotAllowed),
        (27, NotAllowed),
        (29, NotSent),
        (100, Refused),
        (104, Gone),
        (210, NotAllowed),
        (212, Refused),
        (213, NotAllowed),
        (222, Refused),
        (223, NotSent),
    ],
)
async def test_every_refusal_has_its_class_and_nothing_of_the_text_in_its_words(
    code: int, error: type[PlatformError]
) -> None:
    async with town() as place:
        number = place.world.comment(place.post, 77, "Где вода?")
        place.standin.faults.refuse("wall.createComment", code)
        with pytest.raises(error) as caught:
            await place.vk.act(place.source("community"), place.action("reply", number, text="тайное слово"), KEY)
        assert "тайное" not in caught.value.detail
        assert "community" not in caught.value.detail.replace("community's", "")
        assert place.ours() == []


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (500, b"", Unclear),
        (502, b"<html>", Unclear),
        (200, b"<html>", Unclear),
        (200, b'{"response":', Unclear),
        (200, b'{"response":{}}', Unclear),
        (200, b'{"response":null}', Unclear),
        (200, b'{"error":"x"}', Unclear),
        (200, b"[]", Unclear),
        (302, b"", Unclear),
        (429, b"", NotSent),
    ],
)
async def test_an_answer_that_says_nothing_is_unclear(status: int, body: bytes, error: type[PlatformError]) -> None:
    async with town() as place:
        number = place.world.comment(place.post, 77, "Где вода?")
        place.standin.faults.add("*", Fault(kind="refuse", status=status, text=body.decode()))
        with pytest.raises(error):
            await place.vk.act(place.source("community"), place.action("reply", number, text="Будет"), KEY)


async def test_where_vk_is_not_reached_nothing_was_sent() -> None:
    async with town() as place:
        number = place.world.comment(place.post, 77, "Где вода?")
        await place.standin.stop()
        with pytest.raises(NotSent):
            await place.vk.act(place.source("community"), place.action("reply", number, text="Будет"), KEY)
        await place.standin.start()


@pytest.mark.parametrize(
    "changes",
    [
        {"comment": "vk:wall:x"},
        {"comment": "vk:wall:-9:7:1"},
        {"page": "vk:-9"},
        {"text": None},
        {"text": "  "},
        {"text": "я" * 16_385},
    ],
)
async def test_what_cannot_be_meant_is_refused_before_vk_is_asked(changes: dict[str, Any]) -> None:
    async with town() as place:
        with pytest.raises(Refused):
            action = place.action("reply", 1, **({"text": "Будет"} | changes))
            await place.vk.act(place.source("community"), action, KEY)
        assert place.standin.calls == []


def kinds(place: Town, *tokens: str) -> tuple[str, ...]:
    return place.vk.acts(place.source(*tokens))


async def test_each_credential_is_there_for_some_actions() -> None:
    async with town() as place:
        assert kinds(place) == kinds(place, "service") == ()
        assert kinds(place, "community", "service") == ("reply", "delete", "close_comments")
        assert kinds(place, "community", "user") == ("reply", "delete", "ban", "close_comments")


@pytest.mark.parametrize(
    ("place_of_it", "acts"),
    [("wall", ("reply", "close_comments")), ("board", ("delete",)), ("photo", ()), ("video", ()), ("market", ())],
)
async def test_what_the_communitys_token_does_depends_on_where_the_comment_stands(
    place_of_it: str, acts: tuple[str, ...]
) -> None:
    async with town() as place:
        comment = f"vk:{place_of_it}:-{GROUP}:8:1"
        assert place.vk.acts(place.source("community", "service"), comment) == acts
        assert place.vk.acts(place.source("user"), comment) == ("reply", "delete", "ban", "close_comments")


async def test_the_test_of_rights_finds_what_is_there_and_says_what_is_missing() -> None:
    async with town() as place:
        place.standin.methods.events_told = {"wall_reply_new": 1, "wall_reply_delete": 0}
        rights = await place.vk.test(place.source("community", "user", "service"))
        assert (rights.name, rights.reads) == ("Администрация", True)
        assert rights.acts == ("reply", "delete", "ban", "close_comments")
        assert [each for each in rights.problems if "wall_reply_delete" in each] == list(rights.problems)
        alone = await place.vk.test(place.source("community"))
        assert alone.acts == ("reply", "close_comments")
        assert len([each for each in alone.problems if "token" in each]) == 2
        nothing = await place.vk.test(place.source(way="hook"))
        assert (nothing.reads, nothing.acts) == (False, ())
        hook = await place.vk.test(place.source("user", way="hook", hook_secret="s", confirmation="c"))
        assert (hook.reads, hook.problems) == (True, ())


async def test_the_test_of_rights_changes_nothing_and_survives_any_refusal() -> None:
    async with town() as place:
        tokens = place.standin.tokens
        tokens["community"] = tokens["community"].__class__(kind="community", group=9)
        tokens["user"] = tokens["user"].__class__(kind="user", group=GROUP, level=1)
        place.world.group(9)
        rights = await place.vk.test(place.source("community", "user", service_token="revoked"))
        assert rights.acts == ("delete", "ban")
        assert any("another community" in each for each in rights.problems)
        assert any("editor" in each for each in rights.problems)
        assert any("service token cannot read" in each for each in rights.problems)
        place.standin.faults.refuse("*", 10)
        with pytest.raises(NotSent):
            await place.vk.test(place.source("community"))
        assert not any(name.endswith(("createComment", "deleteComment")) for name, _ in place.standin.calls)
