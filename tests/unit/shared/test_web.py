"""What every service answers, whatever it is asked: in process, over ASGI, without a socket."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, Request, get, post, put
from litestar.params import FromPath, JSONBody
from litestar.response import ServerSentEvent
from msgspec import Meta

from shared.auth import requires
from shared.errors import Conflict, Fatal, Invalid, NotFound, Transient, Unavailable
from shared.obs import metrics
from shared.web import (
    BODY_LIMIT,
    DEFAULT_PAGE,
    Cursor,
    Limit,
    Page,
    Service,
    background,
    check_version,
    create_app,
    decode_cursor,
    encode_cursor,
    etag,
)
from shared.web.health import Health
from tests.fixtures.inprocess import client_of
from tests.fixtures.keys import KeyCase

WORDS = "Почему во дворе не горит свет?"


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    count: Annotated[int, Meta(ge=1, le=9)]
    at: datetime | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is ordered."""

    lines: Annotated[list[Line], Meta(min_length=1)]
    id: UUID | None = None
    urgent: bool = False


@post("/v1/orders", tags=["orders"], guards=[requires("agent", "coordinator")])
async def order(data: JSONBody[Order]) -> Order:
    """Takes an order."""
    return data


@get("/v1/orders/{number:int}", tags=["orders"])
async def one(
    request: Request[Any, Any, Any],
    number: FromPath[int],
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = None,
) -> Page[Line]:
    """Some lines of an order."""
    if cursor is not None:
        decode_cursor(cursor, int)
    if number == 404:
        raise NotFound("no such order")
    return Page(items=[Line(count=1)] * min(limit, 3), next=encode_cursor(number))


@put("/v1/orders/{number:int}")
async def change(number: FromPath[int], data: JSONBody[Line]) -> Line:
    """Changes an order."""
    return data


@get("/v1/fail/{how:str}", opt={"public": True})
async def fail(how: FromPath[str]) -> None:
    """Fails as told."""
    errors: dict[str, Exception] = {
        "bug": ValueError(WORDS),
        "conflict": Conflict("it is answered already", extra={"allowed": ["reopen"]}),
        "transient": Transient("database: " + WORDS),
        "unavailable": Unavailable("the broker is away", retry_after=7),
        "fatal": Fatal("x"),
        "invalid": Invalid("wrong"),
    }
    raise errors[how]


@get("/v1/endless", opt={"public": True})
async def endless() -> ServerSentEvent:
    """Never ends by itself."""

    async def lines() -> AsyncIterator[str]:
        while True:
            yield "x"
            await asyncio.sleep(0)

    return ServerSentEvent(lines())


@get("/v1/me")
async def me(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Who asks."""
    return {"role": request.user.role}


HANDLERS = [order, one, change, fail, endless, me]


@pytest.fixture
def app(keys: KeyCase) -> Service:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        await keys.start()
        yield
        await keys.stop()

    return create_app(title="Test", version="1.2.3", route_handlers=HANDLERS, keyring=keys.ring, lifespan=[lifespan])


@pytest.fixture
async def client(app: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(app) as client:
        yield client


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    """The problem document that every error must be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]
    assert document["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"
    return document


async def bearer(keys: KeyCase, *args: Any, **scope: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {await keys.make(*args, **scope)}"}


# Problems --------------------------------------------------------------------------------------------------------


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
        "lines": [{"count": 2, "at": "2026-01-02T03:04:05Z"}],
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


# Keys ------------------------------------------------------------------------------------------------------------


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


# HEAD, OPTIONS, lines, metrics -----------------------------------------------------------------------------------


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


# Probes ----------------------------------------------------------------------------------------------------------


async def ask(checks: dict[str, Any]) -> dict[str, bool]:
    return await Health(checks).parts()


async def test_every_part_is_asked_and_none_can_break_the_probe() -> None:
    async def there() -> bool:
        return True

    async def broken() -> bool:
        raise OSError

    parts = await ask({"a": there, "b": broken, "c": lambda: True, "d": lambda: False, "e": lambda: 1 / 0})
    assert parts == {"a": True, "b": False, "c": True, "d": False, "e": False}


async def test_a_part_that_does_not_answer_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.web.health.CHECK_SECONDS", 0.01)

    async def silent() -> bool:
        await asyncio.Event().wait()
        return True

    assert await ask({"a": silent}) == {"a": False}


async def test_a_hung_task_makes_the_process_unhealthy(app: Service, client: httpx.AsyncClient) -> None:
    age = 60.0
    app.state.health.watch("tagging", lambda: age)
    assert (await client.get("/healthz")).status_code == 200
    age = 61.0
    assert "tagging" in problem(await client.get("/healthz"), 503)["detail"]


async def test_a_stopping_process_is_not_ready(app: Service, client: httpx.AsyncClient) -> None:
    app.state.health.stopping.set()
    assert problem(await client.get("/readyz"), 503)["parts"] == {"keys": True, "running": False}


async def test_background_tasks_stop_when_told(app: Service) -> None:
    ended: list[str] = []

    async def run(stop: asyncio.Event) -> None:
        await stop.wait()
        ended.append("run")

    async def job(_stop: asyncio.Event) -> None:
        ended.append("job")

    async with background(app) as tasks:
        tasks.start("run", run)
        tasks.start("job", job, once=True)
        with pytest.raises(ValueError, match="already"):
            tasks.start("run", run)
        await asyncio.sleep(0)
    assert ended == ["job", "run"]
    assert not app.state.health.failed.is_set()


async def test_a_background_task_that_fails_or_ends_fails_the_process(app: Service) -> None:
    async def ends(_stop: asyncio.Event) -> None:
        return

    async def dies(_stop: asyncio.Event) -> None:
        raise Fatal("the model is missing")

    for run, what in ((ends, "ended"), (dies, "Fatal")):
        app.state.health.failed.clear()
        app.state.health.failure = None
        async with background(app) as tasks:
            tasks.start("tagging", run)
            await asyncio.wait_for(app.state.health.failed.wait(), 10)
        assert app.state.health.ailment() == f"tagging: {what}"


async def test_a_task_that_does_not_stop_is_cancelled(app: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = asyncio.Event()

    async def stubborn(_stop: asyncio.Event) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with background(app) as tasks:
        tasks.start("stubborn", stubborn)
        await asyncio.sleep(0)
        await tasks.drain(0.01)
    assert cancelled.is_set()


# Documentation ---------------------------------------------------------------------------------------------------


async def test_the_document_names_every_error_as_a_problem(client: httpx.AsyncClient) -> None:
    document = (await client.get("/docs/openapi.json")).json()
    create = document["paths"]["/v1/orders"]["post"]
    assert {"201", "400", "401", "403", "409", "412", "413", "500", "503"} <= set(create["responses"])
    assert "404" in document["paths"]["/v1/orders/{number}"]["get"]["responses"]
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for status, answer in operation["responses"].items():
                if status >= "400":
                    schema = answer["content"]["application/problem+json"]["schema"]
                    assert schema == {"$ref": "#/components/schemas/Problem"}, (path, method, status)


async def test_every_reference_in_the_document_leads_somewhere(client: httpx.AsyncClient) -> None:
    text = (await client.get("/docs/openapi.json")).text
    schemas = json.loads(text)["components"]["schemas"]
    for name in re.findall(r'"#/components/schemas/([^"]+)"', text):
        assert name in schemas


async def test_the_document_says_who_may_call(client: httpx.AsyncClient) -> None:
    document = (await client.get("/docs/openapi.json")).json()
    create = document["paths"]["/v1/orders"]["post"]
    assert create["security"] == [{"key": []}]
    assert create["x-roles"] == ["admin", "agent", "coordinator"]
    assert "security" not in document["paths"]["/healthz"]["get"]
    assert document["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


async def test_the_document_says_that_unknown_members_are_refused(client: httpx.AsyncClient) -> None:
    schemas = (await client.get("/docs/openapi.json")).json()["components"]["schemas"]
    assert schemas["Order"]["additionalProperties"] is False
    assert schemas["Order"]["description"] == "What is ordered."
    assert "additionalProperties" not in schemas["Ready"]


async def test_the_reference_page_needs_nothing_from_elsewhere(client: httpx.AsyncClient) -> None:
    answer = await client.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "Takes an order." in answer.text
    assert "<script" not in answer.text
    assert re.findall(r"(?:src|href)=\"?https?:", answer.text) == []


async def test_an_unknown_page_below_the_documentation_is_a_problem(client: httpx.AsyncClient) -> None:
    problem(await client.get("/docs/nothing"), 404)


# Cursors and versions --------------------------------------------------------------------------------------------


@given(st.lists(st.integers() | st.text()))
def test_a_cursor_comes_back_as_it_was(position: list[int | str]) -> None:
    cursor = encode_cursor(position)
    if len(cursor) <= 1000:
        assert re.fullmatch(r"[A-Za-z0-9_-]+", cursor)
        assert decode_cursor(cursor, list) == position


@given(st.text(max_size=1200))
def test_any_other_text_is_refused_or_of_the_right_type(text: str) -> None:
    try:
        position = decode_cursor(text, int)
    except Invalid as error:
        assert error.status == 400
    else:
        assert isinstance(position, int)


def test_versions() -> None:
    check_version(None, 7)
    check_version("*", 7)
    check_version(etag(7), 7)
    check_version('"6", "7"', 7)
    with pytest.raises(Exception, match="changed it meanwhile") as caught:
        check_version('"6"', 7)
    assert caught.value.headers == {"ETag": '"7"'}  # type: ignore[attr-defined]  # PreconditionFailed
    for wrong in ("7", 'W/"7"', "", '"x"', '"7", x'):
        with pytest.raises(Invalid):
            check_version(wrong, 7)
