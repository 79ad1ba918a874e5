"""Hooks of the real process over the real broker: who is refused, what is answered, and what an outage looks like."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.ingest.hooks import MAX_BODY
from shared.bus import Bus
from shared.events import CommentCreated, Event, decode
from tests.fixtures.frozen import freeze
from tests.fixtures.stack import Stack

PATIENCE = 4.0
"""Seconds that VK waits for an answer before it calls again."""


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    """Broker and ingest alone."""
    stack = Stack(tmp_path)
    try:
        for name in ("nats", "ingest"):
            stack.start(name)
        stack.wait_ready("ingest")
        stack.key = stack.run("shared.auth", "create", "--role", "admin", "--name", "test", "-q").strip()
        yield stack
        assert stack.terminate("ingest") == 0
    finally:
        stack.stop()


def added(client: httpx.Client, stack: Stack, **source: Any) -> str:
    """Adds a source; returns its hook's secret."""
    answer = client.post("/v1/sources", json=source | {"way": "hook"}, headers={"Authorization": f"Bearer {stack.key}"})
    assert answer.status_code == 201, answer.text
    secret = answer.json()["instructions"]["secret"]
    assert isinstance(secret, str)
    return secret


def told(secret: str, number: int) -> dict[str, Any]:
    """A comment as VK tells of it."""
    return {
        "type": "wall_reply_new", "group_id": 456, "event_id": f"e{number}", "v": "5.199", "secret": secret,
        "object": {"id": number, "from_id": 77, "date": 1785571200, "text": "Когда включат воду?", "post_id": 6,
                   "post_owner_id": -456, "owner_id": -456, "parents_stack": []},
    }  # fmt: skip


def timed(client: httpx.Client, payload: object, place: str = "/hooks/vk/town") -> tuple[httpx.Response, float]:
    """The answer, and the seconds that it took."""
    began = time.monotonic()
    return client.post(place, json=payload), time.monotonic() - began


async def stored(stack: Stack) -> list[Event]:
    async with await Bus.connect(stack.nats_url, name="test") as bus:
        last = (await bus.jetstream.stream_info("COMMENTS")).state.last_seq
        messages = [await bus.jetstream.get_msg("COMMENTS", seq=number) for number in range(1, last + 1)]
    return [decode(message.subject or "", message.data or b"") for message in messages]


async def test_who_calls_is_known_or_refused_and_nothing_genuine_is_lost(stack: Stack) -> None:
    with httpx.Client(base_url=stack.url("ingest"), timeout=30) as client:
        secret = added(client, stack, id="town", platform="vk", page="vk:-456", secrets={"confirmation": "c0de"})
        added(client, stack, id="square", platform="telegram", page="telegram:-1001", secrets={"bot_token": "7:a"})

        confirmed = client.post("/hooks/vk/town", json={"type": "confirmation", "group_id": 456})
        assert (confirmed.status_code, confirmed.text) == (200, "c0de")

        refusals = [
            client.post("/hooks/vk/town", json=told("wrong", 1)),
            client.post("/hooks/vk/town", json=told(secret, 1) | {"group_id": 457}),
            client.post("/hooks/vk/town", content=b"no JSON"),
            client.post("/hooks/vk/nobody", json=told(secret, 1)),
            client.post("/hooks/telegram/town", json=told(secret, 1)),
            client.post("/hooks/nothing/town", json=told(secret, 1)),
            client.post("/hooks/telegram/square", json={"update_id": 1}),
            client.post(
                "/hooks/telegram/square", json={"update_id": 1}, headers={"X-Telegram-Bot-Api-Secret-Token": secret}
            ),
        ]
        for refusal in refusals:
            assert refusal.status_code == 403
            assert refusal.json() | {"instance": ""} == refusals[0].json() | {"instance": ""}
            assert refusal.headers.keys() == refusals[0].headers.keys()

        large = told(secret, 1)
        large["object"]["text"] = "x" * MAX_BODY
        assert client.post("/hooks/vk/town", json=large).status_code == 413
        assert client.post("/hooks/vk/nobody", json=large).status_code == 413
        halves = (half for half in (b"{" + b" " * MAX_BODY, b"}"))
        assert client.post("/hooks/vk/town", content=halves).status_code == 413

        answer, seconds = timed(client, told(secret, 1))
        assert (answer.status_code, answer.content) == (200, b"ok")
        assert seconds < PATIENCE

        stack.kill("nats")
        for _ in range(3):
            answer, seconds = timed(client, told(secret, 2))
            assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (503, True)
            assert seconds < PATIENCE
        assert client.post("/hooks/vk/town", json=told("wrong", 2)).status_code == 403
        stack.start("nats")
        stack.wait_ready("ingest")
        for _ in range(2):
            assert timed(client, told(secret, 2))[0].content == b"ok"
    events = [event for event in await stored(stack) if isinstance(event, CommentCreated)]
    assert [event.id for event in events] == ["vk:wall:-456:6:1", "vk:wall:-456:6:2"]


async def test_a_broker_that_hangs_is_one_that_is_away(stack: Stack) -> None:
    """It holds the connection and answers nothing: VK must still hear of it in time."""
    with httpx.Client(base_url=stack.url("ingest"), timeout=30) as client:
        secret = added(client, stack, id="town", platform="vk", page="vk:-456", secrets={"confirmation": "c0de"})
        freeze(stack.processes["nats"])
        try:
            answer, seconds = timed(client, told(secret, 1))
        finally:
            stack.processes["nats"].send_signal(signal.SIGCONT)
        assert (answer.status_code, "Retry-After" in answer.headers) == (503, True)
        assert seconds < PATIENCE
        stack.wait_ready("ingest")
        assert timed(client, told(secret, 1))[0].content == b"ok"
    (event,) = await stored(stack)
    assert isinstance(event, CommentCreated)
    assert event.id == "vk:wall:-456:6:1"
