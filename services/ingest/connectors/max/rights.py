"""What a bot may do in a channel, found by asking MAX."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from services.ingest.connectors.connector import Rights
from services.ingest.connectors.failure import Gone, NotAllowed, Refused
from services.ingest.connectors.max.api import MaxApi
from services.ingest.connectors.max.comments import COMMENT_UPDATES
from services.ingest.connectors.tolerance import Unreadable, fit
from services.ingest.sources.source import Source
from shared.events import ActionKind

DELETING = frozenset({"delete", "delete_message", "post_edit_delete_message"})
"""Names of the right to delete: the published schemas of 2026 know all three."""

T = TypeVar("T")


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A channel or a chat."""

    type: str | None = None
    title: str | None = None


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """The bot's place in a channel."""

    is_owner: bool | None = None
    is_admin: bool | None = None
    permissions: list[str] | None = None


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """An address that MAX calls; no `update_types` means all."""

    url: str | None = None
    update_types: list[str] | None = None


class Subscriptions(msgspec.Struct, frozen=True, kw_only=True):
    """All of a bot."""

    subscriptions: list[Subscription] = []


async def find_rights(api: MaxApi, source: Source) -> Rights:
    """Asks; raises BadCredential, and NotSent where MAX is not to be reached."""
    problems: list[str] = []
    chat = source.page.removeprefix("max:")
    token = source.secrets.bot_token
    await api.read(token, "/me")
    channel = await _ask(api, token, f"/chats/{chat}", Channel)
    member = await _ask(api, token, f"/chats/{chat}/members/me", Member)
    told = await _ask(api, token, "/subscriptions", Subscriptions)
    if channel is None or member is None:
        problems.append("The bot is not in the channel: add it there and make it an administrator.")
        return Rights(reads=False, problems=tuple(problems))
    if channel.type not in (None, "channel"):
        problems.append("This is no channel: comments are there under the posts of channels only.")
    granted = set(member.permissions or ())
    reads = bool(member.is_owner) or "read_all_messages" in granted
    if not reads:
        problems.append(
            "The bot can neither read comments nor answer nor delete: let it, as an administrator, read all messages."
        )
    acts: tuple[ActionKind, ...] = ()
    # Without the right to read, MAX refuses both.
    if member.is_owner or "write" in granted:
        acts = ("reply",) if reads else ()
    else:
        problems.append("The bot cannot reply: give it the right to write.")
    if member.is_owner or granted & DELETING:
        acts = (*acts, "delete") if reads else ()
    else:
        problems.append("The bot cannot delete: give it the right to delete messages.")
    reads = _way(source, (told or Subscriptions()).subscriptions, problems) and reads
    return Rights(name=(channel.title or "")[:200], reads=reads, acts=acts, problems=tuple(problems))


def _way(source: Source, subscriptions: list[Subscription], problems: list[str]) -> bool:
    """Whether updates come the way that the source wants: with a subscription MAX answers no poll."""
    if source.way == "poll":
        if subscriptions:
            problems.append("The bot has a subscription, so that MAX answers no poll: delete it.")
        return not subscriptions
    ending = f"/hooks/max/{source.id}"
    ours = [it for it in subscriptions if it.url and it.url.rstrip("/").endswith(ending)]
    if not ours:
        problems.append("MAX does not call this source: subscribe the bot to the address of its hook, with its secret.")
        return False
    if not any(not it.update_types or set(COMMENT_UPDATES) <= set(it.update_types) for it in ours):
        problems.append(f"The subscription leaves out comments: set update_types to {', '.join(COMMENT_UPDATES)}.")
        return False
    return True


async def _ask(api: MaxApi, token: str | None, path: str, shape: type[T]) -> T | None:
    try:
        value, _ = await api.read(token, path)
        return fit(value, shape)
    except (Gone, NotAllowed, Refused, Unreadable):
        return None
