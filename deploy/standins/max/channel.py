"""The channel of the stand-in for MAX: what stands there, and what people do."""

from __future__ import annotations

import time

import msgspec

from deploy.standins.page import Page, Post, Shown

BOT = {"user_id": 900, "first_name": "Bot", "is_bot": True}

Json = dict[str, object]


class Kept(msgspec.Struct, kw_only=True):
    """A post or a comment, as it is kept: `post` is None for a post."""

    mid: str
    sequence: int
    text: str
    post: str | None = None
    to: str | None = None
    sender: Json | None = None

    @property
    def at(self) -> int:
        """Milliseconds."""
        return self.sequence >> 16

    @property
    def by_bot(self) -> bool:
        """Whether our bot wrote it."""
        return self.sender is not None


class Channel:
    """Posts and comments; `tell` hears of each change."""

    def __init__(self, *, chat: int) -> None:
        self.chat = chat
        self.posts: dict[str, Kept] = {}
        self.comments: dict[str, Kept] = {}
        """By mid; a deleted one is gone."""
        self._count = 0

    def tell(self, update: Json) -> None:
        """An update is there."""
        raise NotImplementedError

    def publish(self, text: str, *, at: int | None = None) -> str:
        """A post appears, at `at` milliseconds or now; returns its mid."""
        post = self.keep(text, at=at)
        self.posts[post.mid] = post
        self.tell({"update_type": "message_created", "message": self.as_told(post)})
        return post.mid

    def comment(self, post: str, text: str, *, to: str | None = None, at: int | None = None, told: bool = True) -> str:
        """Somebody comments the post, or the comment `to` under it; MAX does not say who. `told` is whether an update
        tells of it. Returns its mid."""
        comment = self.keep(text, post=post, to=to, at=at)
        self.comments[comment.mid] = comment
        if told:
            self.tell({"update_type": "comment_created", "message": self.as_told(comment)})
        return comment.mid

    def edit(self, mid: str, text: str) -> None:
        """A comment is edited."""
        self.comments[mid].text = text
        self.tell({"update_type": "comment_edited", "message": self.as_told(self.comments[mid])})

    def remove(self, mid: str, by: int = 77) -> None:
        """A comment is deleted."""
        comment = self.comments.pop(mid)
        told = {"message_id": mid, "chat_id": self.chat, "user_id": by, "post_id": comment.post}
        self.tell({"update_type": "comment_removed"} | told)

    def replies_to(self, mid: str) -> list[Kept]:
        """What the bot wrote in answer to a comment."""
        return [it for it in self.comments.values() if it.to == mid and it.by_bot]

    def keep(
        self, text: str, *, post: str | None = None, to: str | None = None, at: int | None = None,
        sender: Json | None = None,
    ) -> Kept:  # fmt: skip
        """Something was written; it stands nowhere yet."""
        self._count += 1
        sequence = ((at or int(time.time() * 1_000)) << 16) | (self._count & 0xFFFF)
        mid = f"mid.{self.chat & (2**64 - 1):016x}{sequence:016x}"
        return Kept(mid=mid, sequence=sequence, text=text, post=post, to=to, sender=sender)

    def as_told(self, kept: Kept) -> Json:
        """As MAX shows it."""
        recipient: Json = {"chat_type": "channel", "chat_id": self.chat}
        shown: Json = {
            "recipient": recipient,
            "timestamp": kept.at,
            "body": {"mid": kept.mid, "seq": kept.sequence, "text": kept.text},
        }
        if kept.post is not None:
            recipient["post_id"] = kept.post
        if kept.sender is not None:
            shown["sender"] = kept.sender
        if kept.to is not None:
            body = {"mid": kept.to, "seq": int(kept.to[-16:], 16), "text": ""}
            shown["link"] = {"type": "reply", "chat_id": self.chat, "message": body}
        return shown

    def seen(self, name: str) -> Page:
        """What people see in the channel, the newest first. MAX tells nobody who wrote, the page's people neither."""
        posts = [
            Post(
                id=post.mid,
                text=post.text,
                comments=[_seen(it) for it in self.comments.values() if it.post == post.mid],
            )
            for post in reversed(self.posts.values())
        ]
        return Page(id=f"max:{self.chat}", name=name, posts=posts, page_writes=False, citizens_known=False)


def _seen(kept: Kept) -> Shown:
    return Shown(id=kept.mid, to=kept.to, by_page=kept.by_bot, text=kept.text, at=kept.at // 1_000)
