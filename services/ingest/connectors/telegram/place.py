"""Where a comment stands on Telegram: its group, its number, its address, and whether a source is about it. Pure."""

from __future__ import annotations

import re

from services.ingest.connectors.received import Received

_COMMENT = re.compile(r"(?:telegram:)?(-?\d{1,19}):(\d{1,19})", re.ASCII)
_SUPERGROUP = "-100"
"""Begins the number of a supergroup or a channel; what follows stands in addresses."""


def place_of(comment: str) -> tuple[str, int] | None:
    """Group and message number of a comment's id (`telegram:-100123:678`); None for what is no such id."""
    found = _COMMENT.fullmatch(comment)
    return (found.group(1), int(found.group(2))) if found else None


def address(page: str, post: str | None, comment: str) -> str:
    """The comment under its post; in its group, where the post is not known; else the channel.

    Such an address opens for those who are in a private channel or group, and for everybody in a public one
    (https://core.telegram.org/api/links#private-message-links).
    """
    channel, place = _bare(page.removeprefix("telegram:")), place_of(comment)
    if place is not None:
        group = _bare(place[0])
        if channel is not None and post is not None and post.isascii() and post.isdecimal():
            return f"https://t.me/c/{channel}/{post}?comment={place[1]}"
        if group is not None:
            return f"https://t.me/c/{group}/{place[1]}"
    return f"https://t.me/c/{channel}/1" if channel is not None else "https://t.me/"


def belongs(event: Received, page: str, group: str | None) -> bool:
    """Whether `event` is about the page, whose discussion group is `group`, where that is known: anybody can take a bot
    into another group and write there."""
    channel = page.removeprefix("telegram:")
    if event.copy is not None:
        return event.copy.channel == channel
    if event.moved is not None:
        return group in event.moved
    if event.submission is None:
        return True
    if event.submission.page != page:
        return False
    # A comment that names its post has proved its channel.
    return event.thread is None or group in (None, event.thread.group)


def _bare(chat: str) -> str | None:
    digits = chat.removeprefix(_SUPERGROUP)
    return digits if digits != chat and digits.isascii() and digits.isdecimal() else None
