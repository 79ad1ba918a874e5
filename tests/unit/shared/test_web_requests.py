"""Keys, HEAD and OPTIONS, and the one line that a request leaves in the log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import pytest

from shared.obs import metrics
from shared.web import Service, encode_cursor
from shared.web import request as request_module
from shared.web import service as service_module
from tests.fixtures.keys import KeyCase
from tests.fixtures.orders import bearer, problem


async def test_without_a_key_nothing_but_what_is_public(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/me")
    assert "Bearer otk_" in problem(answer, 401)["detail"]
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert (await client.head("/v1/me")).status_code == 401
    for public in ("/healthz", "/readyz", "/metrics", "/docs", "/docs/openapi.json"):
        assert (await client.get(public)).status_code == 200


@pytest.mark.parametrize("header", ["Basic abc", "Bearer", "Bearer ", "otk_x", "Bearer otk_x"])
async def test_what_is_no_key_is_refused(client: httpx.AsyncClient, header: str) -> None:
    problem(await client.get("/v1/me", headers={"Authorization": header}), 401)


async def test_the_caller_is_known(client: httpx.AsyncClient, keys: KeyCase) -> None:
    answer = await client.get("/v1/me", headers=await bearer(keys, "auditor"))
    assert answer.json() == {"role": "auditor"}
    lower = {"authorization": (await bearer(keys, "auditor"))["Authorization"].replace("Bearer", "bearer")}
    assert (await client.get("/v1/me", headers=lower)).status_code == 200


async def test_a_role_opens_its_own_handlers_and_admin_all(client: httpx.AsyncClient, keys: KeyCase) -> None:
    body = {"lines": [{"count": 1}]}
    agent = await bearer(keys, "agent", institution="school-12")
    assert (await client.post("/v1/orders", json=body, headers=agent)).status_code == 201
    assert (await client.post("/v1/orders", json=body, headers=await bearer(keys, "admin"))).status_code == 201
    document = problem(await client.post("/v1/orders", json=body, headers=await bearer(keys, "auditor")), 403)
    assert "agent" in document["detail"]


async def test_while_keys_cannot_be_checked_nobody_gets_in(app: Service, keys: KeyCase) -> None:
    # No lifespan: the ring was never started.
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        problem(await client.get("/v1/me", headers=await bearer(keys, "admin")), 503)
        document = problem(await client.get("/readyz"), 503)
        assert document["parts"] == {"keys": False}
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=b"])
async def test_a_body_that_stops_coming_is_given_up(
    client: httpx.AsyncClient, keys: KeyCase, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(request_module, "BODY_SECONDS", 0.05)
    monkeypatch.setattr(service_module, "SWALLOWED_SECONDS", 0.05)

    async def stopping() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    headers = await bearer(keys, "agent", institution="school-12") | {"Content-Type": kind}
    answer = await client.post("/v1/orders", content=stopping(), headers=headers)
    assert "not complete" in problem(answer, 408)["detail"]


async def test_head_is_get_without_content(client: httpx.AsyncClient) -> None:
    answer = await client.head("/healthz")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len((await client.get("/healthz")).content))


async def test_head_of_an_endless_answer_ends(client: httpx.AsyncClient) -> None:
    answer = await asyncio.wait_for(client.head("/v1/endless"), 10)
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_options_needs_no_key(client: httpx.AsyncClient) -> None:
    answer = await client.options("/v1/orders")
    assert answer.status_code == 204
    assert answer.headers["allow"] == "OPTIONS, POST"
    assert (await client.options("/v1/orders/7")).headers["allow"] == "GET, HEAD, OPTIONS, PUT"


async def test_one_line_a_request_without_path_query_or_key(
    client: httpx.AsyncClient, keys: KeyCase, capsys: pytest.CaptureFixture[str]
) -> None:
    headers = await bearer(keys, "auditor")
    capsys.readouterr()
    answer = await client.get("/v1/orders/12345?cursor=" + encode_cursor(99), headers=headers)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["handler"] == "/v1/orders/{number}"
    assert (line["method"], line["status"]) == ("GET", 200)
    assert line["request_id"] == answer.headers["x-request-id"]
    assert UUID(line["key_id"])
    assert "12345" not in json.dumps(line)
    assert encode_cursor(99) not in json.dumps(line)
    assert headers["Authorization"].removeprefix("Bearer ") not in json.dumps(lines)


async def test_a_line_carries_nothing_of_the_request_before(
    client: httpx.AsyncClient, keys: KeyCase, capsys: pytest.CaptureFixture[str]
) -> None:
    await client.get("/v1/me", headers=await bearer(keys, "auditor"))
    capsys.readouterr()
    await client.get("/v1/me")
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert line["status"] == 401
    assert "key_id" not in line


async def test_requests_are_counted_by_template(client: httpx.AsyncClient) -> None:
    labels = {"handler": "(none)", "method": "GET", "status": "404"}
    before = metrics.catalogue.registry.get_sample_value("otklik_http_requests_total", labels) or 0
    for number in range(3):
        await client.get(f"/nowhere/{number}")
    assert metrics.catalogue.registry.get_sample_value("otklik_http_requests_total", labels) == before + 3
    text = (await client.get("/metrics")).text
    assert "/nowhere" not in text


async def test_a_strange_method_is_no_label_of_its_own(client: httpx.AsyncClient) -> None:
    answer = await client.request("BREW", "/v1/me")
    problem(answer, 405)
    assert "BREW" not in (await client.get("/metrics")).text
