"""JSON as the platform writes it, read without trusting any of it. Pure."""

from __future__ import annotations

from services.ingest.connectors import tolerance
from services.ingest.connectors.received import NotThisPlatform

Item = dict[str, object]

LARGEST = 2**63
"""Numbers beyond this are no id and no time; Python would also refuse to spell the longest."""


def parse(payload: bytes) -> object:
    """The value in `payload`, with every string fit for UTF-8; raises NotThisPlatform for what is no JSON."""
    try:
        return tolerance.parse(payload)
    except tolerance.Unreadable:
        raise NotThisPlatform("expected JSON as Odnoklassniki sends it") from None


def item(value: object) -> Item:
    """`value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def items(value: object) -> list[Item]:
    """The objects in `value` where it is an array."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def text(value: object) -> str | None:
    """`value` as text where it is text or a whole number that an id may be; None where it is anything else."""
    if isinstance(value, str):
        return value
    number = whole(value)
    return None if number is None else str(number)


def whole(value: object) -> int | None:
    """`value` as a number where it is a whole one, or its digits."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    return value if isinstance(value, int) and -LARGEST < value < LARGEST else None
