"""One source as a connector sees it: where it reads, with which credentials, and what it may do."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.events import Platform
from shared.events.base import PageId

SourceId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$(?!\n)")]
"""Chosen by whoever adds it; part of the hook's address."""

Way = Literal["hook", "poll"]
"""How comments come in: the platform calls us, or we ask it."""


WITHHELD = "[withheld]"


class Secrets(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Credentials; which of them a platform needs for what is said in docs/connect-<platform>.md. Never shown."""

    community_token: str | None = None
    """VK: comments, replies, closes comments."""
    user_token: str | None = None
    """VK: an administrator's; deletes, bans, reads walls."""
    service_token: str | None = None
    """VK: an application's; reads walls."""
    bot_token: str | None = None
    """Telegram and MAX."""
    application_key: str | None = None
    """OK: the application's public key."""
    application_secret: str | None = None
    """OK: signs requests together with `access_token`."""
    access_token: str | None = None
    """OK."""
    hook_secret: str | None = None
    """What the platform sends with each call of the hook; made by us when the source is added."""
    confirmation: str | None = None
    """VK: what the hook answers to `confirmation`."""

    def __repr__(self) -> str:
        """Names no value."""
        return "Secrets(…)"

    def withheld_from(self, words: str) -> str:
        """`words` without any of these, should a platform have repeated what it was sent."""
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if value:
                words = words.replace(value, WITHHELD)
        return words


MAX_PACE = 3_600.0
MAX_CEILING = 10_000
Pace = Annotated[float, Meta(ge=0, le=MAX_PACE, description="Seconds between two actions on the page, at least.")]
Ceiling = Annotated[
    int, Meta(ge=0, le=MAX_CEILING, description="Actions on the page in 24 hours, at most; the rest goes to a person.")
]


class OpenFields(msgspec.Struct, frozen=True, kw_only=True):
    """What of a source is no secret, as it is kept and as it is worked with."""

    id: SourceId
    platform: Platform
    page: PageId
    """`vk:-123`, `telegram:-100123` (the channel), `ok:<group>`, `max:<chat>`."""
    group: str | None = None
    """Telegram: id of the channel's discussion group, once it is known."""
    way: Way
    active: bool = True
    acting: bool = False
    """Whether actions are carried out; else they are only told (dry run)."""
    pace_seconds: Pace = 3.0
    daily_ceiling: Ceiling = 200


class Source(OpenFields, frozen=True, kw_only=True):
    """A source with its secrets open. Lives in memory only."""

    secrets: Secrets
    added_at: datetime | None = None
    """None where that does not matter."""
