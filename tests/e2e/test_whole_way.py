"""From a citizen's comment over HTTP to the institution's queue and to an answer, through the real processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.fixtures.stack import ROOT, Stack, running

WAIT_SECONDS = 30.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with running(tmp_path_factory.mktemp("stack")) as started:
        started.run("services.routing", "import", str(ROOT / "deploy/sample/region"))
        yield started


@pytest.fixture
def client(stack: Stack) -> Iterator[httpx.Client]:
    with httpx.Client(timeout=20, headers={"Authorization": f"Bearer {stack.key}"}) as admin:
        yield admin


def comment(number: str, text: str, **fields: object) -> dict[str, object]:
    return {
        "platform": "http",
        "page": "http:demo",
        "id": number,
        "post": "p1",
        "parent": None,
        "author": f"author-of-{number}",
        "text": text,
        "posted_at": "2026-01-01T10:00:00+03:00",
        **fields,
    }


def send(stack: Stack, client: httpx.Client, *comments: dict[str, object]) -> dict[str, Any]:
    answer = client.post(stack.url("ingest", "/v1/comments"), json=list(comments))
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


def until(look: Callable[[], Any]) -> Any:
    """What `look` returns once it is true; the last thing it returned when time is up."""
    end = time.monotonic() + WAIT_SECONDS
    while not (found := look()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


def arrived(stack: Stack, client: httpx.Client, comment_id: str, **expected: object) -> dict[str, Any]:
    """The comment as routing knows it, once it is there and has the `expected` fields."""

    def look() -> dict[str, Any] | None:
        answer = client.get(stack.url("routing", f"/v1/comments/{comment_id}"))
        if answer.status_code == 404:
            return None
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found if all(found[field] == value for field, value in expected.items()) else None

    found = until(look)
    assert found, f"{comment_id} did not arrive with {expected}: {stack.tail('routing')}"
    return dict(found)


def test_a_complaint_reaches_the_root_coordinator_and_is_answered(stack: Stack, client: httpx.Client) -> None:
    wanted = comment("a1", "Третий день нет горячей воды, управляющая компания трубку не берёт. Примите меры!")
    answer = client.post(stack.url("ingest", "/v1/comments"), json=wanted)
    assert answer.status_code == 202
    assert answer.json() == {"accepted": 1, "duplicates": 0, "rejected": []}
    found = arrived(stack, client, "http:demo:a1")
    assert set(found) == {
        "id", "tag", "scores", "topic", "flags", "model", "case_id", "institution", "state", "why", "unsure",
    }  # fmt: skip
    assert found["id"] == "http:demo:a1"
    assert found["tag"] == "complaint"
    assert set(found["scores"]) == {"question", "complaint", "spam", "other"}
    assert found["institution"] == "root"
    assert found["state"] == "routed"
    assert found["why"]

    queue = client.get(stack.url("routing", "/v1/queues/root/cases")).json()
    assert set(queue) == {"items", "next"}
    assert found["case_id"] in json.dumps(queue["items"])

    case = stack.url("routing", f"/v1/cases/{found['case_id']}")
    assert client.post(f"{case}/close", json={}).status_code == 409
    assert client.post(f"{case}/accept", json={}).json()["state"] == "accepted"
    assert client.post(f"{case}/start", json={}).json()["state"] == "in_progress"
    said = client.post(f"{case}/answer", json={"text": "Воду дадут сегодня к шести вечера.", "outcome": "resolved"})
    assert said.status_code in (200, 201), said.text
    assert said.json()["state"] == "answered"
    assert arrived(stack, client, "http:demo:a1")["state"] == "answered"
    log = client.get(f"{case}/events").json()["items"]
    # Nobody brings it to a page of HTTP comments: that a person is asked to may stand there already.
    assert [entry["event"] for entry in log][:5] == ["routed", "accepted", "started", "answered", "ordered"]


def test_repeated_comments_are_counted_and_bad_ones_named(stack: Stack, client: httpx.Client) -> None:
    good = comment("b1", "Спасибо большое за концерт!")
    body = send(stack, client, good, comment("b2", ""), {"platform": "http"}, good, comment("b3", "Подскажите адрес?"))
    assert (body["accepted"], body["duplicates"]) == (2, 1)
    assert [item["index"] for item in body["rejected"]] == [1, 2]
    assert "text" in body["rejected"][0]["error"]
    assert send(stack, client, good)["duplicates"] == 1


def test_an_edit_a_deletion_and_a_restoration(stack: Stack, client: httpx.Client) -> None:
    send(stack, client, comment("c1", "Почему во дворе третий месяц не вывозят мусор, сколько можно терпеть!"))
    case = arrived(stack, client, "http:demo:c1", state="routed")["case_id"]
    edited = comment("c1", "Почему на улице Садовой ямы, дорогу когда починят, безобразие!", event="edited")
    send(stack, client, edited)
    assert arrived(stack, client, "http:demo:c1", topic="roads")["case_id"] == case
    send(stack, client, comment("c1", "", event="deleted"))
    assert arrived(stack, client, "http:demo:c1", state="void")["case_id"] == case
    send(stack, client, comment("c1", "", event="restored"))
    assert arrived(stack, client, "http:demo:c1", state="routed")["case_id"] == case


def test_nul_and_lone_surrogates_are_replaced(stack: Stack, client: httpx.Client) -> None:
    raw = json.dumps(comment("d1", "Когда откроют \x00 поликлинику \ud83d ?")).encode()
    answer = client.post(stack.url("ingest", "/v1/comments"), content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 202, answer.text
    assert answer.json()["accepted"] == 1
    arrived(stack, client, "http:demo:d1")


def test_an_agent_sees_its_institution_and_those_below_only(stack: Stack, client: httpx.Client) -> None:
    institutions = client.get(stack.url("routing", "/v1/institutions"), params={"limit": 200}).json()["items"]
    leaf = next(i["id"] for i in institutions if i["parent"] not in (None, "root"))
    key = stack.run("shared.auth", "create", "--role", "agent", "--institution", leaf, "--name", "agent", "-q").strip()
    agent = {"Authorization": f"Bearer {key}"}

    def works() -> bool:
        return httpx.get(stack.url("routing", f"/v1/queues/{leaf}/cases"), headers=agent, timeout=30).status_code == 200

    assert until(works)
    assert httpx.get(stack.url("routing", "/v1/queues/root/cases"), headers=agent, timeout=30).status_code in (403, 404)
    send(stack, client, comment("e1", "Почему третий день нет света на улице, примите меры!"))
    case = arrived(stack, client, "http:demo:e1")["case_id"]
    assert httpx.get(stack.url("routing", f"/v1/cases/{case}"), headers=agent, timeout=30).status_code == 404
    posted = httpx.post(stack.url("ingest", "/v1/comments"), json=[comment("x1", "Текст")], headers=agent, timeout=30)
    assert posted.status_code == 403


def test_a_revoked_key_stops_working_in_every_service(stack: Stack) -> None:
    stack.run("shared.auth", "create", "--role", "admin", "--name", "short-lived", "-q")
    key = stack.run("shared.auth", "create", "--role", "admin", "--name", "gone soon", "-q").strip()
    headers = {"Authorization": f"Bearer {key}"}
    requests: list[tuple[str, str, str, Any]] = [
        ("POST", "ingest", "/v1/comments", []),
        ("POST", "classifier", "/v1/classify", {"texts": ["Привет"]}),
        ("GET", "routing", "/v1/institutions", None),
    ]

    def statuses() -> list[int]:
        return [
            httpx.request(method, stack.url(service, path), json=body, headers=headers, timeout=30).status_code
            for method, service, path, body in requests
        ]

    assert until(lambda: 401 not in statuses())
    listed = stack.run("shared.auth", "list")
    identifier = next(line.split()[0] for line in listed.splitlines() if "gone soon" in line)
    stack.run("shared.auth", "revoke", identifier)
    revoked = time.monotonic()
    assert until(lambda: statuses() == [401, 401, 401]), statuses()
    # Promised are five seconds, of a machine that is not busy with other tests.
    assert time.monotonic() - revoked < 15
    for service in ("ingest", "classifier", "routing"):
        assert httpx.get(stack.url(service, "/healthz"), timeout=30).status_code == 200
        assert httpx.get(stack.url(service, "/readyz"), timeout=30).status_code == 200


def test_classify_and_predict_say_the_same(stack: Stack, client: httpx.Client, tmp_path: Path) -> None:
    texts = ["До скольки открыта библиотека?", "Опять не убрали снег, безобразие", ""]
    answer = client.post(stack.url("classifier", "/v1/classify"), json={"texts": texts}).json()
    assert set(answer) == {"model", "reader", "results"}
    assert {"tag", "scores", "confidence", "topic", "topics", "flags"} <= set(answer["results"][0])
    file = tmp_path / "texts.csv"
    file.write_text(
        "text\n" + "\n".join(json.dumps(text, ensure_ascii=False) for text in texts) + "\n", encoding="utf-8"
    )
    fast = [] if answer["reader"] == "careful" else ["--fast"]
    printed = stack.run("services.classifier", "predict", str(file), *fast).splitlines()
    assert [json.loads(line)["tag"] for line in printed] == [result["tag"] for result in answer["results"]]


def test_spam_becomes_a_task_and_a_deletion_becomes_an_action(stack: Stack, client: httpx.Client) -> None:
    send(
        stack,
        client,
        comment("s1", "Заработок на дому от 5000 руб в день! Пишите в телеграм @rabota_doma, без вложений!!!"),
    )
    found = arrived(stack, client, "http:demo:s1")
    assert found["tag"] == "spam"
    assert found["case_id"] is None

    def task() -> dict[str, Any] | None:
        items = client.get(stack.url("routing", "/v1/moderation"), params={"limit": 200}).json()["items"]
        return next((item for item in items if "http:demo:s1" in json.dumps(item)), None)

    found_task = until(task)
    assert found_task
    leased = client.post(stack.url("routing", f"/v1/moderation/{found_task['id']}/lease"), json={})
    assert leased.status_code in (200, 201), leased.text
    decision = {"decision": "delete", "ground": "because", "token": leased.json()["token"]}
    decide = stack.url("routing", f"/v1/moderation/{found_task['id']}/decision")
    assert client.post(decide, json=decision).status_code == 400
    answer = client.post(decide, json={**decision, "ground": "advertising"})
    assert answer.status_code in (200, 201), answer.text
