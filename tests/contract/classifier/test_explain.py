"""`POST /v1/explain` as a client meets it."""

from __future__ import annotations

import msgspec
import pytest

from services.classifier.explanation.explaining import MAX_TEXTS, Explained
from services.classifier.explanation.weighing import explain
from services.classifier.model import HEADS
from shared.auth import Role
from shared.events.base import MAX_TEXT
from tests.contract.classifier.conftest import Desk, problem
from tests.fixtures.keys import KeyCase


@pytest.fixture
def path() -> str:
    return "/v1/explain"


async def test_texts_are_explained_in_order(desk: Desk) -> None:
    texts = ["Подскажите, до скольки работает почта?", "Рaбoтa на дому, пишите 8 900 000-00-00", "😡", ""]
    answer = await desk.ask({"texts": texts})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"model", "reader", "results"}
    assert (body["model"], body["reader"]) == (desk.model.version, "fast")
    for item, text in zip(body["results"], texts, strict=True):
        assert set(item) == {"judgement", "reasons", "disguised", "personal_data"}
        assert set(item["reasons"]) == {"spam", "tag"}
        assert [reason["name"] for reason in item["reasons"]["spam"]] == ["spam"]
        assert {reason["name"] for reason in item["reasons"]["tag"]} == {"question", "complaint", "other"}
        for reason in [*item["reasons"]["spam"], *item["reasons"]["tag"]]:
            assert set(reason) == {"name", "output", "intercept", "towards", "against", "signals", "rest"}
            for span in [*reason["towards"], *reason["against"]]:
                assert span["text"] == text[span["start"] : span["stop"]]
    assert body["results"][1]["disguised"][0]["read_as"] == "работа"
    assert body["results"][1]["personal_data"][0]["datum"] == "phone"
    assert msgspec.json.decode(answer.content, type=Explained).results == [explain(desk.model, text) for text in texts]


async def test_what_is_explained_can_be_chosen(desk: Desk) -> None:
    answer = await desk.ask({"texts": ["Нет воды третий день!"], "heads": ["urgent", "topic", "urgent"], "spans": 1})
    (item,) = answer.json()["results"]
    assert set(item["reasons"]) == {"urgent", "topic"}
    assert all(len(reason["towards"]) <= 1 for reason in item["reasons"]["topic"])


async def test_the_most_texts_and_the_longest_text(desk: Desk) -> None:
    answer = await desk.ask({"texts": ["да"] * (MAX_TEXTS - 1) + ["а б " * (MAX_TEXT // 4)]})
    assert answer.status_code == 200
    assert len(answer.json()["results"]) == MAX_TEXTS


@pytest.mark.parametrize("count", [0, MAX_TEXTS + 1])
async def test_too_few_or_many(desk: Desk, count: int) -> None:
    assert problem(await desk.ask({"texts": ["да"] * count}), 400) == (
        f"texts: 1 to 20 are explained at once, these are {count}"
    )


async def test_too_long(desk: Desk) -> None:
    answer = await desk.ask({"texts": ["да", "а" * (MAX_TEXT + 1)]})
    assert problem(answer, 400).startswith("texts[1]: at most 65536 characters")
    assert answer.json()["index"] == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"texts": [1]}',
        b'{"texts": ["a"], "model": "best"}',
        b'{"texts": ["a"], "spans": -1}',
        b'{"texts": ["a"], "spans": 101}',
    ],
)
async def test_what_is_not_understood(desk: Desk, content: bytes) -> None:
    assert problem(await desk.ask(content), 400)


@pytest.mark.parametrize("escape", [r"\ud800", r"\udc00", r"a\udfffb", r"\u0000", r"\u0007", r"\ue000", r"\uffff"])
async def test_strange_escapes_are_no_fault_of_ours(desk: Desk, escape: str) -> None:
    answer = await desk.ask(b'{"texts": ["' + escape.encode() + b'"]}')
    assert answer.status_code in (200, 400), answer.text
    assert answer.headers["Content-Type"] in ("application/json", "application/problem+json")


@pytest.mark.parametrize("role", ["admin", "moderator", "coordinator", "agent", "auditor", "service"])
async def test_who_may_ask(desk: Desk, keys: KeyCase, role: Role) -> None:
    key = await keys.make(
        role,
        institution="school-1" if role == "agent" else None,
        territory="root" if role == "coordinator" else None,
    )
    answer = await desk.ask({"texts": ["да"]}, Authorization=f"Bearer {key}")
    assert answer.status_code == 200, answer.text


async def test_who_may_not(desk: Desk, keys: KeyCase) -> None:
    key = await keys.make("ingest", sources=("http:demo",))
    assert "moderator" in problem(await desk.ask({"texts": ["да"]}, Authorization=f"Bearer {key}"), 403)
    del desk.client.headers["Authorization"]
    assert "Bearer" in problem(await desk.ask({"texts": ["да"]}), 401)


async def test_it_is_documented(desk: Desk) -> None:
    answer = await desk.client.get("/docs/openapi.json")
    assert "/v1/explain" in answer.json()["paths"]


async def test_what_is_no_head_is_told_with_those_there_are(desk: Desk) -> None:
    told = problem(await desk.ask({"texts": ["да"], "heads": ["tag", "tags"]}), 400)
    assert told == "body $.heads[1]: must be one of " + ", ".join(sorted(HEADS))
