"""MAX's connector: reads the comments under a channel's posts, replies to them and deletes them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import timedelta

import msgspec

from services.ingest.connectors.calling import Caller
from services.ingest.connectors.connector import Call, Done, Forged, HookAnswer, Polled, Rights
from services.ingest.connectors.failure import Gone, NotAllowed, Refused, Unclear
from services.ingest.connectors.max.api import API, UPDATES, MaxApi
from services.ingest.connectors.max.comments import COMMENT_UPDATES, Message
from services.ingest.connectors.max.decoding import decode
from services.ingest.connectors.max.history import COMMENTS as PAGE
from services.ingest.connectors.max.history import next_before, page_of, path_of, step, time_of
from services.ingest.connectors.max.mid import address
from services.ingest.connectors.max.rights import find_rights
from services.ingest.connectors.proof import proves
from services.ingest.connectors.received import NotThisPlatform, Received, skipped
from services.ingest.connectors.tolerance import Unreadable, Whole, fit, is_id
from services.ingest.sources.source import Source
from shared.events import Action, ActionKind, Platform

SECRET_HEADER = "x-max-bot-api-secret"  # noqa: S105  # the header's name
HOLD_SECONDS = 25
"""That MAX holds a poll back while nothing is new."""
BATCH = 100
"""Updates of one poll."""
MAX_REPLY = 4_000
"""Characters of a comment (dev.max.ru/docs-api, POST /messages/{messageId}/comments)."""
SKEW = timedelta(hours=1)
"""That MAX's clock and ours may differ, when a reply is looked for: one not found would be sent twice."""
MAX_PAGES = 50
"""Of a post's comments, newest first, that are searched for a reply of ours."""


class Updates(msgspec.Struct, frozen=True, kw_only=True):
    """How far the updates of an answer go."""

    marker: Whole | None = None


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a new comment."""

    message: Message | None = None


class Max:
    """See `Connector`. One bot serves one source: what it hears of other channels is skipped."""

    platform: Platform = "max"
    taken = HookAnswer()

    def __init__(
        self, caller: Caller, *, address: str = API, now: Callable[[], float] = time.time, hold: int = HOLD_SECONDS
    ) -> None:
        """`address` is the API server's; `now` tells the seconds since 1970; `hold` is how many a
        poll may be held back."""
        self._api = MaxApi(caller, address)
        self._now = now
        self._hold = hold

    def decode(self, payload: bytes, page: str | None = None) -> list[Received]:
        """See `decoding.decode`."""
        return decode(payload, page)

    def events(self, source: Source, payload: bytes) -> tuple[Received, ...]:
        """What is of another channel is skipped: a bot may be in several."""
        return tuple(
            event
            if event.submission is None or event.submission.page == source.page
            else skipped("another page", event.key)
            for event in decode(payload, source.page)
        )

    def hook(self, source: Source, headers: Mapping[str, str], body: bytes) -> Call:
        """The answer is an empty 200."""
        if not proves(source.secrets.hook_secret, headers.get(SECRET_HEADER)):
            raise Forged
        return Call(events=self.events(source, body), answer=self.taken)

    async def poll(self, source: Source, cursor: bytes | None) -> Polled:
        """For where no hook is possible: MAX calls this unfit for production and gives twice a second at most."""
        query = {"limit": str(BATCH), "timeout": str(self._hold), "types": ",".join(COMMENT_UPDATES)}
        if cursor and cursor.isdigit():
            query["marker"] = cursor.decode()
        value, payload = await self._api.read(
            source.secrets.bot_token, "/updates", query, rates=(UPDATES,), wait=self._hold
        )
        try:
            marker = fit(value, Updates).marker
        except Unreadable:
            marker = None
        following = (cursor or b"") if marker is None else str(marker).encode()
        try:
            events = self.events(source, payload)
        except NotThisPlatform:
            raise Unclear("/updates: no answer of the published shape") from None
        return Polled(events=events, cursor=following, payload=payload)

    async def backfill(self, source: Source, cursor: bytes | None) -> Polled | None:
        """New comments only: MAX marks neither edits nor deletions; what the hook missed of these stays missed."""
        return await step(self._api, source, cursor, self._now())

    async def test(self, source: Source) -> Rights:
        """See `rights.find_rights`."""
        return await find_rights(self._api, source)

    def acts(self, source: Source, comment: str | None = None) -> tuple[ActionKind, ...]:
        """No ban: MAX hides who wrote. Comments are closed by a person, in the channel's settings."""
        return ("reply", "delete") if source.secrets.bot_token else ()

    async def act(self, source: Source, action: Action, key: str) -> Done:
        """MAX knows no key of an attempt."""
        post, comment = _placed(action)
        token = source.secrets.bot_token
        if action.kind == "delete":
            await self._delete(source, post, comment)
            return Done()
        text = (action.text or "").strip()
        if not text:
            raise Refused("a reply without words")
        if len(text.encode("utf-16-le", "replace")) // 2 > MAX_REPLY:
            raise Refused(f"the reply is longer than {MAX_REPLY} characters")
        body = {"text": text, "link": {"type": "reply", "mid": comment}}
        value = await self._api.act(token, "POST", path_of(post), body=body)
        try:
            message = fit(value, Sent).message
        except Unreadable:
            message = None
        done = None if message is None else _done(action, message)
        if done is None:
            raise Unclear("an answer without the comment that came to be")
        return done

    async def look(self, source: Source, action: Action, key: str) -> Done | None:
        """A reply is the bot's comment to the same one in the same words, not older than the action."""
        post, comment = _placed(action)
        if action.kind == "delete":
            return Done() if await self._vanished(source, post, comment) else None
        return await self._find(source, action, post, comment)

    def link(self, page: str, post: str | None, comment: str) -> str:
        """See `mid.address`."""
        return address(page, post)

    async def _delete(self, source: Source, post: str, comment: str) -> None:
        try:
            await self._api.act(source.secrets.bot_token, "DELETE", path_of(post), query={"comment_id": comment})
        except Gone as gone:
            # MAX says so of whatever it does not find, be it for this bot alone: it is gone once its post shows that.
            if not await self._vanished(source, post, comment):
                raise Refused(f"{gone.detail}, and yet the comment can be read") from None
            raise

    async def _vanished(self, source: Source, post: str, comment: str) -> bool:
        try:
            await self._api.read(source.secrets.bot_token, path_of(post, comment))
        except Gone:
            try:
                await page_of(self._api, source, post, None)
            except (Gone, NotAllowed):
                # MAX says the same of what is deleted and of what the bot may no longer see.
                raise Unclear("neither the comment nor its post can be read") from None
            return True
        return False

    async def _find(self, source: Source, action: Action, post: str, comment: str) -> Done | None:
        since = int((action.ordered_at - SKEW).timestamp() * 1_000)
        words, before = (action.text or "").split(), None
        for _ in range(MAX_PAGES):
            messages, _, _ = await page_of(self._api, source, post, before)
            for message in messages:
                body, link = message.body, message.link
                hit = link is not None and link.message is not None and link.message.mid == comment
                ours = message.sender is None or bool(message.sender.is_bot)
                if hit and ours and time_of(message) >= since and body and (body.text or "").split() == words:
                    return _done(action, message)
            before = next_before(messages, PAGE, before)
            if before is None or before < since:
                return None
        raise Unclear(f"the reply is not among the newest {MAX_PAGES * PAGE} comments of the post")


def _placed(action: Action) -> tuple[str, str]:
    """Post and comment, by which MAX finds the one that is meant."""
    if action.kind not in ("reply", "delete"):
        raise NotAllowed(f"a bot cannot do this on MAX: {action.kind}")
    if action.post is None:
        raise NotAllowed("the comment's post is not known, and MAX finds comments by it only")
    return action.post, action.comment.removeprefix("max:")


def _done(action: Action, message: Message) -> Done | None:
    mid = message.body.mid if message.body else None
    if mid is None or not is_id(mid):
        return None
    return Done(comment=f"max:{mid}", link=address(action.page, action.post))
