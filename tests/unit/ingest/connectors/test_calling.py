"""One client for all platforms: bounded in time and size, and without a memory of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from services.ingest.connectors import calling
from services.ingest.connectors.calling import MAX_ANSWER
from services.ingest.connectors.failure import NotSent, Unclear
from services.ingest.connectors.gate import MAX_HOLD, Rate
from tests.fixtures.connecting import Waits, caller_of

URL = "https://platform.example/method"


async def test_an_answer_that_trickles_in_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each piece in time, the whole never: the source would be silent for ever."""
    monkeypatch.setattr(calling, "BODY_SECONDS", 0.1)

    async def drops() -> AsyncIterator[bytes]:
        while True:
            yield b"."
            await asyncio.sleep(0.01)

    async with caller_of(lambda _: httpx.Response(200, content=drops())) as caller, asyncio.timeout(5):
        with pytest.raises(Unclear, match="in time"):
            await caller.call("GET", URL, token="t", seconds=0.1)


async def test_an_answer_over_the_limit_is_none() -> None:
    async with caller_of(lambda _: httpx.Response(200, content=b"x" * (MAX_ANSWER + 1))) as caller:
        with pytest.raises(Unclear, match="longer"):
            await caller.call("GET", URL, token="t")


async def test_no_cookie_goes_from_one_sources_call_into_anothers() -> None:
    sent: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers.get("cookie"))
        return httpx.Response(200, headers={"set-cookie": "session=of-one-source; Path=/"})

    async with caller_of(answer) as caller:
        for token in ("one", "other"):
            await caller.call("GET", URL, token=token)
    assert sent == [None, None]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("5", 5.0), ("-1", 0.0), ("1e12", MAX_HOLD), ("inf", MAX_HOLD), ("nan", 0.0), ("tomorrow", None)],
)
async def test_a_wait_asked_for_is_bounded(header: str, seconds: float | None) -> None:
    async with caller_of(lambda _: httpx.Response(429, headers={"retry-after": header})) as caller:
        assert (await caller.call("GET", URL, token="t")).retry_after == seconds


async def test_no_hold_is_for_ever() -> None:
    waits, rate = Waits(), Rate(name="r", calls=1, seconds=1.0)
    gate = waits.gate()
    gate.hold("t", rate, float("inf"))
    with pytest.raises(NotSent):
        await gate.enter("t", rate)
    waits.now += MAX_HOLD
    await gate.enter("t", rate)


async def test_what_cannot_be_reached_was_not_sent_and_what_was_cut_off_is_unclear() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise (httpx.ConnectError if request.url.path == "/no" else httpx.ReadError)("secret words")

    async with caller_of(refuse) as caller:
        with pytest.raises(NotSent, match=r"^not reached: ConnectError$"):
            await caller.call("GET", "https://platform.example/no", token="t")
        with pytest.raises(Unclear, match=r"^no answer: ReadError$"):
            await caller.call("GET", URL, token="t")
