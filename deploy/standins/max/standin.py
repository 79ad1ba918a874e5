"""The stand-in for MAX: one channel with comments under its posts, and one bot in it. A test double."""

from __future__ import annotations

import asyncio
import contextlib
import time

import msgspec

from deploy.standins.delivery import Target
from deploy.standins.max.channel import BOT, Channel, Json, Kept
from deploy.standins.page import Names, Page
from deploy.standins.standin import Hooked, NotPossible
from deploy.standins.wire import Answer, Request

HEADER = "X-Max-Bot-Api-Secret"
RIGHTS = ("read_all_messages", "write", "edit", "delete")
MAX_TEXT = 4_000
UNKNOWN = Answer(status=400, json={"code": "proto.payload", "message": "Unknown id"})


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a stand-in goes on from."""

    posts: dict[str, Kept]
    comments: dict[str, Kept]
    subscriptions: list[Json]
    updates: list[tuple[int, Json]]
    marker: int


class MaxStandin(Channel, Hooked):
    """What a bot may ask; what people do is in `Channel`."""

    names = Names(ru="MAX", en="MAX")

    def __init__(
        self,
        *,
        token: str = "standin-token",  # noqa: S107  # of a double
        chat: int = -70000000000001,
        name: str = "Stand-in",
        retry_seconds: float = 0.1,
    ) -> None:
        Channel.__init__(self, chat=chat)
        Hooked.__init__(self, retry_seconds=retry_seconds)
        self.token = token
        self.name = name
        self.permissions = list(RIGHTS)
        self.closed = False
        """Comments are switched off: sending one is answered with 500, as MAX does."""
        self.subscriptions: list[Json] = []
        self.updates: list[tuple[int, Json]] = []
        """With the marker behind each."""
        self.calls: list[tuple[str, Request]] = []
        self._marker = 25_000_000
        self._news = asyncio.Event()

    async def call(self, request: Request) -> Answer:
        """The API."""
        if request.headers.get("authorization") != self.token:
            return Answer(status=401, json={"code": "verify.token", "message": "Invalid access_token"})
        name = _method(request)
        self.calls.append((name, request))
        if (instead := await self.faults.before(name)) is not None:
            return instead
        answer = await self._do(name, request)
        self.faults.after(name)
        return answer

    async def _do(self, name: str, request: Request) -> Answer:
        parts = request.path.strip("/").split("/")
        if name == "updates":
            return await self._do_updates(request)
        if name == "me":
            return Answer(json=BOT)
        if name == "subscriptions":
            return Answer(json={"subscriptions": self.subscriptions})
        if name == "subscribe":
            self.subscriptions = [request.json()]
            self._flush()
            return Answer(json={"success": True})
        if name == "unsubscribe":
            self.subscriptions = []
            return Answer(json={"success": True})
        if name in ("chat", "member"):
            if parts[1] != str(self.chat):
                return Answer(status=404, json={"code": "chat.not.found", "message": "Unknown chat"})
            chat = {"chat_id": self.chat, "type": "channel", "status": "active", "title": self.name}
            return Answer(json=chat if name == "chat" else self._member())
        if name == "posts":
            return Answer(json={"messages": self._listed(list(self.posts.values()), request)})
        if parts[0] == "messages" and len(parts) > 2:
            return self._do_comments(name, parts, request)
        return Answer(status=404, json={"code": "not.found", "message": "Unknown method"})

    def _do_comments(self, name: str, parts: list[str], request: Request) -> Answer:
        post = parts[1]
        if post not in self.posts:
            return UNKNOWN
        if name == "comments":
            own = [it for it in self.comments.values() if it.post == post]
            return Answer(json={"messages": self._listed(own, request)})
        if name == "send":
            return self._do_send(post, request.json())
        comment = self.comments.get(parts[3] if name == "comment" else request.query.get("comment_id", ""))
        if comment is None or comment.post != post:
            return UNKNOWN
        if name == "comment":
            return Answer(json=self.as_told(comment))
        if not {"read_all_messages", "delete"} <= set(self.permissions):
            return Answer(status=403, json={"code": "access.denied", "message": "No right to delete"})
        self.remove(comment.mid, by=900)
        return Answer(json={"success": True})

    def _do_send(self, post: str, asked: Json) -> Answer:
        if self.closed:
            return Answer(status=500, json={"code": "internal.error", "message": "Internal error"})
        if not {"read_all_messages", "write"} <= set(self.permissions):
            return Answer(status=403, json={"code": "access.denied", "message": "No right to write"})
        text, link = str(asked.get("text") or ""), asked.get("link")
        if not 0 < len(text) <= MAX_TEXT:
            return Answer(status=400, json={"code": "proto.payload", "message": "text: 1 to 4000 characters"})
        to = str(link.get("mid")) if isinstance(link, dict) else None
        if to is not None and to not in self.comments:
            return UNKNOWN
        comment = self.keep(text, post=post, to=to, sender=BOT)
        self.comments[comment.mid] = comment
        self.tell({"update_type": "comment_created", "message": self.as_told(comment)})
        return Answer(json={"message": self.as_told(comment)})

    async def _do_updates(self, request: Request) -> Answer:
        if self.subscriptions:
            return Answer(status=405, json={"code": "method.not.allowed", "message": "The bot has a subscription"})
        after = int(request.query.get("marker") or self._marker - len(self.updates))
        types = request.query.get("types")
        until = time.monotonic() + float(request.query.get("timeout") or 30)
        while True:
            waiting = [(marker, update) for marker, update in self.updates if marker > after]
            given = [update for _, update in waiting if not types or str(update["update_type"]) in types.split(",")]
            if given or (left := until - time.monotonic()) <= 0:
                return Answer(json={"updates": given, "marker": waiting[-1][0] if waiting else after})
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left)

    def _listed(self, kept: list[Kept], request: Request) -> list[Json]:
        before = int(request.query.get("before") or 2**62)
        count = int(request.query.get("count") or 50)
        chosen = sorted((it for it in kept if it.at < before), key=lambda it: it.sequence, reverse=True)
        return [self.as_told(it) for it in chosen[:count]]

    def _member(self) -> Json:
        return BOT | {"is_owner": False, "is_admin": True, "permissions": self.permissions}

    def tell(self, update: Json) -> None:
        """It waits for the bot."""
        update["timestamp"] = int(time.time() * 1_000)
        self._marker += 1
        self.updates.append((self._marker, msgspec.json.decode(msgspec.json.encode(update))))
        self._news.set()
        self._flush()

    def _flush(self) -> None:
        if self.subscriptions:
            types = self.subscriptions[0].get("update_types")
            for _, update in self.updates:
                if not isinstance(types, list) or update["update_type"] in types:
                    self.delivery.put(update)
            self.updates.clear()

    def _target(self) -> Target | None:
        if not self.subscriptions:
            return None
        told = self.subscriptions[0]
        secret = told.get("secret")
        return Target(url=str(told.get("url")), header=HEADER, secret=None if secret is None else str(secret))

    def shown(self) -> Page:
        return self.seen(self.name)

    def publish_post(self, text: str) -> str:
        return self.publish(text)

    def say(self, post: str, text: str, *, to: str | None, who: str) -> str:
        """The page by hand looks like everybody else: MAX hides who writes."""
        if post not in self.posts or to not in (None, *self.comments):
            raise KeyError(to or post)
        if self.closed or who == "page":
            raise NotPossible("closed" if self.closed else "page_unknown")
        return self.comment(post, text, to=to)

    def reword(self, comment: str, text: str) -> None:
        self.edit(comment, text)

    def remove_comment(self, comment: str) -> None:
        self.remove(comment)

    def memory(self) -> Memory:
        waiting = [(self._marker, it.event) for it in self.delivery.waiting]
        return Memory(
            posts=self.posts,
            comments=self.comments,
            subscriptions=self.subscriptions,
            updates=[*waiting, *self.updates],
            marker=self._marker,
        )

    def recall(self, memory: bytes) -> None:
        kept = msgspec.json.decode(memory, type=Memory)
        self.posts, self.comments, self.updates = kept.posts, kept.comments, kept.updates
        self.subscriptions, self._marker = kept.subscriptions, kept.marker


def _method(request: Request) -> str:
    parts = request.path.strip("/").split("/")
    first, length = parts[0], len(parts)
    if first == "subscriptions":
        return {"POST": "subscribe", "DELETE": "unsubscribe"}.get(request.method, first)
    if first == "chats":
        return "chat" if length == 2 else "member"
    if first == "messages":
        if length == 1:
            return "posts"
        if length == 4:
            return "comment"
        return {"POST": "send", "DELETE": "delete"}.get(request.method, "comments")
    return first
