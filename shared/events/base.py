"""The base of every event and the small types they share."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

ID_PATTERN = r"^[A-Za-z0-9._:=+/-]{1,200}$(?!\n)"
"""Ids of comments, posts and pages: these characters, at most 200 of them (a subject token is their base64url).

The lookahead keeps out a final line feed, which Python's `$` would let pass; so in every pattern of the events."""

PAGE_PATTERN = r"^(vk|telegram|ok|max|http):[A-Za-z0-9._:=+/-]{1,197}$(?!\n)"

MAX_TEXT = 65_536
"""Characters of one comment; VK, the most generous platform, allows 16,384. Keeps an event below the stream's limit."""

MAX_ATTACHMENTS = 20

Platform = Literal["vk", "telegram", "ok", "max", "http"]
PLATFORMS: tuple[str, ...] = get_args(Platform)
Id = Annotated[str, Meta(pattern=ID_PATTERN)]
PageId = Annotated[str, Meta(pattern=PAGE_PATTERN)]
"""`<platform>:<the platform's own id>`; the second part makes the subject's token and is never empty."""
Moment = Annotated[datetime, Meta(tz=True)]
"""A moment with its time zone."""
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Note = Annotated[str, Meta(max_length=2_000)]
"""A person's or the machine's explanation, in characters."""
TraceId = Annotated[str, Meta(max_length=64)]
InstitutionId = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,60}$(?!\n)")]
UUID_PATTERN = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$(?!\n)"
UuidText = Annotated[str, Meta(pattern=UUID_PATTERN)]
"""A UUIDv7 in its usual spelling."""


class BaseEvent(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", omit_defaults=False):
    """`type` names the event, `v` its version: 1 until a reader of version 1 could no longer make sense of it."""

    v: Annotated[int, Meta(ge=1, le=1)] = 1
    trace: TraceId = ""
    """Follows one comment through every service's log."""
