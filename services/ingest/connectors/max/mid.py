"""MAX's ids of messages: `mid.` and 32 hexadecimal digits, of which the last 16 are the sequence. Pure."""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from datetime import datetime

from services.ingest.connectors.tolerance import moment

_MID = re.compile(r"mid\.[0-9a-f]{16}([0-9a-f]{16})", re.ASCII)


def sequence_of(mid: str) -> int | None:
    """The sequence, which is milliseconds since 1970 times 65,536 and a counter; beyond 2**53, never a float."""
    found = _MID.fullmatch(mid)
    return int(found.group(1), 16) if found else None


def moment_of(milliseconds: int | None, mid: str | None = None) -> datetime | None:
    """The time, else that which `mid` tells; None for what is none."""
    sequence = None if mid is None else sequence_of(mid)
    return moment(milliseconds) or moment(None if sequence is None else sequence >> 16)


def address(page: str, post: str | None) -> str:
    """The post, else the channel: MAX has no address of a single comment.

    A post's address ends with the eight bytes of its sequence in base64, as the `url` of recorded posts does.
    """
    chat = page.removeprefix("max:")
    sequence = None if post is None else sequence_of(post)
    if sequence is None:
        return f"https://web.max.ru/{chat}"
    return f"https://max.ru/c/{chat}/{urlsafe_b64encode(sequence.to_bytes(8, 'big')).rstrip(b'=').decode()}"
