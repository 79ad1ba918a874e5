"""What a source of each platform must and may have; what is wrong is told field by field, with what would be right.

Pure. A secret's value is never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import get_args

import msgspec

from services.ingest.sources.source import MAX_CEILING, MAX_PACE, Secrets, Way
from services.ingest.sources.vault import MAX_SECRET
from shared.errors import Invalid

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")
_ID_RIGHT = "1 to 60 of a-z, 0-9 and -, beginning with a letter or digit, as in city-vk"
_SECRET = re.compile(r"[\x21-\x7e]+")
TELEGRAM_TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{1,100}")
"""The bot's number, and its secret."""
WAYS: tuple[str, ...] = get_args(Way)


class Requirement(msgspec.Struct, frozen=True, kw_only=True):
    """One platform. `needed` are the secrets without which a way cannot work at all, by way: of each group one."""

    page: re.Pattern[str]
    page_right: str
    ways: tuple[Way, ...] = ("hook", "poll")
    needed: Mapping[str, tuple[tuple[str, ...], ...]]
    possible: tuple[str, ...]
    shapes: Mapping[str, tuple[re.Pattern[str], str]] = {}
    """Of secrets that have one for certain: what they look like, and the same in words."""


PLATFORMS: dict[str, Requirement] = {
    "vk": Requirement(
        page=re.compile(r"vk:-[1-9][0-9]{0,17}"),
        page_right="the community's id with a minus, as in vk:-123",
        needed={"hook": (), "poll": (("community_token", "user_token"),)},
        possible=("community_token", "user_token", "service_token", "confirmation"),
    ),
    "telegram": Requirement(
        page=re.compile(r"telegram:-[1-9][0-9]{0,17}"),
        page_right="the channel's id with a minus, as in telegram:-1001234567890",
        needed={"hook": (("bot_token",),), "poll": (("bot_token",),)},
        possible=("bot_token",),
        shapes={"bot_token": (TELEGRAM_TOKEN, "the bot's number, a colon and letters, as @BotFather gives it")},
    ),
    "max": Requirement(
        page=re.compile(r"max:-?[1-9][0-9]{0,19}"),
        page_right="the channel's id, as in max:-70000000000001",
        needed={"hook": (("bot_token",),), "poll": (("bot_token",),)},
        possible=("bot_token",),
    ),
    "ok": Requirement(
        page=re.compile(r"ok:[1-9][0-9]{0,19}"),
        page_right="the group's id, as in ok:50000000000001",
        ways=("poll",),
        needed={"poll": (("application_key",), ("application_secret",), ("access_token",))},
        possible=("application_key", "application_secret", "access_token"),
    ),
}
"""Comments of the platform `http` come with an API key of the role ingest: there is no source to add."""


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: where, and what would be right."""

    path: str
    message: str


def refuse(wrong: list[Wrong]) -> None:
    """Raises Invalid that names all of it; does nothing when nothing is wrong."""
    if wrong:
        errors = [{"path": f"$.{item.path}", "message": item.message, "source": "body"} for item in wrong]
        raise Invalid("; ".join(f"{item.path}: {item.message}" for item in wrong), extra={"errors": errors})


def wrong_source(*, id: str, platform: str, page: str, way: str, group: str | None, given: Secrets) -> Iterator[Wrong]:
    """What is wrong with a source that shall be added."""
    if ID.fullmatch(id) is None:
        yield Wrong(path="id", message=f"must be {_ID_RIGHT}")
    known = PLATFORMS.get(platform)
    if known is None:
        also = "; comments of http need no source but an API key of the role ingest" if platform == "http" else ""
        yield Wrong(path="platform", message=f"must be one of {', '.join(PLATFORMS)}{also}")
        return
    if known.page.fullmatch(page) is None:
        yield Wrong(path="page", message=f"must be {known.page_right}")
    if way not in known.ways:
        yield Wrong(path="way", message=f"must be {' or '.join(known.ways)} for {platform}")
    yield from wrong_group(platform, group)
    yield from wrong_secrets(platform, given)
    yield from missing_secrets(platform, way, given)


def wrong_group(platform: str, group: str | None) -> Iterator[Wrong]:
    """What is wrong with the discussion group."""
    if group is None:
        return
    if platform != "telegram":
        yield Wrong(path="group", message=f"only Telegram's channels have one; leave it out for {platform}")
    elif re.fullmatch(r"-[1-9][0-9]{0,17}", group) is None:
        yield Wrong(path="group", message="must be the discussion group's id with a minus, as in -1001234567890")


def wrong_secrets(platform: str, given: Secrets) -> Iterator[Wrong]:
    """Secrets that the platform does not have, and values that none can have."""
    possible, shapes = PLATFORMS[platform].possible, PLATFORMS[platform].shapes
    for name in Secrets.__struct_fields__:
        value = getattr(given, name)
        if value is None or name == "hook_secret":
            continue
        if name not in possible:
            yield Wrong(path=f"secrets.{name}", message=f"{platform} has none; it has {', '.join(possible)}")
        elif len(value) > MAX_SECRET or _SECRET.fullmatch(value) is None:
            yield Wrong(
                path=f"secrets.{name}",
                message=f"must be 1 to {MAX_SECRET} Latin letters, digits and signs, without blanks or line ends: "
                "paste it alone",
            )
        elif name in shapes and shapes[name][0].fullmatch(value) is None:
            yield Wrong(path=f"secrets.{name}", message=f"must be {shapes[name][1]}")


def missing_secrets(platform: str, way: str, there: Secrets) -> Iterator[Wrong]:
    """Secrets without which the way cannot work."""
    for names in PLATFORMS[platform].needed.get(way, ()):
        if all(getattr(there, name) is None for name in names):
            instead = "".join(f", or {name}" for name in names[1:])
            yield Wrong(path=f"secrets.{names[0]}", message=f"missing; {platform} needs it to {way}{instead}")


def wrong_limits(pace_seconds: float | None, daily_ceiling: int | None) -> Iterator[Wrong]:
    """What is wrong with how often is acted."""
    if pace_seconds is not None and not 0 <= pace_seconds <= MAX_PACE:
        yield Wrong(path="pace_seconds", message=f"must be 0 to {MAX_PACE:.0f} seconds")
    if daily_ceiling is not None and not 0 <= daily_ceiling <= MAX_CEILING:
        yield Wrong(path="daily_ceiling", message=f"must be 0 to {MAX_CEILING} actions")
