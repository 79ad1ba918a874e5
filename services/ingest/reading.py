"""From bytes to submissions: strict and fast where all is well, patient where something is wrong. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, get_type_hints

import msgspec

from services.ingest.submission import Refusal, Submission
from shared.errors import Invalid, TooLarge
from shared.events import PLATFORMS
from shared.events.base import MAX_ATTACHMENTS, MAX_TEXT

MAX_ITEMS = 1_000
"""Of one array; more is sent as several arrays, or as NDJSON, which has no end."""

_ID = "1 to 200 of the characters A-Z a-z 0-9 . _ : = + / -"
RIGHT = {
    "platform": f"one of {', '.join(PLATFORMS)}",
    "page": f'the page with its platform, as in "http:demo": {_ID}',
    "id": f"the comment's own id as a string: {_ID}",
    "event": "one of created, edited, deleted, restored",
    "post": f"null or the post's id as a string: {_ID}",
    "parent": f"null or the id of the comment replied to, as a string: {_ID}",
    "author": "null or the author's id as a string of 1 to 200 characters",
    "author_kind": "one of person, page, community",
    "text": f"a string of at most {MAX_TEXT} characters",
    "attachments": f'a list of at most {MAX_ATTACHMENTS} objects {{"kind": …, "url": …}}, where kind is photo, video, '
    "audio, voice, document, link, sticker, poll or other and url null or at most 2048 characters",
    "posted_at": 'null or a moment with its time zone, as in "2026-01-01T10:00:00+03:00"',
}
"""What would be right in each field of a submission."""

_one = msgspec.json.Decoder(Submission)
_many = msgspec.json.Decoder(list[Submission])
_anything = msgspec.json.Decoder()

# An array decoded as a struct stops at the item over the limit; as a list it would first build millions of them.
_Raws: Any = msgspec.defstruct(
    "_Raws",
    [(f"item{number}", msgspec.Raw | msgspec.UnsetType, msgspec.UNSET) for number in range(MAX_ITEMS)],
    array_like=True,
    forbid_unknown_fields=True,
)
_raws = msgspec.json.Decoder(_Raws)

_KINDS = get_type_hints(Submission, include_extras=True)
_REQUIRED = [field.name for field in msgspec.structs.fields(Submission) if field.required]

# In turn: a whole surrogate pair, half a pair, any other escape (so that an escaped backslash is never misread).
_ESCAPES = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})|\\.", re.DOTALL
)


def read_one(raw: bytes | msgspec.Raw) -> Submission | Refusal:
    """The submission in `raw`, which is one JSON value; never raises for anything that bytes can hold."""
    try:
        return _one.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        # What is wrong is found out below; all that is decoded here first is decoded again.
        mended = mend_surrogates(bytes(raw))
    try:
        return _one.decode(mended)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Refusal(error=explain(mended))


def read_array(body: bytes) -> list[Submission | Refusal]:
    """The items of a JSON array; raises Invalid when it is not JSON, TooLarge when it has over MAX_ITEMS items."""
    try:
        found: list[Submission | Refusal] = list(_many.decode(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = [read_one(raw) for raw in _split(mend_surrogates(body))]
    if len(found) > MAX_ITEMS:
        raise _too_many()
    return found


def _split(body: bytes) -> list[msgspec.Raw]:
    try:
        items = msgspec.structs.astuple(_raws.decode(body))
    except msgspec.ValidationError as error:
        raise _too_many() from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid(f"the body is {_not_json(error, body)}") from error
    return [item for item in items if item is not msgspec.UNSET]


def _too_many() -> TooLarge:
    return TooLarge(
        f"the array has more than {MAX_ITEMS} items: send several, or lines of JSON as application/x-ndjson"
    )


def mend_surrogates(body: bytes) -> bytes:
    r"""`body` with each `\ud800`-like escape that lacks its other half replaced by U+FFFD: no text can hold it."""
    if b"\\u" not in body:
        return body
    return _ESCAPES.sub(lambda found: rb"\ufffd" if found[1] else found[0], body)


def explain(body: bytes) -> str:
    """Everything that is wrong with one item, in words."""
    try:
        value = _anything.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _not_json(error, body)
    if not isinstance(value, dict):
        return "must be a JSON object with at least platform, page, id and text"
    wrong = [f"{name}: missing; must be {RIGHT[name]}" for name in _REQUIRED if name not in value]
    unknown = sorted(set(value) - set(_KINDS))
    if unknown:
        names = ", ".join(ascii(name[:40])[1:-1] for name in unknown[:5])
        wrong.append(f"unknown field {names}; known are {', '.join(_KINDS)}")
    for name in _KINDS:
        if name in value and not _fits(value[name], _KINDS[name]):
            naive = name == "posted_at" and _fits(value[name], datetime)
            wrong.append(f"{name}: {'has no time zone; ' if naive else ''}must be {RIGHT[name]}")
    # Nothing found means a number or depth that only the strict reader minds.
    return "; ".join(wrong) or "must be a JSON object of the documented fields"


def _fits(value: object, kind: Any) -> bool:
    try:
        msgspec.convert(value, kind)
    except (msgspec.ValidationError, RecursionError):
        return False
    return True


def _not_json(error: Exception, body: bytes) -> str:
    """Why `body` cannot be read at all, and where; quotes nothing of it."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    try:
        body.decode()
    except UnicodeDecodeError as wrong:
        return f"not UTF-8 at {_place(body, wrong.start)}; send it in UTF-8"
    if isinstance(error, msgspec.ValidationError):
        return "not usable: a number in it is too large"
    found = re.search(r"([a-z0-9 -]+) \(byte (\d+)\)", str(error))
    if found is None:
        return "not JSON: it ends in the middle"
    return f"not JSON: {found[1].strip()} at {_place(body, int(found[2]))}"


def _place(body: bytes, at: int) -> str:
    before = body[:at]
    line = before.count(b"\n") + 1
    column = at - (before.rfind(b"\n") + 1) + 1
    return f"byte {column}" if line == 1 else f"line {line}, byte {column}"
