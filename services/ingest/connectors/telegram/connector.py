"""Telegram's connector: reads the discussion group of a channel, replies and deletes there."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import msgspec

from services.ingest.connectors.calling import Caller
from services.ingest.connectors.connector import Call, Done, Forged, HookAnswer, Polled, Rights
from services.ingest.connectors.failure import NotAllowed, Refused, Unclear
from services.ingest.connectors.gate import Rate
from services.ingest.connectors.proof import proves
from services.ingest.connectors.received import Received, skipped
from services.ingest.connectors.telegram.api import API, BotApi, bot_of
from services.ingest.connectors.telegram.decoding import decode, events_of, read
from services.ingest.connectors.telegram.messages import Message
from services.ingest.connectors.telegram.place import address, belongs, place_of
from services.ingest.connectors.telegram.rights import find_rights
from services.ingest.connectors.tolerance import Unreadable, fit
from services.ingest.sources.source import Source
from shared.events import Action, ActionKind, Platform

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105  # the header's name
HOLD_SECONDS = 25
"""That Telegram holds a poll back while nothing is new."""
BATCH = 100
"""Updates of one poll; Telegram gives no more."""
FRESH_SECONDS = 6 * 86_400
"""An offset older than that is not sent: after a week without updates their numbers begin anew anywhere."""
MAX_REPLY = 4_096
"""UTF-16 units of one message."""
STUCK_SECONDS = 60.0
"""Until the next poll after one whose updates have no numbers to confirm: all of them would come again."""
KINDS = ("message", "edited_message")
"""Updates that are asked for."""


class Cursor(msgspec.Struct, frozen=True, kw_only=True):
    """What the next poll confirms: updates of `bot` below `offset`, which came at `at` (seconds)."""

    offset: int
    at: int
    bot: str = ""


class Telegram:
    """See `Connector`. One bot serves one source: Telegram gives each update of a bot to one asker only."""

    platform: Platform = "telegram"
    taken = HookAnswer()

    def __init__(
        self, caller: Caller, *, address: str = API, now: Callable[[], float] = time.time, hold: int = HOLD_SECONDS
    ) -> None:
        """`address` is the Bot API server's; `now` tells the seconds since 1970; `hold` is how many a
        poll may be held back."""
        self._api = BotApi(caller, address)
        self._now = now
        self._hold = hold

    def decode(self, payload: bytes, page: str | None = None) -> list[Received]:
        """See `decoding.decode`."""
        return decode(payload, page)

    def events(self, source: Source, payload: bytes) -> tuple[Received, ...]:
        """What is of another page is skipped: anybody can take a bot into a group of theirs."""
        return self._events(source, read(payload))

    def hook(self, source: Source, headers: Mapping[str, str], body: bytes) -> Call:
        """The answer is an empty 200: anything else in it would be taken for a method to call."""
        if not proves(source.secrets.hook_secret, headers.get(SECRET_HEADER)):
            raise Forged
        return Call(events=self.events(source, body), answer=self.taken)

    async def poll(self, source: Source, cursor: bytes | None) -> Polled:
        """Begins with what Telegram still keeps, up to 24 hours.

        The offset is sent only to confirm what the poll before brought. An empty answer has confirmed it, so the next
        poll goes without: nothing depends on numbers that grow.
        """
        kept, bot = _cursor(cursor), bot_of(source.secrets.bot_token or "") or ""
        arguments: dict[str, object] = {"timeout": self._hold, "limit": BATCH, "allowed_updates": KINDS}
        # Each bot numbers its own: to one that took another's place the offset would confirm what was never read.
        if kept is not None and kept.bot == bot and 0 <= self._now() - kept.at < FRESH_SECONDS:
            arguments["offset"] = kept.offset
        result, payload = await self._api.read(source.secrets.bot_token, "getUpdates", arguments, wait=self._hold)
        updates = result if isinstance(result, list) else []
        numbers = [number for update in updates if (number := _number(update)) is not None]
        following = b""
        if numbers:
            following = msgspec.json.encode(Cursor(offset=max(numbers) + 1, at=int(self._now()), bot=bot))
        events = self._events(source, updates) if updates else ()
        wait = STUCK_SECONDS if updates and not numbers else 0.0
        return Polled(events=events, cursor=following, payload=payload, wait=wait)

    async def backfill(self, source: Source, cursor: bytes | None) -> Polled | None:
        """Telegram's bots cannot read what was before."""
        return None

    async def test(self, source: Source) -> Rights:
        """See `rights.find_rights`."""
        return await find_rights(self._api, source, self._now())

    def acts(self, source: Source, comment: str | None = None) -> tuple[ActionKind, ...]:
        """No ban: Telegram wants the author's number, and of authors only a keyed hash is kept; a message cannot be
        read again to learn it. Comments are closed by a person, in the channel's settings."""
        return ("reply", "delete") if source.secrets.bot_token else ()

    async def act(self, source: Source, action: Action, key: str) -> Done:
        """Telegram knows no key of an attempt."""
        if action.kind not in ("reply", "delete"):
            raise NotAllowed(f"a bot cannot do this on Telegram: {action.kind}")
        place = place_of(action.comment)
        if place is None:
            raise Refused("the comment's id is not one of Telegram")
        group, number = place
        if source.group not in (None, group):
            # Messages of a group that moved have other numbers in the new one: another person's comment would be hit.
            raise NotAllowed("the comment is in a group that is not the channel's any more")
        if action.kind == "delete":
            arguments = {"chat_id": int(group), "message_id": number}
            if await self._api.act(source.secrets.bot_token, "deleteMessage", arguments) is not True:
                raise Unclear("deleteMessage: an answer that does not say whether it was done")
            return Done()
        return await self._reply(source, action, group, number)

    async def look(self, source: Source, action: Action, key: str) -> Done | None:
        """A bot cannot read back what it wrote or deleted."""
        raise Unclear("Telegram cannot be asked whether it was done")

    def link(self, page: str, post: str | None, comment: str) -> str:
        """See `place.address`."""
        return address(page, post, comment)

    async def _reply(self, source: Source, action: Action, group: str, number: int) -> Done:
        text = (action.text or "").strip()
        if not text:
            raise Refused("a reply without words")
        if len(text.encode("utf-16-le", "replace")) // 2 > MAX_REPLY:
            raise Refused(f"the reply is longer than {MAX_REPLY} characters")
        arguments = {
            "chat_id": int(group),
            "text": text,
            "reply_parameters": {"message_id": number, "allow_sending_without_reply": False},
        }
        sent = await self._api.act(source.secrets.bot_token, "sendMessage", arguments, *_paces(group))
        try:
            message = fit(sent, Message)
        except Unreadable:
            message = Message()
        if message.message_id is None:
            raise Unclear("sendMessage: an answer without the message that came to be")
        comment = f"telegram:{group}:{message.message_id}"
        return Done(comment=comment, link=address(action.page, action.post, comment))

    def _events(self, source: Source, value: object) -> tuple[Received, ...]:
        bot = bot_of(source.secrets.bot_token or "") or source.id
        group, events = source.group, []
        for event in events_of(value, source.page, bot):
            ours = belongs(event, source.page, group)
            if ours and event.copy is not None and event.linked:
                # The channel may have another group by now; what follows in it counts already.
                group = event.copy.thread.group
            events.append(event if ours else skipped("another page", event.key))
        return tuple(events)


def _paces(group: str) -> tuple[Rate, ...]:
    # https://core.telegram.org/bots/faq: one message a second in a chat, twenty a minute in a group.
    return (
        Rate(name=f"telegram group {group}", calls=20, seconds=60.0),
        Rate(name=f"telegram chat {group}", calls=1, seconds=1.0),
    )


def _number(update: object) -> int | None:
    number = update.get("update_id") if isinstance(update, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) and abs(number) < 2**62 else None


def _cursor(cursor: bytes | None) -> Cursor | None:
    try:
        return msgspec.json.decode(cursor, type=Cursor) if cursor else None
    except msgspec.MsgspecError:
        return None
