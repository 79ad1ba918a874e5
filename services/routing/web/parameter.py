"""What comes with a request beside its path, each with its limits."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar.params import HeaderParameter, QueryParameter
from msgspec import Meta

from services.routing.domain.case_change import MAX_ANSWER, MAX_REASON, MAX_WHERE
from services.routing.domain.decision import MAX_GROUND
from services.routing.domain.lease import MAX_LEASE_SECONDS
from shared.web import DEFAULT_PAGE, Cursor, Limit

__all__ = ["DEFAULT_PAGE", "Cursor", "Limit"]

# Query and headers -----------------------------------------------------------------------------------------------

Below = Annotated[bool, QueryParameter(description="Also of every institution below this one.")]
Token = Annotated[int, QueryParameter(ge=1, le=2**31 - 1, description="The lease's token.")]
After = Annotated[int, QueryParameter(ge=0, le=2**53, description="`next` of the answer before; 0 for the beginning.")]

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,200}$",
        description="A new one for each act: sent again with the same request it yields the stored answer, for 24 h.",
    ),
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", max_length=200, description="The ETag that was read: 412 if it has changed."),
]

# Bodies ----------------------------------------------------------------------------------------------------------

_NO_NUL = r"^[^\x00]*$"
"""PostgreSQL keeps any character but this one."""

Answer = Annotated[str, Meta(min_length=1, max_length=MAX_ANSWER, pattern=_NO_NUL)]
Where = Annotated[str, Meta(min_length=1, max_length=MAX_WHERE, pattern=_NO_NUL)]
Reason = Annotated[str, Meta(min_length=1, max_length=MAX_REASON, pattern=_NO_NUL)]
Ground = Annotated[str, Meta(min_length=1, max_length=MAX_GROUND, pattern=_NO_NUL)]
TopicRef = Annotated[str, Meta(pattern=r"^[a-z_]{1,40}$")]
InstitutionRef = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,60}$")]
TokenField = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Seconds = Annotated[int, Meta(ge=1, le=MAX_LEASE_SECONDS)]


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request's body; what it does not name is refused."""


class Leasing(Body, frozen=True, kw_only=True):
    """For how long; with `token` the lease that the caller holds is prolonged."""

    token: TokenField | None = None
    seconds: Seconds | None = None
