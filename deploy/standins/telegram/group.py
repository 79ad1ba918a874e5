"""One channel of the stand-in for Telegram with its discussion group: what stands there, and what people do."""

from __future__ import annotations

import time

from deploy.standins.page import Page, Post, Shown

ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
AS_CHANNEL = {"id": 136817688, "is_bot": True, "first_name": "Channel"}
SERVICE = {"id": 777000, "is_bot": False, "first_name": "Telegram"}

Json = dict[str, object]


class Group:
    """Posts, their automatic copies, and messages; `tell` hears of each change."""

    def __init__(self, *, bot: int, channel: int, group: int) -> None:
        self.bot, self.channel, self.group = bot, channel, group
        self.messages: dict[int, Json] = {}
        """Of the group, by number; a deleted one is gone."""
        self.posts: dict[int, int] = {}
        """Number of each post's copy in the group."""
        self.moved_to: int | None = None
        """The supergroup that the group became."""
        self._next_message = 1

    def tell(self, kind: str, message: Json) -> None:
        """An update of that kind is there."""
        raise NotImplementedError

    def publish(self, text: str) -> int:
        """A post appears in the channel and, as an automatic copy, in the group; returns its number."""
        post = len(self.posts) + 1
        chat = {"id": self.channel, "type": "channel", "title": "Channel"}
        copy = self.write(text, SERVICE, sender_chat=chat, is_automatic_forward=True)
        copy["forward_origin"] = {"type": "channel", "chat": chat, "message_id": post, "date": copy["date"]}
        self.posts[post] = int(str(copy["message_id"]))
        self.tell("message", copy)
        return post

    def comment(
        self, post: int, text: str | None, *, author: int = 5001, to: int | None = None, sender_chat: int | None = None,
        **content: object,
    ) -> int:  # fmt: skip
        """Somebody comments the post, or the comment `to` under it; returns the message's number."""
        root = self.posts[post]
        replied = {name: it for name, it in self.messages[to or root].items() if name != "reply_to_message"}
        sender: Json = {"id": author, "is_bot": False, "first_name": "Name"}
        more: Json = dict(content)
        if sender_chat is not None:
            sender = ANONYMOUS if sender_chat == self.group else AS_CHANNEL
            more["sender_chat"] = {"id": sender_chat, "type": "channel", "title": "Other"}
        message = self.write(text, sender, message_thread_id=root, reply_to_message=replied, **more)
        self.tell("message", message)
        return int(str(message["message_id"]))

    def speak(self, text: str) -> None:
        """Somebody writes in the group, under no post."""
        self.tell("message", self.write(text, {"id": 5002, "is_bot": False, "first_name": "Name"}))

    def edit(self, number: int, text: str | None = None) -> None:
        """A message is edited; None tells of an edit that changed no words."""
        message = self.messages[number]
        if text is not None:
            message["text"] = text
        message["edit_date"] = int(time.time())
        self.tell("edited_message", message)

    def migrate(self, group: int) -> None:
        """The group becomes a supergroup with another id; the old one is told so."""
        old, self.moved_to = self.group, group
        message = self.write(None, ANONYMOUS, migrate_to_chat_id=group)
        self.tell("message", message)
        self.group = group
        self.tell("message", self.write(None, ANONYMOUS, migrate_from_chat_id=old))

    def replies_to(self, number: int) -> list[Json]:
        """What the bot wrote in answer to a message."""
        found = []
        for message in self.messages.values():
            replied = message.get("reply_to_message")
            by_bot = _id(message.get("from")) == self.bot
            if by_bot and isinstance(replied, dict) and replied.get("message_id") == number:
                found.append(message)
        return found

    def write(self, text: str | None, sender: Json, **more: object) -> Json:
        """A message stands in the group; nobody is told."""
        number = self._next_message
        self._next_message += 1
        message: Json = {
            "message_id": number,
            "date": int(time.time()),
            "chat": {"id": self.group, "type": "supergroup", "title": "Group"},
            "from": sender,
        }
        if text is not None:
            message["text"] = text
        self.messages[number] = message | more
        return self.messages[number]

    def by_page(self, message: Json) -> bool:
        """Whether the bot wrote it, or somebody in the page's name."""
        chat = _id(message.get("sender_chat"))
        return _id(message.get("from")) == self.bot or chat in (self.group, self.channel)

    def seen(self, name: str) -> Page:
        """What people see below the channel's posts, the newest first."""
        posts = [self._seen_post(post, copy) for post, copy in reversed(self.posts.items())]
        return Page(id=f"telegram:{self.channel}", name=name, posts=posts)

    def _seen_post(self, post: int, copy: int) -> Post:
        below = [it for it in self.messages.values() if it.get("message_thread_id") == copy]
        text = str(self.messages.get(copy, {}).get("text", ""))
        return Post(id=str(post), text=text, comments=[self._seen(it, copy) for it in below])

    def _seen(self, message: Json, copy: int) -> Shown:
        replied = message.get("reply_to_message")
        to = replied.get("message_id") if isinstance(replied, dict) else None
        return Shown(
            id=f"{self.group}:{message['message_id']}",
            to=None if to in (None, copy) else f"{self.group}:{to}",
            author=str(_id(message.get("from"))),
            by_page=self.by_page(message),
            text=str(message.get("text") or "…"),
            at=int(str(message["date"])),
        )


def _id(of: object) -> object:
    return of.get("id") if isinstance(of, dict) else None
