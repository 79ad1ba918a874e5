"""Lists in pages: a cursor that the client hands back unread."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated, Generic, TypeVar

import msgspec
from litestar.params import QueryParameter

from shared.errors import Invalid

T = TypeVar("T")

MAX_PAGE = 200
DEFAULT_PAGE = 50
MAX_CURSOR = 1_000
"""Characters."""

Cursor = Annotated[
    str | None, QueryParameter(max_length=MAX_CURSOR, description="`next` of the page before, unchanged.")
]
"""A handler's `cursor: Cursor = None`."""

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_PAGE, description="How many items at most.")]
"""A handler's `limit: Limit = DEFAULT_PAGE`."""


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some of a list; `next` fetches what follows, and is null at the end."""

    items: list[T]
    next: str | None = None


def encode_cursor(position: object) -> str:
    """The opaque cursor for `position`, a value that JSON can carry."""
    return base64.urlsafe_b64encode(msgspec.json.encode(position)).rstrip(b"=").decode()


def decode_cursor(cursor: str, kind: type[T]) -> T:
    """The position, which must be of type `kind`; raises Invalid for what `encode_cursor` did not make of one."""
    if len(cursor) > MAX_CURSOR:
        raise Invalid("this is not a cursor: take it unchanged from `next` of the page before")
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(raw, type=kind)
    except (binascii.Error, ValueError, msgspec.DecodeError, RecursionError) as error:
        raise Invalid("this is not a cursor: take it unchanged from `next` of the page before") from error
