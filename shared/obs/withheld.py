"""What may never stand in a log: a citizen's words, a key, a person's name."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from datetime import date, timedelta
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

FORBIDDEN = frozenset(
    {
        "api_key", "address", "author", "authorization", "bearer", "body", "citizen", "comment_text", "content",
        "cookie", "credential", "credentials", "display_name", "draft", "email", "first_name", "full_name", "headers",
        "key", "last_name", "message_text", "name", "password", "payload", "phone", "query", "query_string", "reply",
        "secret", "text", "token", "user", "username", "words",
    }
)  # fmt: skip
"""Keys that are refused, in any case and at any depth; `key_id` and the like are fine."""

WITHHELD = "[withheld]"
MAX_VALUE = 500
"""Characters of one value: long enough for a reason, too short for a letter."""

_URL_PASSWORD = re.compile(r"(?<=://)[^/\s@]+@")
_KEY = re.compile(r"otk_[A-Za-z0-9_-]{20,}")


class ForbiddenInLog(Exception):
    """A log call names something that may not be logged; raised only where logging is strict, that is in tests."""


class Withhold:
    """The processor that takes forbidden keys out of every entry, and makes every value plain and short.

    `strict` raises ForbiddenInLog instead, so that a test finds the call; production never fails because of a log.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self._strict = strict

    def __call__(self, _logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for key in list(entry):
            entry[key] = self._allowed(key, entry[key])
        return entry

    def _allowed(self, key: str, value: object) -> object:
        if key.lower() in FORBIDDEN:
            if self._strict:
                raise ForbiddenInLog(f"the key {key!r} may not be logged")
            return WITHHELD
        return self._plain(value)

    def _plain(self, value: object) -> object:
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return scrub(value)
            case bytes():
                return f"<{len(value)} bytes>"
            case date() | timedelta() | UUID() | PurePath():
                return str(value)
            case Enum():
                return self._plain(value.value)
            case Mapping():
                return {str(key): self._allowed(str(key), item) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._plain(item) for item in value]
            case type():
                return value.__name__
            case BaseException():
                return f"{type(value).__name__}: {first_line(value)}"
        # Anything else might carry a comment inside; its type tells enough.
        return f"<{type(value).__name__}>"


def scrub(text: str) -> str:
    """`text` without keys and passwords in it, and no longer than MAX_VALUE."""
    return _KEY.sub(WITHHELD, _URL_PASSWORD.sub(f"{WITHHELD}@", text))[:MAX_VALUE]


def first_line(error: BaseException) -> str:
    """The first line of an error's message, scrubbed.

    Databases quote the offending row from the second line on (PostgreSQL's DETAIL).
    """
    lines = str(error).splitlines()
    return scrub(lines[0])[:300] if lines else ""
