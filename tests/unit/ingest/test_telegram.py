"""Telegram's connector without a server: who wrote what where, and what each answer means."""

from __future__ import annotations

import json
from typing import Any

import httpx
import msgspec
import pytest

from services.ingest.connectors.connector import Forged
from services.ingest.connectors.failure import (
    BadCredential,
    Gone,
    NotAllowed,
    NotSent,
    PageMoved,
    PlatformError,
    Refused,
    Unclear,
)
from services.ingest.connectors.received import NotThisPlatform, PostCopy, Received, Thread
from services.ingest.connectors.telegram import Telegram, decode
from services.ingest.connectors.telegram.connector import FRESH_SECONDS, MAX_REPLY, STUCK_SECONDS
from services.ingest.sources.source import Secrets
from services.ingest.submission import Submission
from tests.fixtures.connecting import Waits, action_of, caller_of, source_of

CHANNEL, GROUP = -1001000000001, -1001000000002
PAGE = f"telegram:{CHANNEL}"
ROOT: dict[str, Any] = {
    "message_id": 10,
    "date": 1790935000,
    "chat": {"id": GROUP},
    "from": {"id": 777000},
    "is_automatic_forward": True,
    "forward_origin": {"type": "channel", "chat": {"id": CHANNEL}, "message_id": 3},
}
COMMENT: dict[str, Any] = {
    "message_id": 12,
    "message_thread_id": 10,
    "date": 1790935620,
    "chat": {"id": GROUP, "type": "supergroup"},
    "from": {"id": 5, "is_bot": False},
    "reply_to_message": ROOT,
    "text": "Когда?",
}
SOURCE = source_of("telegram", PAGE, group=str(GROUP))
HEADERS = {"x-telegram-bot-api-secret-token": "hook-secret"}
COPY = PostCopy(thread=Thread(group=str(GROUP), copy="10"), channel=str(CHANNEL), post="3")


def update(kind: str = "message", **changes: Any) -> bytes:
    """An update with a comment that `changes` were made to; None takes a field away."""
    message = {name: it for name, it in (COMMENT | changes).items() if it is not None}
    return json.dumps({"update_id": 41, kind: message}).encode()


def only(payload: bytes, page: str | None = PAGE) -> Submission:
    """The one comment in it."""
    (found,) = [event.submission for event in decode(payload, page) if event.submission]
    return found


def skip(payload: bytes) -> str | None:
    """Why there is none."""
    (event,) = decode(payload, PAGE)
    return event.skipped


def test_a_comment_of_the_first_level_tells_its_post_and_the_copy() -> None:
    """So the map learns of posts that are older than the bot."""
    copy, comment = decode(update(), None)
    assert copy == Received(copy=COPY)
    assert comment.thread is None
    assert comment.submission is not None
    assert comment.submission == Submission(
        platform="telegram",
        page=PAGE,
        id=f"{GROUP}:12",
        post="3",
        author="5",
        text="Когда?",
        posted_at=comment.submission.posted_at,
    )


def test_an_automatic_copy_is_kept_for_its_comments() -> None:
    """And again when the post is edited, which a group that the channel has left may be told late; older servers name
    the post in other fields."""
    for kind, linked in (("message", True), ("edited_message", False)):
        assert decode(json.dumps({"update_id": 1, kind: ROOT}).encode()) == [Received(copy=COPY, linked=linked)]
    old = {name: it for name, it in ROOT.items() if name != "forward_origin"}
    old |= {"forward_from_chat": {"id": CHANNEL}, "forward_from_message_id": 3}
    assert decode(json.dumps({"update_id": 1, "message": old}).encode()) == [Received(copy=COPY, linked=True)]
    bare = {name: it for name, it in ROOT.items() if name != "forward_origin"}
    assert skip(json.dumps({"update_id": 1, "message": bare}).encode()) == "copy of an unknown post"


@pytest.mark.parametrize(
    ("changes", "author", "kind"),
    [
        ({}, "5", "person"),
        ({"from": {"id": 6, "is_bot": True}}, "6", "community"),
        ({"from": {"id": 1087968824, "is_bot": True}, "sender_chat": {"id": GROUP}}, str(GROUP), "page"),
        ({"from": {"id": 1087968824, "is_bot": True}}, None, "page"),
        ({"from": {"id": 136817688, "is_bot": True}, "sender_chat": {"id": CHANNEL}}, str(CHANNEL), "page"),
        ({"from": {"id": 777000}, "sender_chat": {"id": CHANNEL, "type": "channel"}}, str(CHANNEL), "page"),
        ({"from": {"id": 136817688, "is_bot": True}, "sender_chat": {"id": -1009}}, "-1009", "community"),
        ({"from": {"id": 136817688, "is_bot": True}}, None, "community"),
        ({"from": None}, None, "person"),
    ],
)  # fmt: skip
def test_who_wrote(changes: dict[str, Any], author: str | None, kind: str) -> None:
    """`sender_chat` where it is there; what stands in `from` beside it is nobody."""
    comment = only(update(**changes))
    assert (comment.author, comment.author_kind) == (author, kind)


def test_parents() -> None:
    """A reply to the post has none; one to a comment has that comment, and its post is looked up by the thread."""
    assert only(update()).parent is None
    nested = update(reply_to_message={"message_id": 11, "date": 0, "chat": {"id": GROUP}})
    (event,) = decode(nested, PAGE)
    assert event.thread == COPY.thread
    assert event.submission is not None
    assert (event.submission.parent, event.submission.post) == (f"{GROUP}:11", None)
    (bare,) = decode(update(reply_to_message=None), PAGE)
    assert bare.thread == COPY.thread
    assert bare.submission is not None
    assert bare.submission.parent is None


def test_an_edit_may_bring_no_text() -> None:
    """It is an edit all the same; one of a voice message outside of any thread is none of ours."""
    edited = only(update("edited_message", text=None, voice={"duration": 3}, edit_date=1790936000))
    assert (edited.event, edited.text, [it.kind for it in edited.attachments]) == ("edited", "", ["voice"])
    assert skip(update("edited_message", text=None, reply_to_message=None, message_thread_id=None)) == "not a comment"


def test_content() -> None:
    """Captions and polls are words; a hidden link is an attachment with its address, and nothing is told twice."""
    shown = only(
        update(
            text=None,
            caption="Смотрите",
            caption_entities=[{"type": "text_link", "url": "https://example.org/"}, {"type": "bold"}],
            animation={"file_id": "x"},
            document={"file_id": "x"},
        )
    )
    assert shown.text == "Смотрите"
    assert [(it.kind, it.url) for it in shown.attachments] == [("video", None), ("link", "https://example.org/")]
    asked = only(update(text=None, poll={"question": "Будет?", "options": [{"text": "да"}, {"text": "нет"}]}))
    assert asked.text == "Будет?\nда\nнет"
    blocks = [{"type": "paragraph", "text": ["Раз ", {"type": "bold", "text": "два"}]}, {"type": "x", "text": "три"}]
    assert only(update(text=None, rich_message={"blocks": blocks})).text == "Раз два\nтри"
    assert skip(update(text=" ")) == "message without content"


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (update(reply_to_message=None, message_thread_id=None), "not a comment"),
        (update(is_topic_message=True, reply_to_message=None), "not a comment"),
        (update(reply_to_message={"message_id": 10, "date": 5, "from": {"id": 7}}), "not a comment"),
        (update(chat={"id": 5, "type": "private"}), "message in a private chat"),
        (update(chat={"id": CHANNEL, "type": "channel"}), "message in a channel"),
        (update(new_chat_members=[{"id": 1}]), "service message: new_chat_members"),
        (update(chat=None), "message without an address"),
        (b'{"update_id": 1, "my_chat_member": {}}', "my_chat_member"),
        (b'{"update_id": 1, "channel_post": {}}', "channel_post"),
        (b'{"update_id": 1, "something": {}}', "unknown update"),
        (b'{"update_id": 1, "message": 5}', "unreadable message"),
        (b'{"ok": true, "result": []}', "nothing new"),
        (b'{"ok": false, "error_code": 400, "description": "x"}', "error answer"),
    ],
)
def test_what_is_no_comment_has_a_name(payload: bytes, reason: str) -> None:
    """One of few."""
    assert skip(payload) == reason


def test_a_group_that_moved() -> None:
    """Both messages of it say the same."""
    to = update(text=None, chat={"id": -55, "type": "group"}, migrate_to_chat_id=GROUP)
    assert decode(to)[0].moved == ("-55", str(GROUP))
    assert decode(update(text=None, migrate_from_chat_id=-55))[0].moved == ("-55", str(GROUP))


def test_the_hook_wants_the_secret() -> None:
    """A wrong one, none, and a source without one are all forged; the answer is empty."""
    connector = Telegram(None)  # type: ignore[arg-type]  # nothing is called
    call = connector.hook(SOURCE, HEADERS, update())
    assert (call.answer.status, call.answer.body) == (200, b"")
    assert [event.key for event in call.events] == [None, "700:41"]
    for headers in ({}, {"x-telegram-bot-api-secret-token": ""}, {"x-telegram-bot-api-secret-token": "hook-secreт"}):
        with pytest.raises(Forged):
            connector.hook(SOURCE, headers, update())
    bare = source_of("telegram", PAGE, secrets=Secrets(bot_token="700:x"))  # no secret
    with pytest.raises(Forged):
        connector.hook(bare, {"x-telegram-bot-api-secret-token": ""}, update())
    with pytest.raises(NotThisPlatform):
        connector.hook(SOURCE, HEADERS, b"[")


def test_only_the_sources_own_group_speaks_for_it() -> None:
    """Anybody can take a bot into a group of theirs; what names its post has proved its channel."""
    connector = Telegram(None)  # type: ignore[arg-type]  # nothing is called

    def heard(body: bytes) -> list[str | None]:
        return [event.skipped for event in connector.hook(SOURCE, HEADERS, body).events]

    assert heard(update(chat={"id": -1009})) == [None, None]
    assert heard(update(chat={"id": -1009}, reply_to_message=None)) == ["another page"]
    foreign = ROOT | {"forward_origin": {"type": "channel", "chat": {"id": -1007}, "message_id": 3}}
    assert heard(update(reply_to_message=foreign)) == ["another page", "another page"]
    assert heard(update(chat={"id": -1009}, text=None, migrate_to_chat_id=-1008)) == ["another page"]


def test_a_channel_that_was_given_another_group_is_heard_there_at_once() -> None:
    """Its next post is copied there; what somebody forwards by hand changes nothing."""
    connector = Telegram(None)  # type: ignore[arg-type]  # nothing is called

    def heard(copied: dict[str, Any]) -> list[tuple[bool, str | None]]:
        copied = copied | {"chat": {"id": -1009, "type": "supergroup"}, "date": 1790935700}
        below = COMMENT | {"chat": {"id": -1009, "type": "supergroup"}, "reply_to_message": None}
        updates = [{"update_id": number, "message": it} for number, it in enumerate((copied, below))]
        return [(event.linked, event.skipped) for event in connector.events(SOURCE, json.dumps(updates).encode())]

    assert heard(ROOT) == [(True, None), (False, None)]
    by_hand = ROOT | {"is_automatic_forward": None, "from": {"id": 5}}
    assert heard(by_hand)[-1] == (False, "another page")
    foreign = ROOT | {"forward_origin": {"type": "channel", "chat": {"id": -1007}, "message_id": 3}}
    assert heard(foreign) == [(False, "another page"), (False, "another page")]


def test_addresses() -> None:
    """Under the post where it is known, else in the group, else the channel."""
    connector = Telegram(None)  # type: ignore[arg-type]  # nothing is called
    assert connector.link(PAGE, "3", f"telegram:{GROUP}:12") == "https://t.me/c/1000000001/3?comment=12"
    assert connector.link(PAGE, None, f"telegram:{GROUP}:12") == "https://t.me/c/1000000002/12"
    assert connector.link(PAGE, None, "telegram:x") == "https://t.me/c/1000000001/1"
    assert connector.link("telegram:x", None, "x") == "https://t.me/"


REFUSALS: list[tuple[int, dict[str, Any], type[PlatformError]]] = [
    (401, {"description": "Unauthorized"}, BadCredential),
    (404, {"description": "Not Found"}, BadCredential),
    (400, {"description": "Bad Request: message to be replied not found"}, Gone),
    (400, {"description": "Bad Request: message to delete not found"}, Gone),
    (400, {"description": "Bad Request: chat not found"}, NotAllowed),
    (400, {"description": "Bad Request: PEER_ID_INVALID"}, NotAllowed),
    (400, {"description": "Bad Request: not enough rights to send text messages to the chat"}, NotAllowed),
    (400, {"description": "Bad Request: message can't be deleted"}, NotAllowed),
    (400, {"description": "Bad Request: message is too long"}, Refused),
    (403, {"description": "Forbidden: bot was kicked from the supergroup chat"}, NotAllowed),
    (409, {"description": "Conflict: terminated by other getUpdates request"}, NotSent),
    (409, {"description": "Conflict: can't use getUpdates method while webhook is active"}, NotAllowed),
    (500, {"description": "Internal Server Error"}, Unclear),
    (502, {}, Unclear),
]


@pytest.mark.parametrize(("status", "told", "error"), REFUSALS)
async def test_what_a_refusal_means(status: int, told: dict[str, Any], error: type[PlatformError]) -> None:
    """By number, then by words; the same from a method that only reads, where repeating is safe."""
    answer = {"ok": False, "error_code": status} | told

    async with caller_of(lambda _: httpx.Response(status, json=answer)) as caller:
        connector = Telegram(caller)
        with pytest.raises(error) as raised:
            await connector.act(SOURCE, action_of(SOURCE, "reply", f"telegram:{GROUP}:12", "Да"), "k")
        assert "Да" not in raised.value.detail
        assert "700" not in raised.value.detail
        with pytest.raises(NotSent if error is Unclear else error):
            await connector.poll(SOURCE, None)


async def test_a_rate_limit_holds_the_group_and_nothing_else() -> None:
    """For as long as Telegram asks; another group's messages go on."""
    waits = Waits()
    answers = iter([429, 200, 200])

    def answer(_: httpx.Request) -> httpx.Response:
        if next(answers) == 429:
            told = {
                "ok": False,
                "error_code": 429,
                "description": "Too Many Requests",
                "parameters": {"retry_after": 17},
            }
            return httpx.Response(429, json=told)
        return httpx.Response(200, json={"ok": True, "result": {"message_id": 13}})

    async with caller_of(answer, waits) as caller:
        connector = Telegram(caller)
        with pytest.raises(NotSent) as raised:
            await connector.act(SOURCE, action_of(SOURCE, "reply", f"telegram:{GROUP}:12", "Да"), "k")
        assert raised.value.retry_after == 17
        other = source_of("telegram", PAGE, group="-1007")
        await connector.act(other, action_of(other, "reply", "telegram:-1007:12", "Да"), "k")
        assert waits.now < 1
        await connector.act(SOURCE, action_of(SOURCE, "reply", f"telegram:{GROUP}:12", "Да"), "k")
        assert waits.now == pytest.approx(17)


async def test_messages_to_a_group_are_three_seconds_apart() -> None:
    """Twenty a minute."""
    waits = Waits()
    done = httpx.Response(200, json={"ok": True, "result": {"message_id": 13}})
    async with caller_of(lambda _: done, waits) as caller:
        for _ in range(3):
            action = action_of(SOURCE, "reply", f"telegram:{GROUP}:12", "Да")
            await Telegram(caller).act(SOURCE, action, "k")
    assert waits.now == pytest.approx(6)


async def test_a_group_that_moved_is_told_and_never_written_to_by_an_old_number() -> None:
    """A message has another number in the new group."""
    told = {"ok": False, "error_code": 400, "description": "x", "parameters": {"migrate_to_chat_id": GROUP}}
    async with caller_of(lambda _: httpx.Response(400, json=told)) as caller:
        old = source_of("telegram", PAGE, group="-55")
        with pytest.raises(PageMoved) as raised:
            await Telegram(caller).act(old, action_of(old, "reply", "telegram:-55:12", "Да"), "k")
        assert raised.value.group == str(GROUP)
        with pytest.raises(NotAllowed):
            await Telegram(caller).act(SOURCE, action_of(old, "reply", "telegram:-55:12", "Да"), "k")


async def test_what_is_not_asked_at_all() -> None:
    """A token that is none, a text too long, a ban: nothing leaves."""

    def never(_: httpx.Request) -> httpx.Response:
        raise AssertionError("it was sent")

    async with caller_of(never) as caller:
        connector = Telegram(caller)
        assert connector.acts(SOURCE) == ("reply", "delete")
        comment = f"telegram:{GROUP}:12"
        with pytest.raises(NotAllowed):
            await connector.act(SOURCE, action_of(SOURCE, "ban", comment), "k")
        with pytest.raises(Refused):
            await connector.act(SOURCE, action_of(SOURCE, "reply", comment, "😀" * (MAX_REPLY // 2 + 1)), "k")
        with pytest.raises(Refused):
            await connector.act(SOURCE, action_of(SOURCE, "reply", "telegram:x", "Да"), "k")
        with pytest.raises(Unclear):
            await connector.look(SOURCE, action_of(SOURCE, "reply", comment, "Да"), "k")
        for token in (None, "", "x", "700:\n", "700:ё", "../700:x"):
            broken = source_of("telegram", PAGE, secrets=Secrets(bot_token=token))
            with pytest.raises(BadCredential):
                await connector.poll(broken, None)
        assert connector.acts(source_of("telegram", PAGE, secrets=Secrets())) == ()
        assert await connector.backfill(SOURCE, None) is None


async def test_an_answer_that_says_nothing_is_unclear() -> None:
    """Something was sent, and nobody knows what became of it."""
    for body in (b"", b"<html>", b'{"ok": true}', b'{"ok": true, "result": []}', b'{"ok": true, "result": {}}'):
        async with caller_of(lambda _, body=body: httpx.Response(200, content=body)) as caller:  # type: ignore[misc]
            for kind in ("reply", "delete"):
                with pytest.raises(Unclear):
                    action = action_of(SOURCE, kind, f"telegram:{GROUP}:12", "Да")
                    await Telegram(caller).act(SOURCE, action, "k")


async def test_a_bot_is_not_asked_by_the_numbers_of_the_one_before_it() -> None:
    """They would tell Telegram to forget what nobody has read."""
    asked: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(msgspec.json.decode(request.content))
        return httpx.Response(200, json={"ok": True, "result": [{"update_id": 900}]})

    secrets = msgspec.structs.replace(SOURCE.secrets, bot_token="999:" + "b" * 35)
    async with caller_of(answer) as caller:
        connector = Telegram(caller)
        first = await connector.poll(SOURCE, None)
        await connector.poll(msgspec.structs.replace(SOURCE, secrets=secrets), first.cursor)
        await connector.poll(SOURCE, first.cursor)
    assert [it.get("offset") for it in asked] == [None, None, 901]


async def test_the_offset_is_sent_only_to_confirm() -> None:
    """After an empty answer, and after a week, a poll goes without: new numbers may be lower."""
    asked: list[dict[str, Any]] = []
    updates: list[list[dict[str, Any]]] = [[{"update_id": 900}, {"update_id": 901}], [], [{"update_id": 5}], []]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(msgspec.json.decode(request.content))
        return httpx.Response(200, json={"ok": True, "result": updates[len(asked) - 1]})

    now = 1_000_000.0
    async with caller_of(answer) as caller:
        connector = Telegram(caller, now=lambda: now)
        first = await connector.poll(SOURCE, None)
        empty = await connector.poll(SOURCE, first.cursor)
        low = await connector.poll(SOURCE, empty.cursor)
        now += FRESH_SECONDS
        await connector.poll(SOURCE, low.cursor)
    assert [it.get("offset") for it in asked] == [None, 902, None, None]
    assert (empty.cursor, empty.events) == (b"", ())
    assert asked[0]["allowed_updates"] == ["message", "edited_message"]


async def test_updates_that_nothing_can_confirm_are_not_asked_for_without_end() -> None:
    """They would all come again at once."""
    told = {"ok": True, "result": [{"message": {"message_id": 1}}, {"update_id": "x"}, 7]}
    async with caller_of(lambda _: httpx.Response(200, json=told)) as caller:
        polled = await Telegram(caller).poll(SOURCE, None)
    assert (polled.cursor, polled.wait) == (b"", STUCK_SECONDS)
    assert len(polled.events) == 3
