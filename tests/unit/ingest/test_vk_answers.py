"""Whatever VK answers, asking it ends in what was asked for or in a PlatformError, within bounds."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import httpx
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.connectors.calling import Caller
from services.ingest.connectors.connector import Forged
from services.ingest.connectors.failure import PlatformError
from services.ingest.connectors.gate import Gate
from services.ingest.connectors.received import NotThisPlatform
from services.ingest.connectors.vk.looking import MAX_CALLS
from services.ingest.connectors.vk.vk import Vk
from services.ingest.sources.source import Secrets, Source
from shared.events import Action
from tests.fixtures.connecting import Waits, caller_of

SECRETS = Secrets(community_token="c", user_token="u", service_token="s", hook_secret="h", confirmation="k")
SOURCE = Source(id="town", platform="vk", page="vk:-456", way="poll", secrets=SECRETS)
NOW = datetime(2026, 1, 2, tzinfo=UTC)
COMMENT: dict[str, Any] = {"id": 3, "from_id": -456, "date": 1_767_312_000, "text": "Будет", "reply_to_comment": 3}
ANSWERS: list[Any] = [
    {"response": {"items": [COMMENT | {"thread": {"count": 40, "items": [COMMENT]}}], "current_level_count": 10**6}},
    {"response": {"items": [COMMENT] * 100, "count": 10**6}},
    {"response": {"server": "https://lp.example/x", "key": "k", "ts": "5"}},
    {"response": {"comment_id": 7, "parents_stack": [3]}},
    {"response": {"groups": [{"id": 456, "name": "x", "is_admin": 1, "admin_level": 3}]}},
    {
        "response": {
            "permissions": [{"name": "wall", "setting": 1}],
            "is_enabled": True,
            "events": {"wall_reply_new": 0},
        }
    },
    {"response": [False, False], "execute_errors": [{"error_code": 15}]},
    {"response": [{"items": [COMMENT]}] * 25},
    {"error": {"error_code": 6, "error_msg": "x"}},
    {"ts": "9", "updates": [{"type": "wall_reply_new", "object": COMMENT | {"post_id": 1}, "group_id": 456}]},
    {"failed": 1, "ts": 10},
    {"failed": 2},
]


def action(kind: Any, place: str) -> Action:
    return Action(
        id="01a214c7-7cad-77d8-8237-946af0721d3b",
        kind=kind,
        platform="vk",
        page="vk:-456",
        comment=f"vk:{place}:-456:7:3",
        text="Будет",
        ordered_by="test",
        ordered_at=NOW,
        not_after=NOW + timedelta(hours=1),
    )


async def at_once(seconds: float) -> None:
    """A turn that has come already."""


def refusing(request: httpx.Request) -> httpx.Response:
    return httpx.Response(500)


# A minute passes between any two looks at the clock, so that nobody ever waits for his turn. Made once: each client
# reads all the system's certificates.
GATE = Gate(sleep=at_once, monotonic=itertools.count(step=60).__next__)
TRANSPORT = httpx.MockTransport(refusing)
CALLER = Caller(GATE, transport=TRANSPORT)


async def ask_everything(answer: Callable[[], bytes], chance: random.Random) -> int:
    """The number of requests; `answer` makes an answer for each."""
    asked = 0

    def handle(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(chance.choice([200, 200, 200, 200, 500, 302]), content=answer())

    TRANSPORT.handler = handle
    vk = Vk(CALLER, clock=lambda: NOW)
    place = chance.choice(["wall", "photo", "video", "market", "board"])
    cursor = None
    for each in range(3):
        for attempt in (
            lambda: vk.poll(SOURCE, None),
            lambda: vk.poll(SOURCE, b'{"ts":"4"}'),
            lambda: vk.test(SOURCE),
            lambda: vk.act(SOURCE, action(chance.choice(["reply", "delete", "ban", "close_comments"]), place), "k"),
            lambda: vk.look(SOURCE, action(chance.choice(["reply", "delete", "ban", "close_comments"]), place), "k"),
        ):
            try:
                await attempt()
            except PlatformError as error:
                assert "Будет" not in error.detail
        try:
            step = await vk.backfill(SOURCE, cursor)
            cursor = None if step is None else step.cursor
            assert cursor is None or len(cursor) <= 4_096
        except PlatformError:
            cursor = [None, b"x", b"[1,0,null,[[1,0,0],[2,3,4]]]"][each]
    return asked


@settings(max_examples=500, deadline=None)
@given(seed=st.integers(0, 10**9))
async def test_no_answer_makes_anything_but_a_platform_error(seed: int) -> None:
    chance = random.Random(seed)

    def answer() -> bytes:
        tree = json.loads(json.dumps(chance.choice(ANSWERS)))
        holders, waiting = [], [tree]
        while waiting:
            each = waiting.pop()
            if isinstance(each, dict | list) and each:
                holders.append(each)
                waiting += each.values() if isinstance(each, dict) else each
        for _ in range(chance.randint(0, 2)):
            holder = chance.choice(holders)
            key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
            holder[key] = chance.choice([None, -1, 0, 10**30, "x", "https://[", [], {}, [[]], True, 2.5, "1" * 300])
        written = bytearray(json.dumps(tree).encode())
        if chance.random() < 0.2:
            written[chance.randrange(len(written)) :] = chance.randbytes(3)
        return bytes(written)

    await ask_everything(answer, chance)


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
async def test_the_same_answer_for_ever_is_not_asked_for_for_ever(answer: Any) -> None:
    asked = await ask_everything(lambda: json.dumps(answer).encode(), random.Random(1))
    assert 15 < asked < 3 * (MAX_CALLS + 60)


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_genuine_call_with_any_content_is_taken_or_kept(data: st.DataObject) -> None:
    leaf = (
        st.none() | st.booleans() | st.integers() | st.text(max_size=10) | st.sampled_from(["confirmation", "remove"])
    )
    content = st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner)
    )
    names = st.sampled_from(["type", "object", "event_id", "v", "x"])
    call = data.draw(st.dictionaries(names, content)) | {"secret": "h", "group_id": 456}
    try:
        taken = Vk(CALLER).hook(SOURCE, {}, json.dumps(call).encode())
    except NotThisPlatform:
        return
    assert taken.answer.body in (b"ok", b"k")


@given(body=st.binary(max_size=100))
def test_a_call_of_any_bytes_is_forged(body: bytes) -> None:
    with pytest.raises(Forged):
        Vk(CALLER).hook(SOURCE, {}, body)


async def test_no_token_is_in_an_address_or_in_words(caplog: pytest.LogCaptureFixture) -> None:
    secrets = Secrets(community_token="community-s3cret", user_token="user-s3cret", hook_secret="hook-s3cret")
    source = Source(id="town", platform="vk", page="vk:-456", way="poll", secrets=secrets)
    asked: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        said = {"error_code": 5, "error_msg": f"invalid access_token {request.content.decode()}"}
        return httpx.Response(200, json={"error": said})

    TRANSPORT.handler = handle
    vk = Vk(CALLER)
    with caplog.at_level(0):
        for attempt in (
            lambda: vk.poll(source, None),
            lambda: vk.backfill(source, None),
            lambda: vk.act(source, action("reply", "wall"), "k"),
            lambda: vk.look(source, action("reply", "wall"), "k"),
        ):
            with pytest.raises(PlatformError) as caught:
                await attempt()
            assert "s3cret" not in repr(caught.value)
        rights = await vk.test(source)
    assert rights.acts == ()
    assert len(asked) > 4
    assert all(b"s3cret" in request.content for request in asked)
    assert not any("s3cret" in str(request.url) for request in asked)
    assert "s3cret" not in repr((source, rights)) + caplog.text


async def test_a_server_of_events_that_does_not_wait_is_not_asked_without_end() -> None:
    """VK holds a poll back; whatever answers at once with nothing sets no pace of its own."""
    answers = {
        "/method/groups.getLongPollServer": {"response": {"server": "https://lp.example/x", "key": "k", "ts": "5"}}
    }
    waits = Waits()

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answers.get(request.url.path, {"ts": "5", "updates": []}))

    async with caller_of(answer, waits) as caller:
        vk, cursor = Vk(caller), None
        for _ in range(12):
            cursor = (await vk.poll(SOURCE, cursor)).cursor
    assert waits.now == pytest.approx(2.0)


def pages_of(*pages: list[dict[str, Any]], count: int, of: int) -> Callable[[int], dict[str, Any]]:
    """A list by offset, `of` at a time by VK's own count; what may not be seen is missing from its page."""
    return lambda offset: {"count": count, "items": pages[offset // of] if offset // of < len(pages) else []}


async def test_an_answer_that_is_short_is_not_the_last_while_vk_counts_more() -> None:
    """Of the list of topics as of a topic's comments: what VK leaves out stands in no answer, and is counted."""
    now = int(NOW.timestamp())
    topics = [{"id": number, "updated": now - number} for number in range(1, 61)]
    comments = [
        {"id": number, "from_id": -456, "date": now, "text": "Будет" if number == 1 else f"ещё {number}"}
        for number in range(150, 0, -1)
    ]
    listed = pages_of(topics[1:40], topics[40:], count=60, of=40)
    told = pages_of(comments[1:100], comments[100:], count=150, of=100)

    def handle(request: httpx.Request) -> httpx.Response:
        given = dict(parse_qsl(request.content.decode()))
        offset = int(given.get("offset", 0))
        method = request.url.path.rpartition("/")[2]
        if method == "board.getTopics":
            return httpx.Response(200, json={"response": listed(offset)})
        if method == "board.getComments" and given["topic_id"] in ("3", "60"):
            return httpx.Response(200, json={"response": told(offset)})
        return httpx.Response(200, json={"response": {"count": 0, "items": []}})

    TRANSPORT.handler = handle
    vk = Vk(CALLER, clock=lambda: NOW)
    source = msgspec.structs.replace(SOURCE, secrets=Secrets(service_token="s"))
    found: list[str] = []
    cursor = None
    while (step := await vk.backfill(source, cursor)) is not None:
        cursor = step.cursor
        found += [it.submission.id for it in step.events if it.submission is not None]
    for topic in (3, 60):
        assert len([it for it in found if it.startswith(f"board:-456:{topic}:")]) == 149
    done = await vk.look(source, action("reply", "board"), "k")
    assert done is None
    done = await vk.look(source, msgspec.structs.replace(action("reply", "board"), comment="vk:board:-456:3:2"), "k")
    assert done is not None
    assert done.comment == "vk:board:-456:3:1"
