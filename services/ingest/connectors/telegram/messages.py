"""What is read of Telegram's objects (Bot API 10.1); every field may be missing, whatever the documentation says."""

from __future__ import annotations

import msgspec

from services.ingest.connectors.tolerance import Whole

TELEGRAM = 777000
"""Stands in `from` where the channel itself, or Telegram, wrote: for clients that do not know `sender_chat`."""
GROUP_ANONYMOUS = 1087968824
"""Stands in `from` where an administrator wrote as the group."""
CHANNEL_ANONYMOUS = 136817688
"""Stands in `from` where somebody wrote as a channel of theirs."""

UPDATES = frozenset(
    {
        "business_connection", "business_message", "callback_query", "channel_post", "chat_boost", "chat_join_request",
        "chat_member", "chosen_inline_result", "deleted_business_messages", "edited_business_message",
        "edited_channel_post", "guest_message", "inline_query", "managed_bot", "message_reaction",
        "message_reaction_count", "my_chat_member", "poll", "poll_answer", "pre_checkout_query",
        "purchased_paid_media", "removed_chat_boost", "shipping_query",
    }
)  # fmt: skip
"""Kinds of update that bring no comment."""

SERVICE = (
    "boost_added", "channel_chat_created", "chat_background_set", "chat_owner_changed", "chat_owner_left",
    "chat_shared", "checklist_tasks_added", "checklist_tasks_done", "connected_website", "delete_chat_photo",
    "direct_message_price_changed", "forum_topic_closed", "forum_topic_created", "forum_topic_edited",
    "forum_topic_reopened", "general_forum_topic_hidden", "general_forum_topic_unhidden", "gift",
    "gift_upgrade_sent", "giveaway", "giveaway_completed", "giveaway_created", "giveaway_winners",
    "group_chat_created", "invoice", "left_chat_member", "managed_bot_created",
    "message_auto_delete_timer_changed", "new_chat_members", "new_chat_photo", "new_chat_title",
    "paid_message_price_changed", "passport_data", "pinned_message", "poll_option_added", "poll_option_deleted",
    "proximity_alert_triggered", "refunded_payment", "successful_payment", "suggested_post_approval_failed",
    "suggested_post_approved", "suggested_post_declined", "suggested_post_paid", "suggested_post_refunded",
    "supergroup_chat_created", "unique_gift", "users_shared", "video_chat_ended", "video_chat_participants_invited",
    "video_chat_scheduled", "video_chat_started", "web_app_data", "write_access_allowed",
)  # fmt: skip
"""Fields of a message that somebody did something, and wrote nothing."""


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """A group, a supergroup, a channel, or a private chat."""

    id: Whole | None = None
    type: str | None = None
    title: str | None = None
    linked_chat_id: Whole | None = None
    """In the full answer of getChat: the channel's discussion group, and the group's channel."""


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person or a bot; no name is read."""

    id: Whole | None = None
    is_bot: bool | None = None
    can_read_all_group_messages: bool | None = None


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Where a forwarded message comes from."""

    type: str | None = None
    chat: Chat | None = None
    message_id: Whole | None = None


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of text that is more than text; `url` where a link hides behind words."""

    type: str | None = None
    url: str | None = None


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of a poll."""

    text: str | None = None


class Poll(msgspec.Struct, frozen=True, kw_only=True):
    """A question with answers to choose from."""

    question: str | None = None
    options: list[Option] = []


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a group. What is only told to be there, and not read, is an `object`."""

    message_id: Whole | None = None
    message_thread_id: Whole | None = None
    date: Whole | None = None
    """Seconds; 0 in a message that can no longer be read."""
    chat: Chat | None = None
    sender: User | None = msgspec.field(default=None, name="from")
    sender_chat: Chat | None = None
    is_automatic_forward: bool | None = None
    is_topic_message: bool | None = None
    forward_origin: Origin | None = None
    forward_from_chat: Chat | None = None
    forward_from_message_id: Whole | None = None
    reply_to_message: Message | None = None
    migrate_to_chat_id: Whole | None = None
    migrate_from_chat_id: Whole | None = None
    text: str | None = None
    entities: list[Entity] = []
    caption: str | None = None
    caption_entities: list[Entity] = []
    rich_message: object = None
    poll: Poll | None = None
    photo: object = None
    live_photo: object = None
    video: object = None
    video_note: object = None
    animation: object = None
    audio: object = None
    voice: object = None
    document: object = None
    sticker: object = None
    paid_media: object = None
    story: object = None
    checklist: object = None
    contact: object = None
    dice: object = None
    game: object = None
    venue: object = None
    location: object = None

    @property
    def origin(self) -> tuple[str, str] | None:
        """Channel and post that the message was forwarded from."""
        chat, number = self.forward_from_chat, self.forward_from_message_id
        if self.forward_origin is not None and self.forward_origin.type in (None, "channel"):
            chat, number = self.forward_origin.chat, self.forward_origin.message_id
        if chat is None or chat.id is None or number is None:
            return None
        return str(chat.id), str(number)

    @property
    def copies_post(self) -> bool:
        """Whether it is a channel's post that Telegram copied into the discussion group by itself."""
        return bool(self.is_automatic_forward) or (self.sender is not None and self.sender.id == TELEGRAM)
