"""The OpenAPI document: Litestar's own, with every error answer and the need for a key written into it."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Litestar, Request, Response, Router, get
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.openapi.spec.schema import Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.response import Redirect
from litestar.routes import HTTPRoute
from litestar.typing import FieldDefinition

from shared.auth.guard import RoleGuard
from shared.auth.middleware import PUBLIC
from shared.web.problem import MEDIA_TYPE, FieldError, Problem
from shared.web.reference import reference_page

if TYPE_CHECKING:
    # Litestar's own plugin protocol names this class, which has no public home.
    from litestar._openapi.schema_generation import SchemaCreator

PATH = "/docs"
SCHEME = "key"
_REF = "#/components/schemas/"
_MODULE = re.compile(r"(?<=_)(?:\w+\.)+")
"""Before a class's name in the name of what is made of it."""

_ALWAYS = {"400": "Invalid request", "500": "Internal error", "503": "A part this needs is away or busy"}
_WITH_KEY = {"401": "No key, or one that is unknown, expired or revoked", "403": "Role or scope do not cover this"}
_WITH_PATH = {"404": "No such thing, or none this key may see"}
_WITH_CHANGE = {"409": "The present state does not allow this", "412": "Changed meanwhile", "413": "Body too large"}
_CHANGES = frozenset({"post", "put", "patch", "delete"})


class _Document:
    """Completes the document once, at its first use."""

    def __init__(self) -> None:
        self._made: dict[str, Any] | None = None

    def of(self, app: Litestar, schema: dict[str, Any]) -> dict[str, Any]:
        """The completed document."""
        if self._made is None:
            self._made = complete(schema, app)
        return self._made


class _Json(OpenAPIRenderPlugin):
    def __init__(self, document: _Document) -> None:
        super().__init__(path="/openapi.json", media_type=MediaType.JSON)
        self._document = document

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return self.render_json(request, self._document.of(request.app, openapi_schema))


class _Reference(OpenAPIRenderPlugin):
    """A plain page from our own server: no script, nothing fetched from elsewhere."""

    def __init__(self, document: _Document) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)
        self._document = document

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        return reference_page(self._document.of(request.app, openapi_schema)).encode()


def openapi_config(*, title: str, version: str, description: str) -> OpenAPIConfig:
    """`/docs` for people and `/docs/openapi.json` for machines, both without a key."""
    document = _Document()
    return OpenAPIConfig(
        title=title,
        version=version,
        description=description,
        use_handler_docstrings=True,
        components=Components(
            security_schemes={SCHEME: SecurityScheme(type="http", scheme="bearer", description="Bearer otk_…")}
        ),
        render_plugins=[_Reference(document), _Json(document)],
        openapi_router=Router(
            PATH, route_handlers=[], opt={PUBLIC: True}, include_in_schema=False, after_request=_refuse_unknown_page
        ),
    )


@get("/", opt={PUBLIC: True}, include_in_schema=False, status_code=302)
async def entrance() -> Redirect:
    """Whoever comes with a browser finds what there is."""
    return Redirect(PATH, status_code=302)


class StructSchemas(OpenAPISchemaPlugin):
    """Adds to Litestar's description of a struct its docstring, and that it refuses unknown members where it does."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Structs."""
        return not field_definition.is_union and field_definition.is_subclass_of(msgspec.Struct)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:
        """The struct's schema."""
        for plugin in schema_creator.plugins:
            if plugin is not self and schema_creator.plugin_supports_field(plugin, field_definition):
                schema = plugin.to_openapi_schema(field_definition, schema_creator)
                kind = field_definition.type_
                schema.description = schema.description or inspect.getdoc(kind)
                if kind.__struct_config__.forbid_unknown_fields:
                    schema.additional_properties = False
                return schema
        raise TypeError(f"nothing describes {field_definition.type_}")


def _refuse_unknown_page(response: Response[Any]) -> Response[Any]:
    # Litestar answers unknown paths below the document's with a page of its own.
    if response.status_code == NotFoundException.status_code:
        raise NotFoundException
    return response


def complete(schema: dict[str, Any], app: Litestar) -> dict[str, Any]:
    """A copy of `schema` in which each operation names every status it may answer with, and who may call it."""
    document = deepcopy(schema)
    _, components = msgspec.json.schema_components([Problem, FieldError], ref_template=f"{_REF}{{name}}")
    for component in components.values():
        component["description"] = inspect.cleandoc(component.get("description", ""))
    document.setdefault("components", {}).setdefault("schemas", {}).update(components)
    document = _plainly_named(document)
    operations = dict(_operations(app))
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "responses" in operation:
                _complete(operation, path, method, operations.get((path, method)))
    return document


def _plainly_named(document: dict[str, Any]) -> dict[str, Any]:
    """The document with `Page_Case` for what Litestar calls `Page_services.routing.….Case_`, where that is no other."""
    names = document["components"]["schemas"]
    plain = {name: _MODULE.sub("", name).removesuffix("_") for name in names if _MODULE.search(name)}
    taken = Counter([*names, *plain.values()])
    plain = {name: other for name, other in plain.items() if taken[other] == 1}
    references = {f"{_REF}{name}": f"{_REF}{other}" for name, other in plain.items()}

    def renamed(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: renamed(value) for key, value in part.items()}
        if isinstance(part, list):
            return [renamed(value) for value in part]
        return references.get(part, part) if isinstance(part, str) else part

    schemas = {plain.get(name, name): schema for name, schema in names.items()}
    changed: dict[str, Any] = renamed({**document, "components": {**document["components"], "schemas": schemas}})
    return changed


def _operations(app: Litestar) -> Iterator[tuple[tuple[str, str], HTTPRouteHandler]]:
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                for method in handler.http_methods:
                    yield (route.path_format or "/", method.lower()), handler


def _complete(operation: dict[str, Any], path: str, method: str, handler: HTTPRouteHandler | None) -> None:
    answers = dict(_ALWAYS)
    if handler is not None and not handler.opt.get(PUBLIC):
        answers |= _WITH_KEY
        operation["security"] = [{SCHEME: []}]
        roles = sorted(_roles(handler))
        if roles:
            operation["x-roles"] = roles
    if "{" in path:
        answers |= _WITH_PATH
    if method in _CHANGES:
        answers |= _WITH_CHANGE
    given = operation["responses"]
    # Litestar describes errors in its own shape, which we never answer in.
    for status in [status for status in given if status >= "400" and not _ours(given[status])]:
        answers.setdefault(status, given.pop(status).get("description", ""))
    for status, description in answers.items():
        given.setdefault(status, _answer(description))


def _ours(answer: dict[str, Any]) -> bool:
    return MEDIA_TYPE in answer.get("content", {})


def _roles(handler: HTTPRouteHandler) -> set[str]:
    """The roles that all of the handler's guards let in; empty for any role."""
    allowed: set[str] | None = None
    for guard in handler.resolve_guards():
        wrapped = getattr(guard, "func", guard)
        wrapped = getattr(wrapped, "__wrapped__", wrapped)
        if isinstance(wrapped, RoleGuard):
            roles: set[str] = {"admin", *wrapped.roles}
            allowed = roles if allowed is None else allowed & roles
    return allowed or set()


def _answer(description: str) -> dict[str, Any]:
    return {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": f"{_REF}Problem"}}},
    }
