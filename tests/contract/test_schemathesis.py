"""Every documented endpoint of every service under generated requests, right ones and wrong ones: nothing answers in a
way that its own OpenAPI document does not tell, and nothing breaks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.fixtures.stack import ROOT, SERVICES, Stack, running

pytestmark = pytest.mark.slow

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

# The same requests in every run, so that a failure is one commit's doing.
ALIKE = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=25,
    suppress_health_check=list(HealthCheck),
)

COMMENTS = [
    {"id": "a/b+c=//1", "text": "Когда включат отопление?"},
    {"id": "2", "text": "Безобразие, третий день нет воды и никто не отвечает!"},
    {"id": "3", "text": "Заработок на дому, пишите в личные сообщения, переходите по ссылке"},
    {"id": "4", "text": "Какие же вы идиоты и воры, ненавижу"},
]
SEEN_SECONDS = 30.0

_known: dict[str, list[str]] = {}
"""Ids that exist, by the name of the path's parameter."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """All services over one broker, with a registry, some comments and what came of them."""
    with running(tmp_path_factory.mktemp("stack"), {"OTKLIK_LOG_LEVEL": "warning"}) as started:
        started.run("services.routing", "import", str(ROOT / "deploy/sample/region"))
        _seed(started)
        yield started


def _seed(stack: Stack) -> None:
    bearer = {"Authorization": f"Bearer {stack.key}"}
    fields = {"platform": "http", "page": "http:demo", "post": "p1", "parent": None, "posted_at": None}
    sent = [{**fields, "author": f"author {comment['id']}", **comment} for comment in COMMENTS]
    with httpx.Client(headers=bearer, timeout=20) as client:
        assert client.post(stack.url("ingest", "/v1/comments"), json=sent).status_code == 202
        ids = [f"http:demo:{comment['id']}" for comment in COMMENTS]
        until = time.monotonic() + SEEN_SECONDS
        standings: list[dict[str, str]] = []
        while len(standings) < len(ids) and time.monotonic() < until:
            answers = [client.get(stack.url("routing", f"/v1/comments/{id}")) for id in ids]
            standings = [answer.json() for answer in answers if answer.status_code == 200]
        assert len(standings) == len(ids), stack.tail("routing")
        source = {"id": "seed", "platform": "vk", "page": "vk:-1", "secrets": {"community_token": "t"}}
        assert client.post(stack.url("ingest", "/v1/sources"), json=source).status_code == 201
        tasks = client.get(stack.url("routing", "/v1/moderation")).json()["items"]
    _known["comment_id"] = ids
    _known["source_id"] = ["seed"]
    _known["case_id"] = [standing["case_id"] for standing in standings if standing["case_id"]]
    _known["task_id"] = [task["id"] for task in tasks]
    _known["institution"] = sorted({standing["institution"] for standing in standings if standing["institution"]})


@schemathesis.hook
def map_path_parameters(context: schemathesis.HookContext, path_parameters: dict[str, object]) -> dict[str, object]:
    """Puts an id that exists where a generated one of even length stood: generated ones alone never get past 404."""
    return {
        name: _known[name][len(str(value)) // 2 % len(_known[name])]
        if _known.get(name) and len(str(value)) % 2 == 0
        else value
        for name, value in (path_parameters or {}).items()
    }


# Schemathesis has a plugin for pytest; it reaches into private parts that pytest 9.2 no longer has.
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("service", SERVICES)
def test_generated_requests(stack: Stack, service: str, mode: GenerationMode) -> None:
    api = schemathesis.openapi.from_url(stack.url(service, "/docs/openapi.json"))
    bearer = {"Authorization": f"Bearer {stack.key}"}
    failures: list[str] = []
    answered: set[int] = set()
    with requests.Session() as session:
        for found in api.get_all_operations():
            assert isinstance(found, Ok), found
            operation = found.ok()

            @ALIKE
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: schemathesis.Case[Any]) -> None:
                answer = case.call_and_validate(session=session, headers=bearer, checks=CHECKS, timeout=20)
                answered.add(answer.status_code)

            try:
                ask()
            except (Failure, FailureGroup) as failure:
                failures.append(f"{operation.method.upper()} {operation.path}: {failure}")
            except Unsatisfiable:
                # Nothing wrong can be sent where nothing is asked for.
                assert mode is GenerationMode.NEGATIVE, operation.path
    assert not failures, "\n\n".join(failures)
    # Requests that are all refused at the door would prove nothing.
    assert {200, 400} <= answered


def test_the_documents_are_complete(stack: Stack) -> None:
    """Otherwise the tests above would prove little."""
    for service in SERVICES:
        document = httpx.get(stack.url(service, "/docs/openapi.json"), timeout=30).json()
        operations = [operation for item in document["paths"].values() for operation in item.values()]
        assert len(operations) >= 4, service
        assert all("400" in operation["responses"] for operation in operations), service
    assert all(_known.values()), "nothing to look at was made"
