"""A request whose JSON body is read strictly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import FormMultiDict

from shared.auth import Principal
from shared.errors import Invalid, RequestTimeout
from shared.web.problem import invalid_body

BODY_SECONDS = 120.0
"""For a body that is read as a whole: a client that goes silent must not hold its part of it for ever."""


class ServiceRequest(Request[Principal, None, Any]):
    """Decodes a body straight into the type that the handler's `data` declares.

    Litestar alone would convert laxly ("5" for 5, "true" for true); what a client means should not be guessed.
    """

    async def body(self) -> bytes:
        """The whole body; raises RequestTimeout when it is not complete in time."""
        async with _in_time():
            return await super().body()

    async def form(self) -> FormMultiDict:
        """The whole form; raises RequestTimeout when it is not complete in time."""
        async with _in_time():
            return await super().form()

    async def json(self) -> Any:
        """The body; raises Invalid, which names the place, for what is no JSON or does not fit the type."""
        body = await self.body()
        field = self.route_handler.parsed_data_field
        kind = Any if field is None else field.raw
        try:
            return decode_body(body, kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            detail, errors = invalid_body(error, kind)
            raise Invalid(detail, extra={"errors": msgspec.to_builtins(errors)} if errors else None) from error


@asynccontextmanager
async def _in_time() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            yield
    except TimeoutError as error:
        raise RequestTimeout(f"the body was not complete after {BODY_SECONDS:.0f} seconds") from error


def decode_body(body: bytes, kind: Any) -> Any:
    """`body` as a value of the type `kind`; raises what msgspec raises.

    2.0 counts as the integer 2, as JSON Schema has it: our own document says `integer`.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.ValidationError as error:
        if "got `float`" not in str(error):
            raise
        return msgspec.convert(_with_integers(msgspec.json.decode(body)), type=kind, str_keys=True)


def _with_integers(value: Any) -> Any:
    match value:
        case float():
            return int(value) if value.is_integer() else value
        case list():
            return [_with_integers(item) for item in value]
        case dict():
            return {key: _with_integers(item) for key, item in value.items()}
    return value
