"""MAX's connector without a server: comments, pages of them, and what each answer means."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import httpx
import msgspec
import pytest

from services.ingest.connectors.connector import Forged, Polled
from services.ingest.connectors.failure import (
    BadCredential,
    Gone,
    NotAllowed,
    NotSent,
    PlatformError,
    Refused,
    Unclear,
)
from services.ingest.connectors.max import Max, decode
from services.ingest.connectors.max.connector import MAX_REPLY
from services.ingest.connectors.max.history import COMMENTS, MAX_TRIES, POSTS, Place, next_before
from services.ingest.connectors.max.mid import address, moment_of, sequence_of
from services.ingest.connectors.received import NotThisPlatform
from services.ingest.sources.source import Secrets
from services.ingest.submission import Submission
from tests.fixtures.connecting import Waits, action_of, caller_of, source_of

CHAT = -70000000000001
PAGE = f"max:{CHAT}"
SOURCE = source_of("max", PAGE)
HEADERS = {"x-max-bot-api-secret": "hook-secret"}
AT = 1789225012032
POST = "mid.ffffb9a7843177f901a095b6ca9f7bfa"
MID = "mid.ffffb9a7843177f901a0961f0b404461"


def message(**changes: Any) -> dict[str, Any]:
    """A comment as MAX sends it, with `changes`."""
    told = {
        "recipient": {"chat_type": "channel", "chat_id": CHAT, "post_id": POST},
        "timestamp": AT,
        "body": {"mid": MID, "seq": 117258650388546657, "text": "Когда?"},
    }
    return told | changes


def update(kind: str = "comment_created", **changes: Any) -> bytes:
    """An update with that comment."""
    return json.dumps({"update_type": kind, "timestamp": AT, "message": message(**changes)}).encode()


REMOVED = json.dumps(
    {"update_type": "comment_removed", "timestamp": AT, "message_id": MID, "chat_id": CHAT, "post_id": POST}
).encode()


def only(payload: bytes) -> Submission:
    """The one comment in it."""
    (event,) = decode(payload)
    assert event.submission is not None
    return event.submission


def test_created_edited_removed() -> None:
    """Each knows its post; a removal knows nothing but ids, and takes its time from the comment's own."""
    for kind, event in (("comment_created", "created"), ("comment_edited", "edited")):
        comment = only(update(kind))
        assert (comment.event, comment.page, comment.post, comment.id) == (event, PAGE, POST, MID)
        assert (comment.text, comment.author, comment.author_kind) == ("Когда?", None, "person")
        assert comment.posted_at == datetime.fromtimestamp(AT / 1000, UTC)
    gone = only(REMOVED)
    assert (gone.event, gone.page, gone.post, gone.id, gone.text) == ("deleted", PAGE, POST, MID, None)
    assert gone.posted_at == comment.posted_at
    assert decode(REMOVED)[0].key == f"comment_removed:{MID}:{AT}"


def test_who_wrote_to_whom() -> None:
    """MAX names no living person; a bot is there because the channel's administrators brought it."""
    bot = only(update(sender={"user_id": 9, "is_bot": True}, link={"type": "reply", "message": {"mid": "mid.b"}}))
    assert (bot.author, bot.author_kind, bot.parent) == ("9", "page", "mid.b")
    person = only(update(sender={"user_id": 8}, link={"type": "forward", "message": {"mid": "mid.b"}}))
    assert (person.author, person.author_kind, person.parent) == ("8", "person", None)
    to_post = only(update(link={"type": "reply", "message": {"mid": POST}}))
    assert to_post.parent is None


def test_attachments() -> None:
    """The documentation knows none of comments; they would not be lost."""
    attachments = [
        {"type": "image", "payload": {"url": "https://example.org/x.jpg"}},
        {"type": "inline_keyboard"},
        {"type": "hologram", "payload": {"url": "x" * 3_000}},
    ]
    found = only(update(body={"mid": MID, "text": None, "attachments": attachments})).attachments
    assert [(it.kind, it.url) for it in found] == [("photo", "https://example.org/x.jpg"), ("other", None)]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b'{"update_type": "message_created"}', "message_created"),
        (b'{"update_type": "unheard_of"}', "unknown update"),
        (b'{"update_type": "comment_created"}', "comment_created without message"),
        (update(body=None), "comment without an id"),
        (update(body={"mid": "mid ", "text": "x"}), "comment without an id"),
        (update(body={"mid": MID, "text": " "}), "comment without content"),
        (b'{"update_type": "comment_removed", "chat_id": 1}', "comment_removed without an id"),
        (b'{"updates": [], "marker": 5}', "nothing new"),
        (b'{"success": false, "code": "comments.disabled", "message": "x"}', "error answer"),
        (b'{"success": true}', "answer: done"),
    ],
)
def test_what_is_no_comment_has_a_name(payload: bytes, reason: str) -> None:
    """One of few."""
    (event,) = decode(payload)
    assert event.skipped == reason


def test_ids_and_addresses() -> None:
    """A sequence is exact beyond 2**53; addresses are made of it as MAX makes them."""
    assert sequence_of(MID) == 117258650388546657
    assert moment_of(None, MID) == datetime.fromtimestamp(AT / 1000, UTC)
    assert moment_of(2**62) is None
    assert sequence_of("mid.REDACTED") is None
    assert address(PAGE, f"mid.{'0' * 16}{116341337478799028:016x}") == f"https://max.ru/c/{CHAT}/AZ1T1H0eHrQ"
    assert address(PAGE, None) == f"https://web.max.ru/{CHAT}"


def test_the_hook_wants_the_secret() -> None:
    """And skips what the bot hears of other channels: an error would make MAX unsubscribe it."""
    connector = Max(None)  # type: ignore[arg-type]  # nothing is called
    call = connector.hook(SOURCE, HEADERS, update())
    assert (call.answer.status, call.answer.body) == (200, b"")
    assert call.events[0].key == f"comment_created:{MID}:{AT}"
    other = update(recipient={"chat_id": -8, "post_id": POST})
    assert [event.skipped for event in connector.hook(SOURCE, HEADERS, other).events] == ["another page"]
    for headers in ({}, {"x-max-bot-api-secret": "x"}):
        with pytest.raises(Forged):
            connector.hook(SOURCE, headers, update())
    with pytest.raises(NotThisPlatform):
        connector.hook(SOURCE, HEADERS, b"<")


REFUSALS: list[tuple[int, Any, type[PlatformError]]] = [
    (401, {"code": "verify.token", "message": "Invalid access_token"}, BadCredential),
    (200, {"code": "verify.token", "message": "Invalid access_token"}, BadCredential),
    (200, {"success": False, "code": "comments.disabled", "message": "x"}, Refused),
    (200, {"success": False, "message": "x"}, Refused),
    (422, {"code": "comments.timeout_exceeded", "message": "x"}, Refused),
    (403, {"code": "chat.denied", "message": "x"}, NotAllowed),
    (400, {"code": "proto.payload", "message": "x"}, Gone),
    (404, {"code": "not.found", "message": "x"}, Gone),
    (500, {"code": "internal.error", "message": "x"}, Unclear),
    (503, None, Unclear),
    (302, None, Unclear),
    (200, [], Unclear),
]


@pytest.mark.parametrize(("status", "told", "error"), REFUSALS)
async def test_what_a_refusal_means(status: int, told: Any, error: type[PlatformError]) -> None:
    """By its code, then by its number; of what only reads, everything unclear may be asked again."""
    async with caller_of(lambda _: httpx.Response(status, json=told)) as caller:
        connector = Max(caller)
        with pytest.raises(error) as raised:
            await connector.act(SOURCE, action_of(SOURCE, "reply", f"max:{MID}", "Да", post=POST), "k")
        assert "Да" not in raised.value.detail
        assert "700" not in raised.value.detail
        with pytest.raises(NotSent if error is Unclear else error):
            await connector.poll(SOURCE, None)


async def test_a_rate_limit_holds_the_bot() -> None:
    """For as long as MAX asks."""
    waits = Waits()
    answers = iter([httpx.Response(429, headers={"Retry-After": "9"}), httpx.Response(200, json={"success": True})])
    async with caller_of(lambda _: next(answers), waits) as caller:
        action = action_of(SOURCE, "delete", f"max:{MID}", post=POST)
        with pytest.raises(NotSent) as raised:
            await Max(caller).act(SOURCE, action, "k")
        assert raised.value.retry_after == 9
        await Max(caller).act(SOURCE, action, "k")
    assert waits.now == pytest.approx(9)


async def test_what_is_not_asked_at_all() -> None:
    """Without its post a comment is not to be found; a text too long is not sent in parts."""

    def never(_: httpx.Request) -> httpx.Response:
        raise AssertionError("it was sent")

    async with caller_of(never) as caller:
        connector = Max(caller)
        assert connector.acts(SOURCE) == ("reply", "delete")
        comment = f"max:{MID}"
        for kind, post in (("ban", POST), ("close_comments", POST), ("reply", None), ("delete", None)):
            with pytest.raises(NotAllowed):
                await connector.act(SOURCE, action_of(SOURCE, kind, comment, "Да", post=post), "k")  # type: ignore[arg-type]
        for text in ("", " ", "ё" * (MAX_REPLY + 1)):
            with pytest.raises(Refused):
                await connector.act(SOURCE, action_of(SOURCE, "reply", comment, text, post=POST), "k")
        for token in (None, "", "a b", "ё", "a\r\nX: y"):
            broken = source_of("max", PAGE, secrets=Secrets(bot_token=token))
            with pytest.raises(BadCredential):
                await connector.poll(broken, None)
        assert connector.acts(source_of("max", PAGE, secrets=Secrets())) == ()


async def test_the_token_is_a_header_and_ids_are_quoted() -> None:
    """MAX takes it nowhere else."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, json={"success": True})

    async with caller_of(answer) as caller:
        await Max(caller).act(SOURCE, action_of(SOURCE, "delete", "max:mid./../x", post="mid./?y"), "k")
    (request,) = asked
    assert request.headers["authorization"] == "700:standin-token"
    assert request.url.raw_path == b"/messages/mid.%2F%3Fy/comments?comment_id=mid.%2F..%2Fx"


def listed(count: int, newest: int) -> dict[str, Any]:
    """As many comments, one a millisecond, the newest first."""
    return {
        "messages": [
            message(timestamp=newest - n, body={"mid": f"mid.{newest - n}", "text": "x"}) for n in range(count)
        ]
    }


async def stepped(connector: Max, cursor: bytes | None) -> Polled:
    """A step that is not the last."""
    polled = await connector.backfill(SOURCE, cursor)
    assert polled is not None
    assert len(polled.cursor) <= 4_096
    return polled


async def test_a_backfill_goes_through_posts_and_pages() -> None:
    """Every page of every recent post, and no older ones; a post that fails by itself is left after some tries."""
    posts = {"messages": [message(recipient={"chat_id": CHAT}, body={"mid": f"mid.p{n}"}) for n in range(3)]}
    old = message(recipient={"chat_id": CHAT}, body={"mid": "mid.old"}, timestamp=AT - 90 * 86_400_000)
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.url.path} {request.url.params.get('before', '-')}")
        if request.url.path == "/messages":
            return httpx.Response(200, json={"messages": [*posts["messages"], old]})
        if "mid.p1" in request.url.path:
            return httpx.Response(400, json={"code": "proto.payload", "message": "x"})
        if "mid.p2" in request.url.path:
            return httpx.Response(500, json={"code": "internal.error", "message": "x"})
        return httpx.Response(200, json=listed(7, AT) if "before" in request.url.params else listed(COMMENTS, AT))

    events: list[str] = []
    async with caller_of(answer) as caller:
        connector = Max(caller, now=lambda: AT / 1000)
        cursor = None
        while (polled := await connector.backfill(SOURCE, cursor)) is not None:
            cursor = polled.cursor
            events += [it.skipped or (it.submission.id if it.submission else "") for it in polled.events]
            assert len(cursor) <= 4_096
    assert asked[:4] == [
        "/messages -",
        "/messages/mid.p0/comments -",
        f"/messages/mid.p0/comments {AT - COMMENTS + 2}",
        "/messages/mid.p1/comments -",
    ]
    assert asked[4:] == ["/messages/mid.p2/comments -"] * MAX_TRIES
    assert len([it for it in events if it.startswith("mid.")]) == COMMENTS + 7
    assert events[COMMENTS + 7 :] == ["post without readable comments"] + ["post that cannot be read now"] * MAX_TRIES


async def test_a_page_with_something_unreadable_in_it_is_not_the_last() -> None:
    """Neither of posts nor of comments: what is older is read all the same."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(f"{request.url.path} {request.url.params.get('before', '-')}")
        count = POSTS if request.url.path == "/messages" else COMMENTS
        return httpx.Response(200, json={"messages": [*listed(count - 1, AT)["messages"], None]})

    async with caller_of(answer) as caller:
        connector = Max(caller, now=lambda: AT / 1000)
        posts = await stepped(connector, None)
        comments = await stepped(connector, posts.cursor)
    place = msgspec.json.decode(posts.cursor, type=Place)
    assert (place.posts_before, place.listed) == (AT - POSTS + 3, False)
    assert msgspec.json.decode(comments.cursor, type=Place).comments_before == AT - COMMENTS + 3
    assert [it.skipped for it in comments.events if it.fault] == ["unreadable message"]


async def test_a_cursor_that_cannot_be_read_begins_anew() -> None:
    """And one with the longest ids that are asked for fits."""
    longest = Place(posts=("mid." + "f" * 76,) * POSTS, comments_before=AT, posts_before=AT)
    assert len(msgspec.json.encode(longest)) <= 4_096
    async with caller_of(lambda _: httpx.Response(200, json={"messages": []})) as caller:
        polled = await stepped(Max(caller), b"\xff")
        assert await Max(caller).backfill(SOURCE, polled.cursor) is None


def test_the_next_page_overlaps_and_always_gets_on() -> None:
    """A full page of one millisecond is left behind; what is not full, or has no times, is the last."""

    def page(*times: int) -> Any:
        return [type("Message", (), {"timestamp": time})() for time in times]

    assert next_before(page(9, 8), 2, None) == 9
    assert next_before(page(8, 8), 2, 9) == 8
    assert next_before(page(8, 8), 2, 8) is None
    assert next_before(page(9), 2, None) is None
    assert next_before(page(0, 0), 2, None) is None
