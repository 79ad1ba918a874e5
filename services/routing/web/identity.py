"""Ids that come in a path."""

from __future__ import annotations

import msgspec

from shared.errors import NotFound
from shared.events.base import UuidText


def known_id(id: str) -> str:
    """`id` if it could be one of ours; raises NotFound otherwise, as for any that is not."""
    try:
        return msgspec.convert(id, UuidText)
    except msgspec.ValidationError:
        raise NotFound("no such thing, or none that this key may see") from None
