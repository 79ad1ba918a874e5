"""JSON Schemas of the events, from the structs themselves: what is documented is what is read and written."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from itertools import pairwise
from typing import Any, get_args

import msgspec

from shared.events.base import BaseEvent
from shared.events.codec import Event

DIALECT = "https://json-schema.org/draft/2020-12/schema"

EVENTS: tuple[type[BaseEvent], ...] = get_args(Event)
"""Every event, in the order of the codec's union."""


def type_name(event: type[BaseEvent]) -> str:
    """What stands in the event's field `type`."""
    return str(event.__struct_config__.tag)


def file_name(event: type[BaseEvent]) -> str:
    """Name of the file that documents it: `comment.created.v1.json`."""
    return f"{type_name(event)}.v1.json"


def json_schema(event: type[BaseEvent]) -> dict[str, Any]:
    """One event's schema, complete in itself. Unknown fields are allowed, as readers must allow them."""
    _, components = schemas("#/$defs/{name}", (event,))
    body = components.pop(event.__name__)
    schema: dict[str, Any] = {"$schema": DIALECT, "$id": f"urn:otklik:event:{type_name(event)}:1", **body}
    if components:
        schema["$defs"] = components
    return schema


def schemas(
    ref_template: str, events: tuple[type[BaseEvent], ...] = EVENTS
) -> tuple[list[dict[str, Any]], dict[str, dict[str, Any]]]:
    """A reference to each event, and all schemas by the name of their struct; fields carry their descriptions."""
    references, components = msgspec.json.schema_components(events, ref_template=ref_template)
    structs = _structs()
    for name, schema in components.items():
        described = _field_descriptions(structs[name])
        for field, body in schema["properties"].items():
            # Of OpenAPI's vocabulary, not of JSON Schema's; each alternative names its own `type` anyway.
            body.pop("discriminator", None)
            if field in described:
                # Beside a $ref nothing else may stand in the older dialects that tools still read.
                schema["properties"][field] = (
                    {"allOf": [body], "description": described[field]}
                    if "$ref" in body
                    else {**body, "description": described[field]}
                )
    return list(references), dict(sorted(components.items()))


@cache
def _structs() -> dict[str, type[msgspec.Struct]]:
    """Every struct of the events, those inside of events too, by name."""
    found: dict[str, type[msgspec.Struct]] = {}
    ahead: list[Any] = list(EVENTS)
    while ahead:
        kind = ahead.pop()
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            if kind.__name__ not in found:
                found[kind.__name__] = kind
                ahead += [field.type for field in msgspec.structs.fields(kind)]
        else:
            ahead += get_args(kind)
    return found


def _field_descriptions(kind: type[msgspec.Struct]) -> dict[str, str]:
    """The docstrings below the fields, those of the bases included."""
    described: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base is not msgspec.Struct and issubclass(base, msgspec.Struct):
            described |= _own_descriptions(base)
    return described


@cache
def _own_descriptions(kind: type) -> dict[str, str]:
    module = ast.parse(textwrap.dedent(inspect.getsource(kind)))
    body = [part for definition in module.body if isinstance(definition, ast.ClassDef) for part in definition.body]
    described: dict[str, str] = {}
    for field, text in pairwise(body):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str() as words)):
                described[name] = " ".join(words.split())
    return described
