"""Every error is a problem document, and a wrong body is told where."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from shared.web import BODY_LIMIT, Service
from tests.fixtures.keys import KeyCase
from tests.fixtures.orders import WORDS, bearer, problem


async def test_an_unknown_path_is_a_problem(client: httpx.AsyncClient) -> None:
    assert "/docs" in problem(await client.get("/v1/nothing"), 404)["detail"]


async def test_a_wrong_method_says_which_are_right(client: httpx.AsyncClient) -> None:
    answer = await client.delete("/v1/me")
    problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("body", "where", "what"),
    [
        (b'{"lines":[{"count":"5"}]}', "$.lines[0].count", "Expected `int`, got `str`"),
        (b'{"lines":[{"count":0}]}', "$.lines[0].count", ">= 1"),
        (b'{"lines":[]}', "$.lines", "length >= 1"),
        (b'{"lines":[{"count":1,"colour":"red"}]}', "$.lines[0]", "unknown field `colour`"),
        (b'{"lines":[{"count":1}],"urgent":"true"}', "$.urgent", "Expected `bool`, got `str`"),
        (b'{"lines":[{"count":1,"at":"yesterday"}]}', "$.lines[0].at", "Invalid RFC3339"),
        (b'{"lines":[{"count":1}],"id":"x"}', "$.id", "Invalid UUID"),
        (b'{"lines":[{"count":1,"size":"huge"}]}', "$.lines[0].size", "must be one of large, small"),
        (b"{}", "$", "missing required field `lines`"),
        (b"[]", "$", "Expected `object`"),
        (b"null", "$", "Expected `object`"),
    ],
)
async def test_a_body_that_does_not_fit_is_told_where(
    client: httpx.AsyncClient, keys: KeyCase, body: bytes, where: str, what: str
) -> None:
    answer = await client.post("/v1/orders", content=body, headers=await bearer(keys, "admin"))
    document = problem(answer, 400)
    (error,) = document["errors"]
    assert (error["path"], error["source"]) == (where, "body")
    assert what in error["message"]
    assert where in document["detail"]


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b'{"lines":[', "no JSON"),
        (b'{"lines":[}', "byte 10"),
        (b'{"lines":[{"count":1}],"\xff":1}', "UTF-8"),
        (b"", "needs a JSON body"),
    ],
)
async def test_a_body_that_is_no_json_is_told_why(
    client: httpx.AsyncClient, keys: KeyCase, body: bytes, what: str
) -> None:
    answer = await client.post("/v1/orders", content=body, headers=await bearer(keys, "admin"))
    assert what in problem(answer, 400)["detail"]


async def test_a_right_body_arrives_as_its_type(client: httpx.AsyncClient, keys: KeyCase) -> None:
    body = {
        "lines": [{"count": 2, "at": "2026-01-02T03:04:05Z", "size": "small"}],
        "id": "0193b0e0-0000-7000-8000-000000000000",
        "urgent": True,
    }
    answer = await client.post("/v1/orders", json=body, headers=await bearer(keys, "admin"))
    assert answer.status_code == 201
    assert answer.json() == body


async def test_a_whole_number_may_be_written_with_a_point(client: httpx.AsyncClient, keys: KeyCase) -> None:
    headers = await bearer(keys, "admin")
    whole = b'{"lines":[{"count":2.0,"at":"2026-01-02T03:04:05Z"}],"id":"0193b0e0-0000-7000-8000-000000000000"}'
    answer = await client.post("/v1/orders", content=whole, headers=headers)
    assert (answer.status_code, answer.json()["lines"][0]["count"]) == (201, 2)
    answer = await client.post("/v1/orders", content=b'{"lines":[{"count":2.5}]}', headers=headers)
    assert "$.lines[0].count" in problem(answer, 400)["detail"]
    answer = await client.post("/v1/orders", content=b'{"lines":[{"count":1e300}]}', headers=headers)
    problem(answer, 400)


@pytest.mark.parametrize(
    ("query", "parameter"), [("limit=0", "limit"), ("limit=many", "limit"), ("limit=201", "limit")]
)
async def test_a_wrong_parameter_is_named(client: httpx.AsyncClient, keys: KeyCase, query: str, parameter: str) -> None:
    answer = await client.get(f"/v1/orders/7?{query}", headers=await bearer(keys, "admin"))
    document = problem(answer, 400)
    assert document["errors"][0]["path"] == parameter
    assert document["errors"][0]["source"] == "query"
    assert parameter in document["detail"]


async def test_a_wrong_parameter_has_the_name_that_was_sent_and_no_body_is_asked_for(
    client: httpx.AsyncClient, keys: KeyCase
) -> None:
    headers = {**await bearer(keys, "admin"), "Request-Key": "too long"}
    document = problem(await client.post("/v1/orders/7/send?kind=tooLong", headers=headers), 400)
    assert [(error["source"], error["path"]) for error in document["errors"]] == [
        ("header", "Request-Key"),
        ("query", "kind"),
    ]
    assert "body" not in document["detail"]
    answer = await client.post("/v1/orders", headers=headers)
    assert problem(answer, 400)["errors"][0]["source"] == "body"


async def test_a_parameter_that_is_a_choice_lists_the_choices(client: httpx.AsyncClient, keys: KeyCase) -> None:
    answer = await client.post("/v1/orders/7/send?colour=" + "x" * 1000, headers=await bearer(keys, "admin"))
    assert problem(answer, 400)["detail"] == "query colour: must be one of green, red"


async def test_an_error_of_ours_carries_its_members_and_headers(client: httpx.AsyncClient) -> None:
    document = problem(await client.get("/v1/fail/conflict"), 409)
    assert (document["title"], document["allowed"]) == ("Conflict", ["reopen"])
    answer = await client.get("/v1/fail/unavailable")
    problem(answer, 503)
    assert answer.headers["retry-after"] == "7"


async def test_what_may_pass_by_itself_is_unavailable_without_its_inside(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/fail/transient")
    problem(answer, 503)
    assert "retry-after" in answer.headers
    assert WORDS not in answer.text


@pytest.mark.parametrize("how", ["bug", "fatal", "unheard-of"])
async def test_a_bug_is_a_500_that_tells_nothing_of_the_inside(
    client: httpx.AsyncClient, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await client.get(f"/v1/fail/{how}")
    problem(answer, 500)
    assert WORDS not in answer.text
    assert "Error" not in answer.text
    assert answer.headers["x-request-id"] in capsys.readouterr().err


async def test_a_body_over_the_limit_is_refused_announced_or_not(client: httpx.AsyncClient, keys: KeyCase) -> None:
    headers = await bearer(keys, "admin")
    answer = await client.post("/v1/orders", content=b" " * (BODY_LIMIT + 1), headers=headers)
    assert str(BODY_LIMIT) in problem(answer, 413)["detail"]

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(9):
            yield b" " * (1024 * 1024)

    problem(await client.post("/v1/orders", content=chunks(), headers=headers), 413)


async def test_a_body_that_ends_early_is_no_fault_of_ours(app: Service, keys: KeyCase) -> None:
    sent: list[Any] = []
    heard = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(heard)

    async def send(message: Any) -> None:
        sent.append(message)

    async with app.lifespan():
        authorization = (await bearer(keys, "admin"))["Authorization"].encode()
        scope = {
            "type": "http", "method": "POST", "path": "/v1/orders", "raw_path": b"/v1/orders", "query_string": b"",
            "headers": [(b"authorization", authorization)], "http_version": "1.1", "scheme": "http",
            "client": ("127.0.0.1", 1), "server": ("test", 80), "root_path": "", "asgi": {"version": "3.0"},
        }  # fmt: skip
        await app(scope, receive, send)
    assert sent[0]["status"] == 400
