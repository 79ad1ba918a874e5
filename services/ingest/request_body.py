"""The body of `POST /v1/comments` in the OpenAPI document, drawn from the submission itself."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, RequestBody, Schema

from services.ingest.reading import MAX_ITEMS, RIGHT
from services.ingest.submission import Submission

EXAMPLE = {
    "platform": "http",
    "page": "http:demo",
    "id": "a1",
    "post": "p1",
    "parent": None,
    "author": "u1",
    "text": "Когда включат отопление на улице Ленина, 5?",
    "posted_at": "2026-01-01T10:00:00+03:00",
}

_NAMES = {
    "type": "type",
    "enum": "enum",
    "pattern": "pattern",
    "default": "default",
    "format": "format",
    "minLength": "min_length",
    "maxLength": "max_length",
    "maxItems": "max_items",
    "required": "required",
    "additionalProperties": "additional_properties",
}
"""JSON Schema's words that msgspec writes, in Litestar's spelling."""


def _schema(source: dict[str, Any], components: dict[str, Any]) -> Schema:
    if "$ref" in source:
        return _schema(components[source["$ref"].rpartition("/")[2]], components)
    given: dict[str, Any] = {ours: source[word] for word, ours in _NAMES.items() if word in source}
    if "anyOf" in source:
        given["any_of"] = [_schema(each, components) for each in source["anyOf"]]
    if isinstance(source.get("items"), dict):
        given["items"] = _schema(source["items"], components)
    if "properties" in source:
        given["properties"] = {name: _schema(each, components) for name, each in source["properties"].items()}
    return Schema(**given)


def _submission() -> Schema:
    (_,), components = msgspec.json.schema_components([Submission])
    schema = _schema(components["Submission"], components)
    for name, field in (schema.properties or {}).items():
        if isinstance(field, Schema):
            field.description = RIGHT[name]
    schema.examples = [EXAMPLE]
    return schema


def request_body() -> RequestBody:
    """One submission or an array of them as JSON, or lines of JSON."""
    one = _submission()
    many = Schema(type="array", items=one, max_items=MAX_ITEMS)  # type: ignore[arg-type]  # a plain word serves
    lines = Schema(type="string", description="One submission a line; no limit to their number.")  # type: ignore[arg-type]  # as above
    return RequestBody(
        required=True,
        content={
            "application/json": OpenAPIMediaType(schema=Schema(any_of=[one, many])),
            "application/x-ndjson": OpenAPIMediaType(schema=lines),
        },
    )
