"""Reads what a platform sent, though it may differ from what was published: a field of another type counts as missing.

Pure. A connector's structs name only the fields that it needs, all of them optional.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from shared.events.base import ID_PATTERN, MAX_TEXT

MAX_FAULTS = 64
"""Fields of another type that one object may have; with more of them it is something else."""
MAX_DIGITS = 20
"""Of a whole number; a longer one is no id and no time."""

MAX_URL = 2_048
"""Characters of an attachment's address, as `shared.events` bounds it."""
LAST_MILLISECOND = 4_102_444_799_999
"""The end of 2099, where `submission.LAST_YEAR` has ended."""

Whole = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""A number of 64 bits, as every platform's ids and times are."""

T = TypeVar("T")

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PLACE = re.compile(r" - at `\$(.+)`$")
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")
_ID = re.compile(ID_PATTERN)


class Unreadable(ValueError):
    """It is no JSON, or no object where one is needed; the words quote nothing of it."""


def parse(payload: bytes) -> object:
    """The JSON value in `payload`; half a surrogate pair, and bytes that are no UTF-8, become U+FFFD.

    Raises Unreadable.
    """
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        pass
    try:
        # Slower and more patient: half of a surrogate pair is what a cut text ends with.
        text = payload.decode("utf-8-sig", "replace")
        return _whole(json.loads(text, parse_int=_number, parse_constant=lambda _: None))
    except json.JSONDecodeError as error:
        raise Unreadable(f"no JSON: {error.msg} (line {error.lineno}, column {error.colno})") from None
    except RecursionError:
        raise Unreadable("nested too deeply") from None


def fit(value: object, shape: type[T]) -> T:
    """`value` as a struct whose fields are all optional; raises Unreadable where it is no object at all.

    `value` itself loses the fields that are of another type.
    """
    for _ in range(MAX_FAULTS):
        try:
            return msgspec.convert(value, shape)
        except msgspec.ValidationError as error:
            if not _drop(value, str(error)):
                break
        except RecursionError:
            break
    raise Unreadable("not an object of the published shape")


def is_id(text: str | None) -> bool:
    """Whether events may carry `text` as an id, with a platform in front of it."""
    return text is not None and len(text) <= 180 and _ID.match(text) is not None


def bounded(text: str) -> str:
    """At most MAX_TEXT characters, more than any platform allows, of `text`."""
    return text[:MAX_TEXT]


def moment(milliseconds: int | None) -> datetime | None:
    """The time so many milliseconds after 1970; None where that is a mistake, or not said."""
    if milliseconds is None or not 0 < milliseconds <= LAST_MILLISECOND:
        return None
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _number(digits: str) -> int | None:
    return int(digits) if len(digits) <= MAX_DIGITS else None


def _whole(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    return value


def _drop(value: object, message: str) -> bool:
    """Takes out of `value` what `message` complains of."""
    found = _PLACE.search(message)
    steps = list(_STEP.finditer(found.group(1))) if found else []
    if not steps:
        return False
    at = value
    for step in steps[:-1]:
        at = _inner(at, step)
    name, place = steps[-1].groups()
    if isinstance(at, dict) and name in at:
        del at[name]
        return True
    if isinstance(at, list) and place is not None and int(place) < len(at):
        del at[int(place)]
        return True
    return False


def _inner(value: object, step: re.Match[str]) -> object:
    name, place = step.groups()
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list) and place is not None and int(place) < len(value):
        return value[int(place)]
    return None
