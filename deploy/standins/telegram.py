"""The stand-in for Telegram: one channel with its discussion group, and one bot in it. A test double."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time

import click
import msgspec

from deploy.standins.delivery import Delivery, Target
from deploy.standins.faults import Fault, Faults
from deploy.standins.wire import Answer, Request, Standin, serve

HEADER = "X-Telegram-Bot-Api-Secret-Token"
ANONYMOUS = {"id": 1087968824, "is_bot": True, "first_name": "Group"}
AS_CHANNEL = {"id": 136817688, "is_bot": True, "first_name": "Channel"}
SERVICE = {"id": 777000, "is_bot": False, "first_name": "Telegram"}
RIGHTS = {"status": "administrator", "can_delete_messages": True, "can_restrict_members": True}
MAX_TEXT = 4_096

Json = dict[str, object]


class Refusal(Exception):
    """An answer with `ok: false`."""

    def __init__(self, code: int, words: str, **parameters: int) -> None:
        super().__init__(words)
        self.code = code
        self.words = words
        self.parameters = parameters


class TelegramStandin(Standin):
    """What people do there are its plain methods; what a bot may ask are `_do_<method>`."""

    def __init__(
        self,
        *,
        token: str = "700:standin-token",  # noqa: S107  # of a double
        channel: int = -1001000000001,
        group: int = -1001000000002,
        retry_seconds: float = 0.1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.token, self.channel, self.group = token, channel, group
        self.member: Json = dict(RIGHTS)
        """The bot's place in the group."""
        self.in_channel = True
        """Whether the bot is in the channel too."""
        self.messages: dict[int, Json] = {}
        """Of the group, by number; a deleted one is gone."""
        self.posts: dict[int, int] = {}
        """Number of each post's copy in the group."""
        self.calls: list[tuple[str, Json]] = []
        self.faults = Faults()
        self.moved_to: int | None = None
        """The supergroup that the group became."""
        self.webhook: Json = {}
        self.updates: list[Json] = []
        """Not yet confirmed."""
        self._numbers = random.Random(seed)  # noqa: S311  # no secret
        self._next_update = self._numbers.randrange(10**6, 10**9)
        self._next_message = 1
        self._news = asyncio.Event()
        self._asked = 0
        self.delivery = Delivery(self._target, retry_seconds=retry_seconds)

    async def start(self, port: int = 0) -> None:
        await super().start(port)
        self.delivery.start()

    async def stop(self) -> None:
        await self.delivery.stop()
        await super().stop()

    # What people do.

    def publish(self, text: str) -> int:
        """A post appears in the channel and, as an automatic copy, in the group; returns its number."""
        post = len(self.posts) + 1
        chat = {"id": self.channel, "type": "channel", "title": "Channel"}
        copy = self._message(text, SERVICE, sender_chat=chat, is_automatic_forward=True)
        copy["forward_origin"] = {"type": "channel", "chat": chat, "message_id": post, "date": copy["date"]}
        self.posts[post] = int(str(copy["message_id"]))
        self._tell("message", copy)
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
        message = self._message(text, sender, message_thread_id=root, reply_to_message=replied, **more)
        self._tell("message", message)
        return int(str(message["message_id"]))

    def speak(self, text: str) -> None:
        """Somebody writes in the group, under no post."""
        self._tell("message", self._message(text, {"id": 5002, "is_bot": False, "first_name": "Name"}))

    def edit(self, number: int, text: str | None = None) -> None:
        """A message is edited; None tells of an edit that changed no words."""
        message = self.messages[number]
        if text is not None:
            message["text"] = text
        message["edit_date"] = int(time.time())
        self._tell("edited_message", message)

    def migrate(self, group: int) -> None:
        """The group becomes a supergroup with another id; the old one is told so."""
        old, self.moved_to = self.group, group
        message = self._message(None, ANONYMOUS, migrate_to_chat_id=group)
        self._tell("message", message)
        self.group = group
        self._tell("message", self._message(None, ANONYMOUS, migrate_from_chat_id=old))

    def forget_numbers(self) -> None:
        """A week without updates has passed: the next number is any."""
        self._next_update = self._numbers.randrange(1, 10**9)

    def replies_to(self, number: int) -> list[Json]:
        """What the bot wrote in answer to a message."""
        found = []
        for message in self.messages.values():
            replied = message.get("reply_to_message")
            by_bot = isinstance(sender := message.get("from"), dict) and sender.get("id") == self._bot
            if by_bot and isinstance(replied, dict) and replied.get("message_id") == number:
                found.append(message)
        return found

    # What is asked.

    async def answer(self, request: Request) -> Answer:
        """The Bot API under `/bot<token>/`, orders under `/standin/`, and all messages as text at `/`."""
        if request.path == "/":
            return Answer(text=self._page())
        if request.path.startswith("/standin/"):
            return self._order(request.path.removeprefix("/standin/"), request.json())
        prefix = f"/bot{self.token}/"
        if not request.path.startswith(prefix):
            return Answer(status=401, json={"ok": False, "error_code": 401, "description": "Unauthorized"})
        method, arguments = request.path.removeprefix(prefix), request.json() | dict(request.query)
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
            return {"id": self._bot, "is_bot": True, "first_name": "Bot", "can_read_all_group_messages": False}
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
        return self._message(text, {"id": self._bot, "is_bot": True, "first_name": "Bot"}, **more)

    # Inside.

    @property
    def _bot(self) -> int:
        return int(self.token.partition(":")[0])

    def _chat(self, arguments: Json) -> int:
        chat = arguments.get("chat_id")
        if chat in (self.channel, self.group):
            return int(str(chat))
        if self.moved_to is not None:
            words = "Bad Request: group chat was upgraded to a supergroup chat"
            raise Refusal(400, words, migrate_to_chat_id=self.moved_to)
        raise Refusal(400, "Bad Request: chat not found")

    def _message(self, text: str | None, sender: Json, **more: object) -> Json:
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

    def _tell(self, kind: str, message: Json) -> None:
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

    def _order(self, name: str, order: Json) -> Answer:
        text = str(order.get("text", ""))
        if name == "post":
            return Answer(json={"post": self.publish(text)})
        if name == "comment":
            return Answer(json={"message": self.comment(int(str(order["post"])), text)})
        if name == "fault":
            self.faults.add(str(order["method"]), msgspec.convert(order["fault"], Fault))
            return Answer(json={})
        return Answer(status=404, json={})

    def _page(self) -> str:
        lines = ["Stand-in for Telegram: the discussion group", ""]
        for number, message in self.messages.items():
            indent = "" if message.get("is_automatic_forward") else "    "
            by_bot = isinstance(sender := message.get("from"), dict) and sender.get("id") == self._bot
            lines.append(f"{indent}{number} {'[page] ' if by_bot else ''}{message.get('text') or '…'}")
        return "\n".join(lines)


@click.command()
@click.option("--port", default=8011, show_default=True)
def main(port: int) -> None:
    """The stand-in for Telegram, until it is interrupted."""
    asyncio.run(serve(TelegramStandin(), port))


if __name__ == "__main__":
    main()
