"""Every error as a problem document (RFC 9457): what is wrong, where, and what would be right."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.handlers import HTTPRouteHandler
from litestar.types import ExceptionHandlersMap

from shared.choices import told
from shared.errors import OtklikError, Transient
from shared.obs.withheld import first_line

MEDIA_TYPE = "application/problem+json"
MAX_DETAIL = 500
"""Characters of a detail that quotes what was sent."""

_log = structlog.get_logger("web")


class FieldError(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is wrong with what was sent."""

    message: str
    path: str = ""
    """Where: `$.items[0].page` in a body, or the name of a parameter."""
    source: str = ""
    """body, query, path, header or cookie."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document; `type` is always about:blank, so that `title` and `status` tell the kind.

    Members that belong to one kind of problem alone (`allowed`, `parts`, …) stand beside these.
    """

    title: str
    status: int
    detail: str = ""
    instance: str = ""
    """The request's id; the log line of the request carries it too."""
    errors: tuple[FieldError, ...] = ()


def problem_response(
    status: int,
    title: str,
    detail: str,
    *,
    request_id: str = "",
    errors: tuple[FieldError, ...] = (),
    extra: dict[str, object] | None = None,
    headers: dict[str, str] | None = None,
) -> Response[bytes]:
    """The answer that carries a problem document."""
    document: dict[str, object] = {
        **(extra or {}),
        **msgspec.to_builtins(
            Problem(
                title=title,
                status=status,
                detail=detail,
                instance=f"urn:uuid:{request_id}" if request_id else "",
                errors=errors,
            )
        ),
    }
    return Response(
        msgspec.json.encode(document), status_code=status, media_type=MEDIA_TYPE, headers={**(headers or {})}
    )


def _known(request: Request[Any, Any, Any], error: OtklikError) -> Response[bytes]:
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR and error.status != HTTPStatus.SERVICE_UNAVAILABLE:
        _log.error("request failed", exc_info=error)
        return _internal(request)
    return problem_response(
        error.status,
        error.title,
        error.detail,
        request_id=_request_id(request),
        extra=error.extra,
        headers=error.headers,
    )


def _transient(request: Request[Any, Any, Any], error: Transient) -> Response[bytes]:
    _log.warning("request refused for now", error=error)
    return problem_response(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Unavailable",
        "a part this needs is away or busy; try again",
        request_id=_request_id(request),
        headers={"Retry-After": "2"},
    )


def _framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = error.status_code
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR and status != HTTPStatus.SERVICE_UNAVAILABLE:
        if error.detail == "client disconnected prematurely":
            # Nobody reads this answer; it only gives the request its line in the log.
            return problem_response(400, "Invalid request", "the body ended early", request_id=_request_id(request))
        _log.error("request failed", exc_info=error)
        return _internal(request)
    handler = request.scope.get("route_handler")
    errors = _field_errors(error.extra, handler) if isinstance(error, ValidationException) else ()
    detail = "; ".join(_sentence(item) for item in errors)[:MAX_DETAIL] or error.detail[:MAX_DETAIL]
    headers = dict(error.headers or {})
    if status == HTTPStatus.NOT_FOUND and detail == HTTPStatus.NOT_FOUND.phrase:
        detail = "no such path; the paths are listed under /docs"
    elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        limit = _limit(request)
        detail = f"the body is larger than {limit} bytes" if limit else "the body is too large"
    elif status == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = _allowed(headers.pop("allow", ""))
        headers["Allow"] = allowed
        detail = f"this path answers to {allowed}"
    return problem_response(
        status, _title(status), detail, request_id=_request_id(request), errors=errors, headers=headers
    )


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    _log.error("request failed", exc_info=error)
    return _internal(request)


def _internal(request: Request[Any, Any, Any]) -> Response[bytes]:
    return problem_response(
        500,
        "Internal error",
        "this is our fault; the log has it under the request's id",
        request_id=_request_id(request),
    )


def _title(status: int) -> str:
    if status == HTTPStatus.BAD_REQUEST:
        return "Invalid request"
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return "Too large"
    return HTTPStatus(status).phrase.capitalize()


def _field_errors(extra: object, handler: object) -> tuple[FieldError, ...]:
    if not isinstance(extra, list) or not isinstance(handler, HTTPRouteHandler):
        return ()
    found = tuple(_field_error(item, handler) for item in extra if isinstance(item, dict))
    body = handler.parsed_data_field
    if body is not None and body.has_default:
        # Litestar looks for every argument once one of them is wrong, also for a body that nobody needs to send.
        return tuple(error for error in found if error != _NO_BODY)
    return found


def _field_error(item: dict[str, object], handler: HTTPRouteHandler) -> FieldError:
    if item.get("key") == "data" and item.get("message") == "'data'":
        # How Litestar says that there was no body at all.
        return _NO_BODY
    name = str(item.get("key", ""))
    argument = handler.parsed_fn_signature.parameters.get(name)
    # The handler's own word for a parameter is not the client's.
    sent_as = getattr(argument.kwarg_definition, "name", None) if argument is not None else None
    message = str(item.get("message", ""))
    return FieldError(
        message=(told(message, argument.raw) if argument is not None else message)[:MAX_DETAIL],
        path=(sent_as or name)[:MAX_DETAIL],
        source=str(getattr(item.get("source"), "value", item.get("source") or "")),
    )


_NO_BODY = FieldError(message="missing", path="$", source="body")


def _sentence(error: FieldError) -> str:
    if error == _NO_BODY:
        return "this needs a JSON body"
    where = " ".join(part for part in (error.source, error.path) if part)
    return f"{where}: {error.message}" if where else error.message


def _allowed(listed: str) -> str:
    methods = {part.strip() for part in listed.split(",") if part.strip()}
    if "GET" in methods:
        methods.add("HEAD")
    return ", ".join(sorted(methods))


def _limit(request: Request[Any, Any, Any]) -> int | None:
    handler = request.scope.get("route_handler")
    resolve = getattr(handler, "resolve_request_max_body_size", None)
    return resolve() if resolve is not None else None


def _request_id(request: Request[Any, Any, Any]) -> str:
    return str(request.scope.get("state", {}).get("request_id", ""))


def invalid_body(error: Exception, kind: Any) -> tuple[str, tuple[FieldError, ...]]:
    """What is wrong with a body that msgspec refused as a `kind`: a sentence, and the place in it."""
    if isinstance(error, msgspec.ValidationError):
        # The path stands last, in backquotes; an unknown field's name before it may hold anything.
        message, found, path = str(error).rpartition(" - at `")
        message, path = (message, path.rstrip("`")) if found else (path, "$")
        message, path = told(message, kind, path)[:MAX_DETAIL], path[:MAX_DETAIL]
        item = FieldError(message=message, path=path, source="body")
        return f"body {path}: {message}", (item,)
    if isinstance(error, RecursionError):
        return "the body is nested too deeply", ()
    if isinstance(error, UnicodeDecodeError):
        return "the body is not UTF-8", ()
    return f"the body is no JSON: {first_line(error).removeprefix('JSON is malformed: ')}", ()


EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    OtklikError: _known,
    Transient: _transient,
    HTTPException: _framework,
    Exception: _unexpected,
}
"""For the application; a subclass's handler wins over its parent's."""
