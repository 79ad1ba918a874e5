"""`POST /v1/comments` as a client meets it."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec
import pytest

from shared.auth import Role
from shared.events import CommentCreated, CommentDeleted, CommentEdited, CommentRestored
from tests.contract.ingest.conftest import Desk, open_desk
from tests.fixtures.broker import Broker

NDJSON = "application/x-ndjson"


def item(comment: str = "a1", **changes: object) -> dict[str, Any]:
    return {
        "platform": "http",
        "page": "http:demo",
        "id": comment,
        "post": "p1",
        "parent": None,
        "author": "u1",
        "text": "Когда включат воду?",
        "posted_at": "2026-01-01T10:00:00+03:00",
    } | changes


def lines(items: list[dict[str, Any]]) -> bytes:
    return b"\n".join(map(msgspec.json.encode, items)) + b"\n"


def problem(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == status
    return str(answer.json()["detail"])


async def test_one_comment_is_durable_when_answered(desk: Desk) -> None:
    answer = await desk.send(item())
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    (event,) = await desk.stored()
    assert isinstance(event, CommentCreated)
    assert (event.id, event.page, event.post, event.text) == ("http:demo:a1", "http:demo", "p1", "Когда включат воду?")
    assert event.author not in (None, "u1")
    assert event.trace


async def test_sending_again_creates_nothing(desk: Desk) -> None:
    for form, kind in (
        (item(), "application/json"),
        ([item(), item("a2")], "application/json"),
        (lines([item(), item("a3")]), NDJSON),
        (lines([item("a3"), item("a2")]), "application/jsonl"),
        (lines([item("a3")]), "application/ndjson; charset=utf-8"),
    ):
        assert (await desk.send(form, kind)).status_code == 202
    assert [event.id for event in await desk.stored() if isinstance(event, CommentCreated)] == [
        "http:demo:a1",
        "http:demo:a2",
        "http:demo:a3",
    ]


async def test_edits_back_and_forth_are_all_stored(desk: Desk) -> None:
    await desk.send(item(text="A"))
    for text in "BABA":
        answer = await desk.send(item(text=text, event="edited"))
        assert answer.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    assert (await desk.send(item(text="A", event="edited"))).json()["duplicates"] == 1
    events = await desk.stored()
    assert [event.text for event in events if isinstance(event, CommentCreated | CommentEdited)] == list("ABABA")


async def test_a_life_is_told_in_its_own_subjects(desk: Desk) -> None:
    for kind in ("created", "edited", "deleted", "restored"):
        assert (await desk.send(item(event=kind))).json()["accepted"] == 1
    assert [type(event) for event in await desk.stored()] == [
        CommentCreated,
        CommentEdited,
        CommentDeleted,
        CommentRestored,
    ]


async def test_wrong_items_are_named_and_the_rest_is_taken(desk: Desk) -> None:
    answer = await desk.send([item("1"), item("2", text=" "), item("3", likes=1), 7, item("5", posted_at="2026-01-01")])
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], [each["index"] for each in body["rejected"]]) == (1, [1, 2, 3, 4])
    assert body["rejected"][0]["error"].startswith("text is empty")
    assert body["rejected"][1]["error"].startswith("unknown field likes; known are platform")
    assert body["rejected"][3]["error"].startswith("posted_at: must be null or a moment with its time zone")
    assert "rejected_total" not in body


async def test_if_every_item_is_wrong_the_answer_is_still_an_account(desk: Desk) -> None:
    answer = await desk.send([{}, {}])
    assert (answer.status_code, len(answer.json()["rejected"])) == (202, 2)


async def test_a_single_wrong_comment_is_a_problem(desk: Desk) -> None:
    assert "text is empty" in problem(await desk.send(item(text="")), 400)
    assert "platform: must be one of" in problem(await desk.send(item(platform="x")), 400)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "the body is empty"),
        (b"{", "not JSON: it ends in the middle"),
        (b'[{"id": 1},\n!]', "the body is not JSON: invalid character at line 2, byte 1"),
        (b'"\xff"', "not UTF-8 at byte 2"),
        (b"[" * 5_000, "nested too deeply"),
    ],
)
async def test_a_broken_body_is_a_problem_that_names_the_place(desk: Desk, content: bytes, words: str) -> None:
    assert words in problem(await desk.send(content), 400)


async def test_surrogates_and_nul_become_replacement_characters(desk: Desk) -> None:
    raw = msgspec.json.encode(item(text="@")).replace(b"@", rb"a\ud800b\u0000c")
    for content, kind in ((raw.replace(b"a1", b"s1"), "application/json"), (raw.replace(b"a1", b"s2"), NDJSON)):
        assert (await desk.send(content, kind)).json()["accepted"] == 1
    texts = [event.text for event in await desk.stored() if isinstance(event, CommentCreated)]
    assert texts == ["a\ufffdb\ufffdc"] * 2


async def test_limits(desk: Desk) -> None:
    assert "more than 1000 items" in problem(await desk.send([item(str(n)) for n in range(1_001)]), 413)
    assert (await desk.send([item(f"n{n}") for n in range(1_000)])).json()["accepted"] == 1_000
    assert "larger than 8388608 bytes" in problem(await desk.send(b" " * (8 * 1024 * 1024 + 1)), 413)
    long = await desk.send(
        lines([item("l1"), item("l2", text="a" * (1024 * 1024)), item("l3", text="а" * 65_537)]), NDJSON
    )
    assert long.json()["accepted"] == 1
    assert [each["error"][:40] for each in long.json()["rejected"]] == [
        "the line is longer than 1048576 bytes",
        "text: must be a string of at most 65536 ",
    ]
    heavy = item("h", text="\x01" * 65_536, attachments=[{"kind": "link", "url": "\x01" * 2_048}] * 20)
    assert "encoded as JSON they exceed" in problem(await desk.send(heavy), 400)
    # What ingest takes, the stream takes.
    largest = item("b", text="\x01" * 65_536, attachments=[{"kind": "link", "url": "\x01" * 1_024}] * 10)
    assert (await desk.send(largest)).json()["accepted"] == 1


async def test_a_stream_lists_a_thousand_rejections_and_counts_all(desk: Desk) -> None:
    body = (await desk.send(b"x\n" * 1_500 + lines([item()]), NDJSON)).json()
    assert (body["accepted"], len(body["rejected"]), body["rejected_total"]) == (1, 1_000, 1_500)


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=cp1251"]
)
async def test_other_kinds_of_bodies_are_refused(desk: Desk, kind: str) -> None:
    assert "application/x-ndjson" in problem(await desk.send(item(), kind), 415)


@pytest.mark.parametrize("kind", ["application/json", NDJSON])
async def test_compressed_bodies_are_refused_as_such(desk: Desk, kind: str) -> None:
    compressed = gzip.compress(lines([item()]))
    for encoding in ("gzip", "GZIP", "br", "identity, gzip"):
        answer = await desk.send(compressed, kind, **{"Content-Encoding": encoding})
        assert "Content-Encoding" in problem(answer, 415)
    assert (await desk.send(lines([item()]), kind, **{"Content-Encoding": "identity"})).json()["accepted"] == 1


async def test_keys(desk: Desk) -> None:
    assert problem(await desk.send(item(), Authorization="Bearer nonsense"), 401)
    others: list[tuple[Role, dict[str, object]]] = [
        ("agent", {"institution": "school-12"}),
        ("coordinator", {"territory": "root"}),
        ("moderator", {}),
        ("auditor", {}),
    ]
    for role, scope in others:
        assert problem(await desk.send(item(), **await desk.key(role, **scope)), 403)
    assert (await desk.send(item(), **await desk.key("service"))).status_code == 202
    assert (await desk.send(item("a2"), **await desk.key("ingest", sources=("*",)))).status_code == 202


async def test_an_ingest_key_posts_for_its_pages_alone(desk: Desk) -> None:
    own = await desk.key("ingest", sources=("http:demo",))
    assert (await desk.send(item(), **own)).status_code == 202
    assert "this key may not send comments of this page" in problem(
        await desk.send(item("x", page="http:other"), **own), 403
    )
    for content, kind in (
        ([item("a2"), item("x", page="http:other")], "application/json"),
        (lines([item("a3"), item("x", page="http:other")]), NDJSON),
    ):
        body = (await desk.send(content, kind, **own)).json()
        assert (body["accepted"], [each["index"] for each in body["rejected"]]) == (1, [1])


async def test_a_stream_of_many_lines_is_taken_in_chunks_of_any_size(desk: Desk) -> None:
    body = lines([item(str(number), text=f"Слово {number}") for number in range(3_000)])

    async def chunks(size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(body), size):
            yield body[start : start + size]

    assert (await desk.send(chunks(977), NDJSON)).json()["accepted"] == 3_000
    assert (await desk.send(chunks(100_000), NDJSON)).json() == {"accepted": 0, "duplicates": 3_000, "rejected": []}
    events = await desk.stored()
    assert [event.id for event in events if isinstance(event, CommentCreated)] == [
        f"http:demo:{number}" for number in range(3_000)
    ]


async def test_many_clients_at_once_are_all_answered_rightly(desk: Desk) -> None:
    answers = await asyncio.gather(
        *(desk.send([item(str(number % 50)), item(f"own{number}")]) for number in range(100))
    )
    assert {answer.text for answer in answers if answer.status_code != 202} == set()
    bodies = [answer.json() for answer in answers]
    assert sum(body["accepted"] for body in bodies) == 150
    assert sum(body["duplicates"] for body in bodies) == 50
    assert len(await desk.stored()) == 150


async def test_without_the_broker_the_answer_is_come_again(broker: Broker, sqlite_url: str) -> None:
    async with open_desk(broker.url, sqlite_url) as desk:
        assert (await desk.send(item())).status_code == 202
        broker.kill()

        async def broken() -> AsyncIterator[bytes]:
            for number in range(5):
                yield lines([item(f"s{number}")])

        for content, kind in ((item("a2"), "application/json"), ([item("a3")], "application/json"), (broken(), NDJSON)):
            answer = await desk.send(content, kind)
            assert problem(answer, 503)
            assert int(answer.headers["Retry-After"]) > 0
        assert (await desk.client.get("/readyz")).status_code == 503
        assert (await desk.client.get("/healthz")).status_code == 200

        broker.start()
        everything = [item(), item("a2"), item("a3"), *(item(f"s{number}") for number in range(5))]
        async with asyncio.timeout(30):
            while (answer := await desk.send(everything)).status_code != 202:
                await asyncio.sleep(0.1)
        assert answer.json()["accepted"] + answer.json()["duplicates"] == len(everything)
        assert sorted(event.id for event in await desk.stored() if isinstance(event, CommentCreated)) == sorted(
            f"http:demo:{each['id']}" for each in everything
        )


async def test_a_stream_that_the_broker_leaves_tells_the_counts_so_far(broker: Broker, sqlite_url: str) -> None:
    async with open_desk(broker.url, sqlite_url) as desk:

        async def chunks() -> AsyncIterator[bytes]:
            yield lines([item("1"), item("2", text="")])
            while not await desk.stored():
                await asyncio.sleep(0.01)
            # Stored; give the record its turn before the broker goes.
            await asyncio.sleep(0.2)
            broker.kill()
            for number in range(3, 30):
                yield lines([item(str(number))])

        answer = await desk.send(chunks(), NDJSON)
        assert problem(answer, 503)
        body = answer.json()
        assert (body["accepted"], body["duplicates"], body["rejected"][0]["index"]) == (1, 0, 1)


async def test_a_database_that_fails_costs_nothing_stored(
    broker: Broker, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between publishing and recording, then a retry by the client: one comment."""
    from services.ingest.store import StoredHeads
    from shared.errors import Transient

    record = StoredHeads.record

    async def fail(*_: object) -> None:
        raise Transient("database: disk full")

    async with open_desk(broker.url, sqlite_url) as desk:
        monkeypatch.setattr(StoredHeads, "record", fail)
        assert problem(await desk.send([item(), item("a2")]), 503)
        assert len(await desk.stored()) == 2
        monkeypatch.setattr(StoredHeads, "record", record)
    async with open_desk(broker.url, sqlite_url) as desk:
        answer = await desk.send([item(), item("a2"), item("a3")])
        assert answer.json() == {"accepted": 1, "duplicates": 2, "rejected": []}
        assert len(await desk.stored()) == 3


async def test_the_document_describes_the_body(desk: Desk) -> None:
    document = (await desk.client.get("/docs/openapi.json")).json()
    operation = document["paths"]["/v1/comments"]["post"]
    content = operation["requestBody"]["content"]
    one, many = content["application/json"]["schema"]["anyOf"]
    assert set(one["required"]) == {"platform", "page", "id"}
    assert one["additionalProperties"] is False
    assert set(one["properties"]) >= {"text", "attachments", "posted_at", "author_kind", "event"}
    assert many["maxItems"] == 1_000
    assert NDJSON in content
    assert {"202", "400", "401", "403", "408", "413", "415", "503"} <= set(operation["responses"])
    assert operation["x-roles"] == ["admin", "ingest", "service"]
    page = (await desk.client.get("/docs")).text
    assert "object or list of object" in page
    assert "<td><code>author_kind</code></td>" in page
    assert "One submission a line" in page
