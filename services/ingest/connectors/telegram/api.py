"""The Bot API as it is called: one method, one token, and what each refusal means."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from services.ingest.connectors.calling import ANSWER_SECONDS, Answer, Caller
from services.ingest.connectors.failure import (
    BadCredential,
    Gone,
    NotAllowed,
    NotSent,
    PageMoved,
    PlatformError,
    Refused,
    Unclear,
)
from services.ingest.connectors.gate import Rate
from services.ingest.connectors.tolerance import Unreadable, Whole, fit, parse
from services.ingest.sources.requirements import TELEGRAM_TOKEN

API = "https://api.telegram.org"
ALL = Rate(name="telegram", calls=30, seconds=1.0)
"""Calls of one bot, as Telegram's FAQ for bots names the limit of messages."""
MAX_RETRY_AFTER = 86_400.0

# Telegram tells its refusals apart by words only; the first that is found decides. Collected from its public sources
# and from what others recorded; what is not listed is Refused.
_WORDS: tuple[tuple[str, type[PlatformError]], ...] = (
    ("message to be replied not found", Gone),
    ("reply message not found", Gone),
    ("replied message not found", Gone),
    ("message to delete not found", Gone),
    ("message thread not found", Gone),
    ("message_id_invalid", Gone),
    # What a bot is told that is not in the group (any more): the comment may well be there for everybody else.
    ("chat not found", NotAllowed),
    ("peer_id_invalid", NotAllowed),
    ("message can't be deleted", NotAllowed),
    ("not enough rights", NotAllowed),
    ("have no rights", NotAllowed),
    ("need administrator rights", NotAllowed),
    ("chat_admin_required", NotAllowed),
    ("chat_write_forbidden", NotAllowed),
    ("message_delete_forbidden", NotAllowed),
    ("user_banned_in_channel", NotAllowed),
    ("channel_private", NotAllowed),
    ("chat_restricted", NotAllowed),
    ("not a member", NotAllowed),
    ("was kicked", NotAllowed),
    ("member list is inaccessible", NotAllowed),
)


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """What a refusal says beside its words."""

    migrate_to_chat_id: Whole | None = None
    retry_after: Whole | None = None


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """Every answer of the Bot API."""

    ok: bool | None = None
    result: object = None
    error_code: Whole | None = None
    description: str | None = None
    parameters: Parameters | None = None


def bot_of(token: str) -> str | None:
    """The bot's number, which its token begins with; None for what is no token."""
    return token.partition(":")[0] if TELEGRAM_TOKEN.fullmatch(token) else None


class BotApi:
    """Calls methods; raises PlatformErrors only."""

    def __init__(self, caller: Caller, address: str = API) -> None:
        """`address` is the server's, without a slash at the end."""
        self._caller = caller
        self._address = address

    async def read(
        self, token: str | None, method: str, arguments: Mapping[str, object] | None = None, *, wait: float = 0.0
    ) -> tuple[object, bytes]:
        """The result of a method that changes nothing, and the whole answer; `wait` is how long Telegram may hold it.

        Where it is unclear what became of the call, asking again is safe: NotSent.
        """
        try:
            return await self._ask(token, method, arguments or {}, (ALL,), ANSWER_SECONDS + wait)
        except Unclear as error:
            raise NotSent(error.detail) from None

    async def act(self, token: str | None, method: str, arguments: Mapping[str, object], *rates: Rate) -> object:
        """The result of a method that changes something; `rates` hold beside that of the bot."""
        result, _ = await self._ask(token, method, arguments, (*rates, ALL), ANSWER_SECONDS)
        return result

    async def _ask(
        self, token: str | None, method: str, arguments: Mapping[str, object], rates: tuple[Rate, ...], seconds: float
    ) -> tuple[object, bytes]:
        if token is None or bot_of(token) is None:
            raise BadCredential("the source has no bot token, or one that is none")
        url = f"{self._address}/bot{token}/{method}"
        answer = await self._caller.call("POST", url, token=token, rates=rates, json=arguments, seconds=seconds)
        try:
            reply = fit(parse(answer.body), Reply)
        except Unreadable:
            raise _without_words(answer) from None
        if reply.ok and answer.status == 200:
            return reply.result, answer.body
        error = _refusal(answer, reply)
        if isinstance(error, NotSent) and error.retry_after:
            # What was asked for first is the narrowest: the group that is written to too fast.
            self._caller.gate.hold(token, rates[0], error.retry_after)
        raise error


def _without_words(answer: Answer) -> PlatformError:
    if answer.status == 429:
        return NotSent("429: too many calls", retry_after=_seconds(answer.retry_after))
    return Unclear(f"{answer.status}: the answer is not the Bot API's")


def _seconds(asked: float | None) -> float:
    return min(max(1.0, float(asked or 1.0)), MAX_RETRY_AFTER)


def _refusal(answer: Answer, reply: Reply) -> PlatformError:
    code = reply.error_code or answer.status
    words = reply.description or ""
    detail = f"{code}: {words[:200]}"
    parameters = reply.parameters or Parameters()
    if parameters.migrate_to_chat_id is not None:
        return PageMoved(detail, group=str(parameters.migrate_to_chat_id))
    if code == 429:
        return NotSent(detail, retry_after=_seconds(parameters.retry_after or answer.retry_after))
    if code == 401 or (code == 404 and words.lower() in ("not found", "")):
        return BadCredential(detail)
    if code == 409:
        # Another replica's poll ends by itself; a webhook does not.
        return NotAllowed(detail) if "webhook" in words.lower() else NotSent(detail)
    if code >= 500 or reply.ok:
        return Unclear(detail)
    lower = words.lower()
    for part, kind in _WORDS:
        if part in lower:
            return kind(detail)
    return NotAllowed(detail) if code == 403 else Refused(detail)
