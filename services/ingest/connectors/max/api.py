"""MAX's API as it is called, and what each refusal means."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from services.ingest.connectors.calling import ANSWER_SECONDS, Answer, Caller
from services.ingest.connectors.failure import (
    BadCredential,
    Gone,
    NotAllowed,
    NotSent,
    PlatformError,
    Refused,
    Unclear,
)
from services.ingest.connectors.gate import Rate
from services.ingest.connectors.tolerance import Unreadable, fit, parse

API = "https://platform-api2.max.ru"
ALL = Rate(name="max", calls=30, seconds=1.0)
"""Calls of one bot (dev.max.ru/docs-api)."""
UPDATES = Rate(name="max updates", calls=2, seconds=1.0)
"""Of `/updates` (dev.max.ru/docs-api/methods/GET/updates)."""

_TOKEN = re.compile(r"[!-~]{1,1000}", re.ASCII)


class ServerFault(Unclear):
    """MAX answered, with an error of its own."""


class Unanswered(NotSent):
    """A question met a ServerFault: this one may fail for ever, others need not."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What tells a refusal: `success` is false, or there is a code and no content."""

    success: bool | None = None
    code: str | None = None
    message: object = None
    """Words in a refusal, the comment in an answer."""


class MaxApi:
    """Calls methods; raises PlatformErrors only."""

    def __init__(self, caller: Caller, address: str = API) -> None:
        """`address` is the server's, without a slash at the end."""
        self._caller = caller
        self._address = address

    async def read(
        self,
        token: str | None,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        rates: tuple[Rate, ...] = (),
        wait: float = 0.0,
    ) -> tuple[object, bytes]:
        """The JSON of an answer, and the answer; `wait` is how long MAX may hold it.

        Where it is unclear what became of the call, asking again is safe: NotSent, or Unanswered.
        """
        try:
            return await self._ask(token, "GET", path, query=query, rates=(*rates, ALL), seconds=ANSWER_SECONDS + wait)
        except ServerFault as error:
            raise Unanswered(error.detail) from None
        except Unclear as error:
            raise NotSent(error.detail) from None

    async def act(
        self, token: str | None, method: str, path: str, *, query: Mapping[str, str] | None = None, body: object = None
    ) -> object:
        """The JSON of the answer to a call that changes something."""
        value, _ = await self._ask(token, method, path, query=query, body=body)
        return value

    async def _ask(
        self,
        token: str | None,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        rates: tuple[Rate, ...] = (ALL,),
        seconds: float = ANSWER_SECONDS,
    ) -> tuple[object, bytes]:
        if token is None or not _TOKEN.fullmatch(token):
            raise BadCredential("the source has no bot token, or one that is none")
        answer = await self._caller.call(
            method,
            self._address + path,
            token=token,
            rates=rates,
            query=query,
            json=body,
            headers={"Authorization": token},
            seconds=seconds,
        )
        try:
            value = parse(answer.body)
            reply = fit(value, Reply) if isinstance(value, dict) else Reply()
        except Unreadable:
            value, reply = None, Reply()
        error = _refusal(answer, value, reply)
        if error is None:
            return value, answer.body
        if isinstance(error, NotSent) and error.retry_after:
            self._caller.gate.hold(token, rates[0], error.retry_after)
        raise error


def _refusal(answer: Answer, value: object, reply: Reply) -> PlatformError | None:
    """None for what is an answer to the question."""
    status, code = answer.status, reply.code or ""
    refused = reply.success is False or (reply.code is not None and isinstance(reply.message, str))
    if status == 200 and not refused:
        return None if isinstance(value, dict) else Unclear("200: the answer is not the API's")
    # The words are the platform's own and short, but nobody promises that they never quote what was sent.
    detail = f"{status}: {code[:100] or 'no code'}"
    if status == 429:
        return NotSent(detail, retry_after=max(1.0, min(answer.retry_after or 1.0, 86_400.0)))
    if status == 401 or code.startswith("verify.token"):
        return BadCredential(detail)
    if code.startswith("comments."):
        # `comments.disabled`, and `comments.timeout_exceeded` of an edit.
        return Refused(detail)
    if code.endswith(("not.found", "not_found")) or status in (404, 410):
        return Gone(detail)
    if status in (403, 405) or code.endswith(".denied") or code.startswith("access"):
        return NotAllowed(detail)
    if status == 400:
        # What MAX says to an id that it does not know (`proto.payload`).
        return Gone(detail)
    if status >= 500:
        return ServerFault(f"{detail} (where comments are closed, a reply is answered so)")
    return Refused(detail) if refused or 400 < status < 500 else Unclear(detail)
