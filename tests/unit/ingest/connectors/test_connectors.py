"""What every connector promises, whatever the platform answers: results, errors of `failure`, and no secret in words.

A connector that comes adds a line to MAKERS and to SOURCES.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import cache
from random import Random
from typing import get_args

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.ingest.connectors.calling import Caller
from services.ingest.connectors.connector import Call, Connector, Done, Forged, Polled, Rights
from services.ingest.connectors.failure import BadCredential, NotAllowed, NotSent, PlatformError
from services.ingest.connectors.gate import Gate
from services.ingest.connectors.max.connector import Max
from services.ingest.connectors.ok.connector import Ok
from services.ingest.connectors.platforms import DECODERS
from services.ingest.connectors.received import NotThisPlatform
from services.ingest.connectors.telegram.connector import Telegram
from services.ingest.connectors.vk.vk import Vk
from services.ingest.sources.source import Secrets, Source
from shared.events import Action, ActionKind
from tests.bench.fuzz_payloads import check
from tests.fixtures.recordings import MADE, mutated
from tests.unit.ingest.connectors.ok_rig import MemoryKnown

MAKERS: dict[str, Callable[[Caller], Connector]] = {
    "max": Max,
    "ok": lambda caller: Ok(caller, MemoryKnown()),
    "telegram": Telegram,
    "vk": Vk,
}

TOKEN = "700500:tiefes-geheimnis"  # of this test alone
SECRETS = Secrets(
    community_token=TOKEN,
    user_token=TOKEN,
    service_token=TOKEN,
    bot_token=TOKEN,
    application_key=TOKEN,
    application_secret=TOKEN,
    access_token=TOKEN,
    hook_secret=TOKEN,
    confirmation="c0de",
)
PLACES = {
    "vk": ("vk:-1234", "vk:wall:-1234:6:9", "wall-1234_6"),
    "telegram": ("telegram:-100111", "telegram:-100222:12", "3"),
    "max": ("max:-70000000000001", "max:mid.c", "mid.a"),
    "ok": ("ok:47241470410797", "ok:62503929662320:MTo=", "62503929662320"),
}
"""Of each platform a page, a comment and its post."""
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
BODIES = (
    b"", b"{}", b"[]", b"null", b"5", b'"x"', b"<html>", b"\xff", b"{", b'{"response":null}', b'{"ok":true}',
    b'{"ok":true,"result":[{}]}', b'{"response":{"items":[{}]}}', b'{"messages":[{}]}', b'{"topics":[{"id":"1"}]}',
    b'{"comments":[{"id":"MTo="}]}', b'{"error":{"error_code":"x"}}', b'{"error_code":{}}', b'{"ok":false}',
)  # fmt: skip

connectors = pytest.mark.parametrize("platform", sorted(MAKERS))
Answerer = Callable[[httpx.Request], httpx.Response]


def source_of(platform: str) -> Source:
    page = PLACES[platform][0]
    return Source(id="town", platform=platform, page=page, group="-100222", way="poll", secrets=SECRETS)  # type: ignore[arg-type]  # a plain word serves


def action_of(platform: str, kind: ActionKind) -> Action:
    page, comment, post = PLACES[platform]
    return Action(
        id="01890a5d-ac96-774b-bcce-b302099a8057",
        kind=kind,
        platform=platform,  # type: ignore[arg-type]  # as above
        page=page,
        post=post,
        comment=comment,
        text="Ответ" if kind == "reply" else None,
        ordered_by="test",
        ordered_at=NOW,
        not_after=NOW,
    )


class Time:
    """Passes only by waiting for a turn."""

    def __init__(self) -> None:
        self.now = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def connector_of(platform: str, answer: Answerer) -> tuple[Connector, Caller]:
    time = Time()
    gate = Gate(sleep=time.sleep, monotonic=lambda: time.now)
    caller = Caller(gate, transport=httpx.MockTransport(answer))
    return MAKERS[platform](caller), caller


@cache
def silent(platform: str) -> Connector:
    """One for everything that asks nobody: making its client reads all certificates."""
    return connector_of(platform, lambda _: httpx.Response(500))[0]


def requests_of(connector: Connector, platform: str, cursor: bytes | None) -> list[Callable[[], Awaitable[object]]]:
    """Everything that asks the platform."""
    source = source_of(platform)
    asked: list[Callable[[], Awaitable[object]]] = [
        lambda: connector.poll(source, cursor),
        lambda: connector.backfill(source, cursor),
        lambda: connector.test(source),
    ]
    for kind in get_args(ActionKind):
        action = action_of(platform, kind)
        asked.append(lambda action=action: connector.act(source, action, "key"))  # type: ignore[misc]  # bound now
        asked.append(lambda action=action: connector.look(source, action, "key"))  # type: ignore[misc]  # as above
    return asked


async def ask_all(platform: str, answer: Answerer, cursor: bytes | None = None) -> list[object]:
    """Results and errors of everything that asks; raises where one breaks a promise."""
    connector, caller = connector_of(platform, answer)
    results = await ask_each(platform, connector, cursor)
    await caller.close()
    return results


async def ask_each(platform: str, connector: Connector, cursor: bytes | None = None) -> list[object]:
    """As `ask_all`."""
    results: list[object] = []
    for ask in requests_of(connector, platform, cursor):
        try:
            async with asyncio.timeout(10):
                result = await ask()
        except PlatformError as error:
            assert TOKEN not in error.detail
            assert "\n" not in error.detail
            results.append(error)
            continue
        assert result is None or isinstance(result, Polled | Rights | Done)
        if isinstance(result, Polled):
            assert len(result.cursor) <= 4_096
            assert 0 <= result.wait < 86_400
            if result.events:
                check(result.events)
        if isinstance(result, Rights):
            assert TOKEN not in repr(result)
            assert set(result.acts) <= set(get_args(ActionKind))
            assert result.reads or result.problems
        results.append(result)
    return results


def test_every_connector_has_a_decoder() -> None:
    assert set(MAKERS) <= set(DECODERS)
    assert set(MAKERS) <= set(PLACES)


@connectors
def test_it_decodes_as_its_decoder(platform: str) -> None:
    connector = silent(platform)
    assert connector.platform == platform
    for payload in MADE[platform]:
        content = json.dumps(payload).encode()
        assert connector.decode(content, PLACES[platform][0]) == DECODERS[platform](content, PLACES[platform][0])


@connectors
@pytest.mark.parametrize("status", [200, 204, 302, 400, 401, 403, 404, 413, 429, 500, 502, 503])
async def test_any_answer_is_a_result_or_a_named_failure(platform: str, status: int) -> None:
    body = b""
    elsewhere = {"location": "https://elsewhere"}
    connector, caller = connector_of(platform, lambda _: httpx.Response(status, content=body, headers=elsewhere))
    for body in BODIES:  # noqa: B007  # it is what is answered
        await ask_each(platform, connector)
    await caller.close()


@connectors
async def test_any_mutated_answer_is_a_result_or_a_named_failure(platform: str) -> None:
    random = Random(7)
    answers = [*MADE[platform], {"response": MADE[platform]}, {"ok": True, "result": MADE[platform]}]
    connector, caller = connector_of(
        platform, lambda _: httpx.Response(200, content=mutated(random.choice(answers), random))
    )
    for _ in range(100):
        await ask_each(platform, connector)
    await caller.close()


@connectors
@pytest.mark.parametrize("cursor", [b"", b"{}", b"\xff\x00", b"null", b"[1]", b'{"todo":[["x",1]]}', b"x" * 4_096])
async def test_any_cursor_is_borne(platform: str, cursor: bytes) -> None:
    await ask_all(platform, lambda _: httpx.Response(200, content=b"{}"), cursor)


@connectors
async def test_a_platform_that_cannot_be_reached_did_nothing(platform: str) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no way to {TOKEN}")

    connector, caller = connector_of(platform, refuse)
    source = source_of(platform)
    for kind in get_args(ActionKind):
        # Else an action that never left would be a person's to look for.
        with pytest.raises(PlatformError) as caught:
            await connector.act(source, action_of(platform, kind), "key")
        assert isinstance(caught.value, NotSent | NotAllowed)
    with pytest.raises(NotSent):
        await connector.poll(source, None)
    for result in await ask_each(platform, connector):
        assert not isinstance(result, Done | Polled)
    await caller.close()


@connectors
async def test_an_answer_that_never_comes_is_no_success(platform: str) -> None:
    def lose(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout(f"nothing from {TOKEN}")

    for result in await ask_all(platform, lose):
        assert not isinstance(result, Done | Polled)


@connectors
async def test_a_missing_credential_is_said_and_asks_nobody(platform: str) -> None:
    asked: list[httpx.Request] = []

    def note(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200, content=b"{}")

    connector, caller = connector_of(platform, note)
    bare = Source(id="town", platform=connector.platform, page=PLACES[platform][0], way="poll", secrets=Secrets())
    with pytest.raises(PlatformError):
        await connector.poll(bare, None)
    try:
        rights = await connector.test(bare)
    except BadCredential as error:
        assert error.detail
    else:
        assert (rights.reads, bool(rights.problems)) == (False, True)
    assert connector.acts(bare) == ()
    assert asked == []
    await caller.close()


@connectors
async def test_no_secret_is_in_an_address_unless_the_platform_wants_it_there(
    platform: str, caplog: pytest.LogCaptureFixture
) -> None:
    addresses: list[str] = []

    def note(request: httpx.Request) -> httpx.Response:
        addresses.append(str(request.url))
        return httpx.Response(200, content=b"{}")

    with caplog.at_level(logging.DEBUG):
        await ask_all(platform, note)
    assert TOKEN not in caplog.text
    if platform != "telegram":
        assert not any(TOKEN in address for address in addresses)


@connectors
@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["x-secret", "content-type"]), st.text(max_size=20)), st.binary(max_size=100))
def test_a_call_that_does_not_prove_itself_is_forged(platform: str, headers: dict[str, str], body: bytes) -> None:
    connector = silent(platform)
    with pytest.raises(Forged):
        connector.hook(source_of(platform), headers, body)
    for payload in MADE[platform]:
        with pytest.raises(Forged):
            connector.hook(source_of(platform), headers, json.dumps(payload).encode())


@connectors
def test_without_a_secret_of_ours_nothing_is_genuine(platform: str) -> None:
    connector = silent(platform)
    bare = Source(id="town", platform=connector.platform, page=PLACES[platform][0], way="hook", secrets=Secrets())
    for payload in MADE[platform]:
        content = json.dumps({"secret": None} | payload if isinstance(payload, dict) else payload).encode()
        for headers in ({}, {"x-telegram-bot-api-secret-token": ""}, {"x-max-bot-api-secret": ""}):
            with pytest.raises(Forged):
                connector.hook(bare, headers, content)


@connectors
@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_a_call_with_the_secret_is_read_or_refused_by_name(platform: str, body: bytes) -> None:
    connector = silent(platform)
    headers = {"x-telegram-bot-api-secret-token": TOKEN, "x-max-bot-api-secret": TOKEN}
    try:
        call = connector.hook(source_of(platform), headers, body)
    except (Forged, NotThisPlatform):
        return
    assert isinstance(call, Call)


@connectors
@settings(max_examples=60)
@given(st.none() | st.text("abc019:-_./", max_size=200), st.text("abc019:-_./=", min_size=1, max_size=200))
def test_every_comment_has_an_address(platform: str, post: str | None, comment: str) -> None:
    connector = silent(platform)
    for said in (comment, f"{platform}:{comment}", PLACES[platform][1]):
        link = connector.link(PLACES[platform][0], post, said)
        assert link.startswith("https://")
        assert len(link) <= 2_048
        assert link.isprintable()
        assert " " not in link
