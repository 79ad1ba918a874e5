"""`POST /v1/classify` as a client meets it."""

from __future__ import annotations

import msgspec
import pytest

from services.classifier.classification import MAX_TEXTS, Classified
from services.classifier.model import TAGS
from shared.auth import Role
from shared.events.base import MAX_TEXT
from tests.contract.classifier.conftest import Desk, problem
from tests.fixtures.keys import KeyCase


@pytest.fixture
def path() -> str:
    return "/v1/classify"


async def test_texts_are_judged_in_order(desk: Desk) -> None:
    texts = ["Подскажите, до скольки работает почта?", "Нет воды третий день, безобразие!", "Спасибо!", ""]
    answer = await desk.ask({"texts": texts})
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"model", "reader", "results"}
    assert body["reader"] == "fast"
    assert body["model"] == desk.model.version
    assert [item["tag"] for item in body["results"][:3]] == ["question", "complaint", "other"]
    for item in body["results"]:
        assert set(item) == {
            "tag", "scores", "confidence", "unsure", "topic", "topics", "flags", "language", "spam_precision",
        }  # fmt: skip
        assert (item["language"], item["spam_precision"]) == (None, None)
        assert set(item["scores"]) == set(TAGS)
        assert set(item["flags"]) == {"toxic", "urgent", "personal_data"}
        assert all(set(topic) == {"topic", "score"} for topic in item["topics"])
    assert msgspec.json.decode(answer.content, type=Classified).results == desk.model.judge(texts)


async def test_it_says_how_clearly_it_is_spam_and_in_which_language(desk: Desk) -> None:
    texts = [
        "Заработок на дому от 5000 рублей в день, без вложений, пишите в телеграм @zarabotok_online",
        "Безнең урамда өченче көн су юк, кайчан төзәтәсез?",
    ]
    spam, foreign = (await desk.ask({"texts": texts})).json()["results"]
    known = [border.precision for border in desk.model.thresholds.spam]
    assert known == sorted(set(known))
    assert (spam["tag"], spam["language"]) == ("spam", None)
    assert spam["spam_precision"] in known
    assert foreign["tag"] != "spam"
    assert (foreign["language"], foreign["unsure"], foreign["spam_precision"]) == ("tt", True, None)


async def test_the_most_texts_and_the_longest_text(desk: Desk) -> None:
    answer = await desk.ask({"texts": ["да"] * (MAX_TEXTS - 1) + ["а" * MAX_TEXT]})
    assert answer.status_code == 200
    assert len(answer.json()["results"]) == MAX_TEXTS


@pytest.mark.parametrize("count", [0, MAX_TEXTS + 1])
async def test_too_few_or_many(desk: Desk, count: int) -> None:
    assert problem(await desk.ask({"texts": ["да"] * count}), 400) == (
        f"texts: 1 to 1000 are judged at once, these are {count}"
    )


async def test_too_long(desk: Desk) -> None:
    answer = await desk.ask({"texts": ["да", "а" * (MAX_TEXT + 1)]})
    assert problem(answer, 400).startswith("texts[1]: at most 65536 characters")
    assert answer.json()["index"] == 1


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"texts": "a"}',
        b'{"texts": [1]}',
        b'{"texts": [null]}',
        b'{"texts": ["a"], "model": "best"}',
        b'{"texts": ["\xff"]}',
    ],
)
async def test_what_is_not_understood(desk: Desk, content: bytes) -> None:
    assert problem(await desk.ask(content), 400)


@pytest.mark.parametrize(
    "escape", [r"\ud800", r"\udc00", r"\ud800\ud800", r"a\udfffb", r"\u0000", r"\ue000", r"\uffff"]
)
async def test_strange_escapes_are_no_fault_of_ours(desk: Desk, escape: str) -> None:
    answer = await desk.ask(b'{"texts": ["' + escape.encode() + b'"]}')
    assert answer.status_code in (200, 400), answer.text
    assert answer.headers["Content-Type"] in ("application/json", "application/problem+json")


async def test_a_large_body(desk: Desk) -> None:
    assert "8388608 bytes" in problem(await desk.ask({"texts": ["а" * 65_000] * 100}), 413)


ALLOWED: tuple[Role, ...] = ("admin", "moderator", "coordinator", "agent", "auditor", "service")


@pytest.mark.parametrize("role", ALLOWED)
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
    assert "/v1/classify" in answer.json()["paths"]
