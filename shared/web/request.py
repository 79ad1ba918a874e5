"""A request whose JSON body is read strictly."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request

from shared.auth import Principal
from shared.errors import Invalid
from shared.web.problem import invalid_body


class ServiceRequest(Request[Principal, None, Any]):
    """Decodes a body straight into the type that the handler's `data` declares.

    Litestar alone would convert laxly ("5" for 5, "true" for true); what a client means should not be guessed.
    """

    async def json(self) -> Any:
        """The body; raises Invalid, which names the place, for what is no JSON or does not fit the type."""
        body = await self.body()
        field = self.route_handler.parsed_data_field
        kind = Any if field is None else field.raw
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            detail, errors = invalid_body(error)
            raise Invalid(detail, extra={"errors": msgspec.to_builtins(errors)} if errors else None) from error
