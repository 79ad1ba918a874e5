"""Column types of the routing database beyond the shared ones."""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Dialect, Text
from sqlalchemy.types import TypeDecorator

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


class Json(TypeDecorator[Any]):
    """A value kept as JSON text, the same on both databases; structs go in, plain lists and mappings come out.

    Nothing is ever looked for inside it in SQL: what is searched has a column of its own.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """To the database; None stays NULL."""
        return None if value is None else _encoder.encode(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """From the database."""
        return None if value is None else _decoder.decode(value)
