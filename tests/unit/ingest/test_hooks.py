"""Calls of platforms: only genuine ones are heard, and each is answered once what it brought is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar

from services.ingest import hooks as hooks_module
from services.ingest.connectors.connector import Call
from services.ingest.hooks import MAX_BODY, Hooks, call_hook
from services.ingest.sources.source import Secrets, Source
from shared.web import create_app
from tests.fixtures.inprocess import client_of
from tests.fixtures.keys import KeyCase
from tests.fixtures.sources import Known
from tests.unit.ingest.memory import running
from tests.unit.ingest.platform_memory import Desk, source
from tests.unit.ingest.toy import Fares, Toy

SECRET = "слово-секрет"  # of this test alone
HEADERS = {b"X-Secret": SECRET.encode()}
BODY = b'{"comments":["wall:-1:2:3"]}'


class Door:
    """The application with its hooks, as a platform sees it."""

    def __init__(self, desk: Desk, client: httpx.AsyncClient, sources: Known, fares: Fares) -> None:
        self.desk = desk
        self.client = client
        self.sources = sources
        self.fares = fares

    async def call(
        self, body: bytes = BODY, path: str = "vk/vk-1", headers: Mapping[bytes, bytes] = HEADERS
    ) -> httpx.Response:
        return await self.client.post(f"/hooks/{path}", content=body, headers=headers)


@asynccontextmanager
async def open_door(keys: KeyCase) -> AsyncIterator[Door]:
    secrets = Secrets(hook_secret=SECRET.encode().decode("latin-1"))
    sources = Known(
        source(secrets=secrets),
        source(way="poll", id="polled", secrets=secrets),
        source(id="paused", active=False, secrets=secrets),
    )
    fares = Fares()
    async with running() as rig:
        desk = Desk(rig)

        @asynccontextmanager
        async def lifespan(app: Litestar) -> AsyncIterator[None]:
            app.state.hooks = Hooks(sources=sources, connectors={"vk": Toy()}, arrivals=desk.arrivals, heard=fares)
            await keys.start()
            yield
            await keys.stop()

        app = create_app(title="Test", version="1", route_handlers=[call_hook], keyring=keys.ring, lifespan=[lifespan])
        async with client_of(app) as client:
            yield Door(desk, client, sources, fares)


@pytest.fixture
async def door(keys: KeyCase) -> AsyncIterator[Door]:
    async with open_door(keys) as door:
        yield door


async def test_a_genuine_call_is_answered_as_the_platform_expects_once_it_is_stored(door: Door) -> None:
    answer = await door.call()
    assert (answer.status_code, answer.content) == (200, b"ok")
    assert door.desk.told == [("comment.created", "vk:wall:-1:2:3")]
    assert door.fares.heard_of == [("vk-1", 1)]
    assert (await door.call()).content == b"ok"
    assert len(door.desk.told) == 1
    assert door.fares.heard_of == [("vk-1", 1), ("vk-1", 0)], "a repetition is an answer, and no event"


async def test_nothing_is_answered_before_it_is_stored(door: Door) -> None:
    door.desk.rig.stream.gate.clear()
    call = asyncio.create_task(door.call())
    await asyncio.sleep(0.05)
    assert not call.done()
    door.desk.rig.stream.gate.set()
    assert (await call).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("vk/vk-1", {b"X-Secret": b"wrong"}),
        ("vk/vk-1", {b"X-Other": b"x"}),
        ("vk/unknown", HEADERS),
        ("vk/Not%20An%20Id", HEADERS),
        ("vk/polled", HEADERS),
        ("max/vk-1", HEADERS),
        ("nonsense/vk-1", HEADERS),
    ],
)
async def test_a_wrong_secret_and_an_unknown_source_look_alike(
    door: Door, path: str, headers: dict[bytes, bytes]
) -> None:
    wrong = await door.call(path="vk/vk-1", headers={b"X-Secret": b"quite wrong"})
    answer = await door.call(path=path, headers=headers)
    assert answer.status_code == wrong.status_code == 403
    mine, other = answer.json(), wrong.json()
    for changing in ("instance", "trace", "request_id"):
        mine.pop(changing, None)
        other.pop(changing, None)
    assert mine == other
    assert set(answer.headers) == set(wrong.headers)
    assert door.desk.told == []
    assert door.fares.heard_of == []


async def test_a_call_without_the_secret_is_noted_for_a_source_that_is_there(door: Door) -> None:
    await door.call(path="vk/vk-1", headers={b"X-Secret": b"wrong"})
    await door.call(path="vk/paused", headers={b"X-Other": b"none"})
    for path in ("vk/unknown", "vk/polled", "max/vk-1"):
        await door.call(path=path, headers={b"X-Secret": b"wrong"})
    await door.call()
    assert door.fares.forged_for == ["vk-1", "paused"]


async def test_a_refusal_takes_the_same_work_whether_the_source_is_there_or_not(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[bytes] = []
    hook = Toy.hook

    def looking(toy: Toy, source: Source, headers: Mapping[str, str], body: bytes) -> Call:
        looked_at.append(body)
        return hook(toy, source, headers, body)

    monkeypatch.setattr(Toy, "hook", looking)
    for path in ("vk/vk-1", "vk/unknown", "vk/polled"):
        assert (await door.call(b"long words", path, headers={b"X-Secret": b"wrong"})).status_code == 403
    assert looked_at == [b"long words"] * 3


async def test_the_secret_is_in_no_answer(door: Door) -> None:
    for answer in (await door.call(), await door.call(headers={b"X-Secret": b"wrong"}), await door.call(b"{")):
        assert SECRET not in answer.text


async def test_a_body_over_the_limit_is_refused_unread(door: Door) -> None:
    assert (await door.call(b"x" * (MAX_BODY + 1))).status_code == 413
    longest = b'{"comments":[]' + b" " * (MAX_BODY - 15) + b"}"
    assert len(longest) == MAX_BODY
    assert (await door.call(longest)).status_code == 200


async def test_a_body_over_the_limit_in_pieces_is_refused_too(door: Door) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 1_024 + 2):
            yield b"x" * 1_024

    answer = await door.client.post("/hooks/vk/vk-1", content=pieces(), headers=HEADERS)
    assert answer.status_code == 413


async def test_a_paused_source_asks_to_come_again_and_still_confirms(door: Door) -> None:
    answer = await door.call(path="vk/paused")
    assert answer.status_code == 503
    assert 0 < int(answer.headers["Retry-After"]) <= 60, "what it waits it is deaf after resuming"
    assert (await door.call(b"confirm", "vk/paused")).content == b"code"
    assert door.desk.told == []


async def test_a_broker_that_is_away_asks_to_come_again(door: Door) -> None:
    door.desk.rig.stream.away = True
    answer = await door.call()
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert door.fares.heard_of == []
    door.desk.rig.stream.away = False
    assert (await door.call()).status_code == 200
    assert len(door.desk.told) == 1


async def test_a_database_that_is_away_asks_to_come_again(door: Door) -> None:
    door.desk.seen.fail_next_record = True
    assert (await door.call()).status_code == 503
    assert (await door.call()).status_code == 200
    assert len(door.desk.told) == 1


async def test_what_takes_long_is_answered_in_time_and_stored_all_the_same(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks_module, "DURABLE_SECONDS", 0.05)
    door.desk.rig.heads.gate.clear()
    assert (await door.call()).status_code == 503
    door.desk.rig.heads.gate.set()
    monkeypatch.setattr(hooks_module, "DURABLE_SECONDS", 5)
    assert (await door.call()).status_code == 200
    assert len(door.desk.told) == 1


async def test_a_platform_that_leaves_undoes_nothing(door: Door) -> None:
    door.desk.rig.stream.gate.clear()
    call = asyncio.create_task(door.call())
    async with asyncio.timeout(20):
        while not door.desk.rig.stream.called:
            await asyncio.sleep(0.01)
        assert not call.done()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        door.desk.rig.stream.gate.set()
        while not door.desk.told:
            await asyncio.sleep(0.01)


async def test_a_genuine_call_that_cannot_be_read_is_kept_and_answered(door: Door) -> None:
    for _ in range(2):
        answer = await door.call(b"{ nonsense")
        assert (answer.status_code, answer.content) == (200, b"ok")
    assert {(letter.reason, letter.payload) for letter in door.desk.letters} == {("undecodable", b"{ nonsense")}
    # The broker knows the second by its id.
    assert len(set(door.desk.letter_ids)) == 1


async def test_a_call_that_cannot_be_kept_comes_again(door: Door) -> None:
    door.desk.broker_away = True
    assert (await door.call(b"{ nonsense")).status_code == 503


async def test_only_post_is_answered(door: Door) -> None:
    assert (await door.client.get("/hooks/vk/vk-1")).status_code == 405


@settings(max_examples=60)
@given(st.binary(max_size=200) | st.just(BODY), st.binary(max_size=40).map(lambda raw: raw.replace(b"\0", b"")))
def test_any_body_and_any_secret_get_an_answer_that_is_no_fault_of_ours(body: bytes, secret: bytes) -> None:
    async def ask() -> int:
        async with open_door(KeyCase()) as door:
            clean = bytes(byte for byte in secret if 32 < byte < 127)
            genuine = secret[:1] < b"\x80"
            answer = await door.call(body, headers={b"X-Secret": SECRET.encode() if genuine else clean or b"x"})
            return answer.status_code

    assert asyncio.run(ask()) in (200, 403)


async def test_the_secret_that_a_platform_writes_into_its_call_is_not_kept(door: Door) -> None:
    written = door.sources["vk-1"].secrets.hook_secret
    assert written is not None
    assert (await door.call(b"{ nonsense " + written.encode())).status_code == 200
    assert [letter.payload for letter in door.desk.letters] == [b"{ nonsense (secret)"]


async def test_before_the_sources_are_known_a_platform_is_asked_to_come_again(door: Door) -> None:
    door.sources.loaded.clear()
    answer = await door.call()
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert door.desk.told == []
