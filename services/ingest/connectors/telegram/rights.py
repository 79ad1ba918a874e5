"""What a bot may do in a channel's discussion group, found by asking Telegram."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from services.ingest.connectors.connector import Rights
from services.ingest.connectors.failure import Gone, NotAllowed, PageMoved, Refused
from services.ingest.connectors.telegram.api import BotApi
from services.ingest.connectors.telegram.messages import Chat, User
from services.ingest.connectors.tolerance import Unreadable, Whole, fit
from services.ingest.sources.source import Source
from shared.events import ActionKind

RECENT_SECONDS = 3_600
"""A failed call of the hook is told for that long."""

T = TypeVar("T")


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A bot's place in a group."""

    status: str | None = None
    can_delete_messages: bool | None = None
    can_send_messages: bool | None = None
    """Of a restricted member."""


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """Where Telegram calls for the bot; `url` is empty where it does not."""

    url: str | None = None
    pending_update_count: Whole | None = None
    last_error_date: Whole | None = None
    last_error_message: str | None = None
    allowed_updates: list[str] | None = None


async def find_rights(api: BotApi, source: Source, now: float) -> Rights:
    """Asks; raises BadCredential, and NotSent where Telegram is not to be reached."""
    token = source.secrets.bot_token
    problems: list[str] = []
    me = _as((await api.read(token, "getMe"))[0], User)
    hook = _as((await api.read(token, "getWebhookInfo"))[0], Webhook)
    page, group = source.page.removeprefix("telegram:"), source.group
    channel = await _chat(api, token, page)
    if channel is not None and channel.linked_chat_id is not None:
        group = str(channel.linked_chat_id)
    elif channel is not None:
        problems.append("The channel has no discussion group: link one in the channel's settings, under Discussion.")
    elif not await _leads_to(api, token, group, page):
        problems.append(
            "The channel is not to be seen: add the bot to it as an administrator; it needs no right there."
        )
    member = await _member(api, token, group, me)
    reads = _membership(member, me, group, problems)
    reads = _way(source, hook, now, problems) and reads
    acts: tuple[ActionKind, ...] = ()
    if member is not None and member.status in ("creator", "administrator", "member", "restricted"):
        if member.status != "restricted" or member.can_send_messages:
            acts = ("reply",)
        if member.status == "creator" or member.can_delete_messages:
            acts = (*acts, "delete")
        else:
            problems.append("The bot cannot delete: give it the right to delete messages in the discussion group.")
    return Rights(
        name=(channel.title or "")[:200] if channel else "",
        reads=reads,
        acts=acts,
        problems=tuple(problems),
        group=group,
    )


def _membership(member: Member | None, me: User, group: str | None, problems: list[str]) -> bool:
    if group is None:
        return False
    if member is None or member.status in (None, "left", "kicked"):
        problems.append("The bot is not in the discussion group: add it there as an administrator.")
        return False
    if member.status in ("creator", "administrator") or me.can_read_all_group_messages:
        return True
    problems.append("The bot sees only what is addressed to it: make it an administrator of the discussion group.")
    return False


def _way(source: Source, hook: Webhook, now: float, problems: list[str]) -> bool:
    """Whether updates come the way that the source wants: a webhook and getUpdates exclude each other."""
    if source.way == "poll":
        if hook.url:
            problems.append("A webhook is set, so that Telegram answers no poll: call deleteWebhook for this bot.")
        return not hook.url
    if not hook.url:
        problems.append("No webhook is set: call setWebhook with the address of this source's hook and its secret.")
        return False
    if not hook.url.rstrip("/").endswith(f"/hooks/telegram/{source.id}"):
        problems.append("The webhook leads elsewhere: call setWebhook with the address of this source's hook.")
        return False
    if hook.allowed_updates and not {"message", "edited_message"} <= set(hook.allowed_updates):
        problems.append("The webhook leaves out edits or messages: set allowed_updates to message, edited_message.")
    if hook.last_error_date is not None and now - hook.last_error_date < RECENT_SECONDS:
        problems.append(
            f"Telegram could not deliver in the last hour ({(hook.last_error_message or 'no reason told')[:200]}; "
            f"{hook.pending_update_count or 0} waiting): look at the hook's address, certificate and secret."
        )
    return True


async def _chat(api: BotApi, token: str | None, chat: str) -> Chat | None:
    if not chat.removeprefix("-").isdecimal():
        return None
    try:
        return _as((await api.read(token, "getChat", {"chat_id": int(chat)}))[0], Chat)
    except (Gone, NotAllowed, Refused, PageMoved):
        return None


async def _leads_to(api: BotApi, token: str | None, group: str | None, page: str) -> bool:
    """Whether a group, where the bot may be without being in the channel, names the channel."""
    chat = None if group is None else await _chat(api, token, group)
    return chat is not None and str(chat.linked_chat_id) == page


async def _member(api: BotApi, token: str | None, group: str | None, me: User) -> Member | None:
    if group is None or me.id is None or not group.removeprefix("-").isdecimal():
        return None
    try:
        return _as((await api.read(token, "getChatMember", {"chat_id": int(group), "user_id": me.id}))[0], Member)
    except (Gone, NotAllowed, Refused, PageMoved):
        return None


def _as(value: object, shape: type[T]) -> T:
    try:
        return fit(value, shape)
    except Unreadable:
        return shape()
