"""The stand-in for Telegram: one channel with its discussion group, and one bot in it. A test double."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time

import msgspec

from deploy.standins.delivery import Target
from deploy.standins.page import Names, Page
from deploy.standins.standin import Hooked
from deploy.standins.telegram.group import Group, Json
from deploy.standins.wire import Answer, Request

HEADER = "X-Telegram-Bot-Api-Secret-Token"
RIGHTS = {"status": "administrator", "can_delete_messages": True, "can_restrict_members": True}
MAX_TEXT = 4_096


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a stand-in goes on from."""

    messages: dict[int, Json]
    posts: dict[int, int]
    webhook: Json
    updates: list[Json]
    next_update: int
    next_message: int


class Refusal(Exception):
    """An answer with `ok: false`."""

    def __init__(self, code: int, words: str, **parameters: int) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.parameters = parameters


class TelegramStandin(Group, Hooked):
    """What a bot may ask; what people do is in `Group`."""

    names = Names(ru="Telegram", en="Telegram")

    def __init__(
        self,
        *,
        token: str = "700:standin-token",  # noqa: S107  # of a double
        channel: int = -1001000000001,
        group: int = -1001000000002,
        name: str = "Channel",
        retry_seconds: float = 0.1,
        seed: int = 0,
    ) -> None:
        Group.__init__(self, bot=int(token.partition(":")[0]), channel=channel, group=group)
        Hooked.__init__(self, retry_seconds=retry_seconds)
        self.token = token
        self.name = name
        self.member: Json = dict(RIGHTS)
        """The bot's place in the group."""
        self.in_channel = True
        """Whether the bot is in the channel too."""
        self.calls: list[tuple[str, Json]] = []
        self.webhook: Json = {}
        self.updates: list[Json] = []
        """Not yet confirmed."""
        self._numbers = random.Random(seed)  # noqa: S311  # no secret
        self._next_update = self._numbers.randrange(10**6, 10**9)
        self._news = asyncio.Event()
        self._asked = 0

    def forget_numbers(self) -> None:
        """A week without updates has passed: the next number is any."""
        self._next_update = self._numbers.randrange(1, 10**9)

    async def call(self, request: Request) -> Answer:
        """The Bot API under `/bot<token>/`."""
        prefix = f"/bot{self.token}/"
        if not request.path.startswith(prefix):
            return Answer(status=401, json={"ok": False, "error_code": 401, "description": "Unauthorized"})
        method, arguments = (
            request.path.removeprefix(prefix),
            request.json() | dict(request.form()) | dict(request.query),
        )
        self.calls.append((method, arguments))
        if (instead := await self.faults.before(method)) is not None:
            return instead
        try:
            result = await self._do(method, arguments)
        except Refusal as refusal:
            told = {"ok": False, "error_code": refusal.code, "description": refusal.words}
            if refusal.parameters:
                told["parameters"] = refusal.parameters
            return Answer(status=refusal.code, json=told)
        self.faults.after(method)
        return Answer(json={"ok": True, "result": result})

    async def _do(self, method: str, arguments: Json) -> object:
        if method == "getUpdates":
            return await self._do_get_updates(arguments)
        if method == "getMe":
            return {"id": self.bot, "is_bot": True, "first_name": "Bot", "can_read_all_group_messages": False}
        if method == "getWebhookInfo":
            return {"url": "", "pending_update_count": len(self.updates)} | self.webhook
        if method == "setWebhook":
            self.webhook = dict(arguments)
            self._flush()
            return True
        if method == "deleteWebhook":
            self.webhook = {}
            return True
        chat = self._chat(arguments)
        if method == "getChat" and chat == self.channel and not self.in_channel:
            raise Refusal(400, "Bad Request: chat not found")
        if method == "getChat":
            kind, linked = ("channel", self.group) if chat == self.channel else ("supergroup", self.channel)
            return {"id": chat, "type": kind, "title": "Stand-in", "linked_chat_id": linked}
        if method == "getChatMember":
            return self.member | {"user": {"id": arguments.get("user_id"), "is_bot": True, "first_name": "Bot"}}
        if method == "deleteMessage":
            return self._do_delete(arguments)
        if method == "sendMessage":
            return self._do_send(arguments)
        raise Refusal(404, "Not Found")

    async def _do_get_updates(self, arguments: Json) -> list[Json]:
        if self.webhook.get("url"):
            raise Refusal(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook")
        if isinstance(offset := arguments.get("offset"), int):
            # As the documentation warns: whatever has a lower number is forgotten, though it was never given.
            self.updates = [update for update in self.updates if int(str(update["update_id"])) >= offset]
        self._asked += 1
        mine = self._asked
        self._news.set()
        until = time.monotonic() + float(str(arguments.get("timeout") or 0))
        while not self.updates and (left := until - time.monotonic()) > 0:
            self._news.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left)
            if self._asked != mine:
                raise Refusal(409, "Conflict: terminated by other getUpdates request; make sure that only one runs")
        return self.updates[: int(str(arguments.get("limit") or 100))]

    def _do_delete(self, arguments: Json) -> bool:
        if not self.member.get("can_delete_messages"):
            raise Refusal(400, "Bad Request: message can't be deleted")
        if self.messages.pop(int(str(arguments.get("message_id"))), None) is None:
            raise Refusal(400, "Bad Request: message to delete not found")
        return True

    def _do_send(self, arguments: Json) -> Json:
        text = str(arguments.get("text") or "")
        if not text:
            raise Refusal(400, "Bad Request: message text is empty")
        if len(text) > MAX_TEXT:
            raise Refusal(400, "Bad Request: message is too long")
        more: Json = {}
        if isinstance(asked := arguments.get("reply_parameters"), dict):
            replied = self.messages.get(asked.get("message_id", 0))
            if replied is None:
                raise Refusal(400, "Bad Request: message to be replied not found")
            more["reply_to_message"] = {name: it for name, it in replied.items() if name != "reply_to_message"}
            more["message_thread_id"] = replied.get("message_thread_id", replied["message_id"])
        return self.write(text, {"id": self.bot, "is_bot": True, "first_name": "Bot"}, **more)

    def _chat(self, arguments: Json) -> int:
        chat = arguments.get("chat_id")
        if chat in (self.channel, self.group):
            return int(str(chat))
        if self.moved_to is not None:
            words = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refusal(400, words, migrate_to_chat_id=self.moved_to)
        raise Refusal(400, "Bad Request: chat not found")

    def tell(self, kind: str, message: Json) -> None:
        """It waits for the bot."""
        update = {"update_id": self._next_update, kind: msgspec.json.decode(msgspec.json.encode(message))}
        self._next_update += 1
        self.updates.append(update)
        self._news.set()
        self._flush()

    def _flush(self) -> None:
        if self.webhook.get("url"):
            for update in self.updates:
                self.delivery.put(update)
            self.updates.clear()

    def _target(self) -> Target | None:
        secret = self.webhook.get("secret_token")
        url = str(self.webhook.get("url") or "")
        return Target(url=url, header=HEADER, secret=None if secret is None else str(secret)) if url else None

    def shown(self) -> Page:
        return self.seen(self.name)

    def publish_post(self, text: str) -> str:
        return str(self.publish(text))

    def say(self, post: str, text: str, *, to: str | None, who: str) -> str:
        answered = None if to is None else self._number(to)
        if who == "page":
            number = self.comment(int(post), text, to=answered, sender_chat=self.channel)
        else:
            number = self.comment(int(post), text, to=answered, author=int(who))
        return f"{self.group}:{number}"

    def reword(self, comment: str, text: str) -> None:
        self.edit(self._number(comment), text)

    def remove_comment(self, comment: str) -> None:
        """Telegram tells nobody."""
        del self.messages[self._number(comment)]

    def memory(self) -> Memory:
        return Memory(
            messages=self.messages,
            posts=self.posts,
            webhook=self.webhook,
            updates=[*(it.event for it in self.delivery.waiting), *self.updates],
            next_update=self._next_update,
            next_message=self._next_message,
        )

    def recall(self, memory: bytes) -> None:
        kept = msgspec.json.decode(memory, type=Memory)
        self.messages, self.posts, self.updates = kept.messages, kept.posts, kept.updates
        self.webhook = kept.webhook
        self._next_update = kept.next_update
        self._next_message = kept.next_message

    def _number(self, comment: str) -> int:
        group, _, number = comment.partition(":")
        if group != str(self.group) or int(number) not in self.messages:
            raise KeyError(comment)
        return int(number)
