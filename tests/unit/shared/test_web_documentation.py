"""The OpenAPI document and the page made from it."""

from __future__ import annotations

import json
import re

import httpx

from tests.fixtures.orders import problem


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
    assert "Takes an order: <code>new</code> → <code>taken</code>, where a &amp; b." in answer.text
    assert "integer (≥ 1, ≤ 9)" in answer.text
    assert "<script" not in answer.text
    assert re.findall(r"(?:src|href)=\"?https?:", answer.text) == []


async def test_the_first_page_leads_to_the_documentation(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (302, "/docs")
    assert "/" not in (await client.get("/docs/openapi.json")).json()["paths"]


async def test_an_unknown_page_below_the_documentation_is_a_problem(client: httpx.AsyncClient) -> None:
    problem(await client.get("/docs/nothing"), 404)
