"""`POST /v1/registry`: the registry's CSV files, imported all or not at all."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, get_args

import msgspec
from litestar import post
from litestar.datastructures import UploadFile
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import OpenAPIFormat, OpenAPIMediaType, OpenAPIType, Operation, RequestBody, Schema

from services.routing.domain.registry_csv import COLUMNS, FileName
from services.routing.registry_import import Files, Imported, Rejected, import_registry, lines
from services.routing.web.office import office_of
from shared.auth import requires
from shared.counting import counted
from shared.errors import Invalid, OtklikError
from shared.web import ServiceRequest
from shared.web.problem import MEDIA_TYPE

MAX_UPLOAD = 64 * 1024 * 1024
"""Bytes: 175,000 pages are about 20 MiB."""

_NAMES: tuple[FileName, ...] = get_args(FileName)


class UnsupportedMediaType(OtklikError):
    """A body of a kind that is not read here."""

    status = 415
    title = "Unsupported media type"


class RegistryProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with the files, all of it; or with the body that should have held them."""

    title: str
    status: int
    detail: str
    instance: str
    errors: list[dict[str, Any]] = []
    """Of files: `file`, `line`, `column`, `error`."""
    error_count: int = 0
    """All errors of files, also those beyond the 200 that are listed."""


class RegistryOperation(Operation):
    """Describes the body, which the handler reads by itself."""

    def __post_init__(self) -> None:
        """Litestar has filled in the rest."""
        text, file = Schema(type=OpenAPIType.STRING), Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
        self.request_body = RequestBody(
            required=True,
            description="Any of the five files; their columns: "
            + "; ".join(f"{name}: {', '.join(columns)}" for name, columns in COLUMNS.items()),
            content={
                "application/json": OpenAPIMediaType(schema=_object(text)),
                "multipart/form-data": OpenAPIMediaType(schema=_object(file)),
            },
        )


def _object(kind: Schema) -> Schema:
    return Schema(
        type=OpenAPIType.OBJECT, properties=dict.fromkeys(_NAMES, kind), additional_properties=False, min_properties=1
    )


@post(
    "/v1/registry",
    guards=[requires()],
    status_code=HTTPStatus.OK,
    request_max_body_size=MAX_UPLOAD,
    operation_class=RegistryOperation,
    summary="Import the registry",
    tags=["registry"],
    responses={
        400: ResponseSpec(RegistryProblem, media_type=MEDIA_TYPE, description="Errors in the files, or in the body"),
        415: ResponseSpec(None, description="Neither JSON nor multipart/form-data"),
    },
)
async def import_files(request: ServiceRequest) -> Imported:
    """Adds the rows of the files and replaces those with the same key; rows that are not mentioned stay. Importing the
    same files again changes nothing.

    Send them as multipart/form-data (fields `territories`, `streets`, `institutions`, `pages`, `competences`) or as
    JSON with the same names and the files' text. 400 lists in `errors` the file, line, column and error of everything
    that is wrong, 200 of them at most, and nothing is imported then. Every process works by it within about a second.
    """
    files = await _files(request)
    done = await import_registry(
        office_of(request).database,
        files,
        actor=request.user.key_id,
        clock=office_of(request).clock,
        new_id=office_of(request).new_id,
    )
    if isinstance(done, Rejected):
        raise Invalid(
            f"{counted(done.error_count, 'error')} in the files; nothing was imported.",
            extra={"errors": msgspec.to_builtins(done.errors), "error_count": done.error_count},
        )
    return done


async def _files(request: ServiceRequest) -> Files:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        parts: dict[str, Any] = dict((await request.form()).multi_items())
    elif kind in ("application/json", ""):
        parts = _json_parts(await request.json())
    else:
        raise UnsupportedMediaType("send multipart/form-data or application/json")
    wrong = sorted(name[:60] for name in parts if name not in _NAMES)
    if wrong:
        raise Invalid(f"{wrong[0]}: there is no such file; the files are {', '.join(_NAMES)}.")
    if not parts:
        raise Invalid(f"Send one of {', '.join(_NAMES)} at least.")
    return {name: lines(await _content(parts[name])) for name in _NAMES if name in parts}


def _json_parts(body: Any) -> dict[str, Any]:
    if not isinstance(body, dict) or not all(isinstance(text, str) for text in body.values()):
        raise Invalid("The body must be an object of file names and their text.")
    return body


async def _content(part: Any) -> bytes:
    return await part.read() if isinstance(part, UploadFile) else str(part).encode()
