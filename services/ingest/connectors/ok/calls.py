"""Signed calls of Odnoklassniki's API. The platform answers 200 to everything and puts the error into the body."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import msgspec

from services.ingest.connectors.calling import Answer, Caller
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
from services.ingest.connectors.ok.answer import item, parse, whole
from services.ingest.connectors.received import NotThisPlatform
from services.ingest.sources.source import Secrets

ADDRESS = "https://api.ok.ru/fb.do"
RATE = Rate(name="ok", calls=3, seconds=1.0)
"""Calls with one access token. The platform publishes no number; LIMIT_REACHED makes us wait longer."""
LIMIT_SECONDS = 60.0
"""Silence after the platform said that a limit was reached, where it names no time."""

_LIMITS = frozenset({7, 8, 11, 26})
"""ACTION_BLOCKED, FLOOD_BLOCKED, LIMIT_REACHED, TOTAL_LIMIT_REACHED"""
_LATER = frozenset({1, 2, 30, 31})
"""UNKNOWN, SERVICE, NETWORK, NETWORK_TIMEOUT"""
_CREDENTIAL = frozenset({22, 101, 102, 103, 104, 105, 210, 401, 402, 403, 453})
"""NOT_ACTIVATED; PARAM_API_KEY, _SESSION_EXPIRED, _SESSION_KEY, _SIGNATURE, _RESIGNATURE; PARAM_APPLICATION_DISABLED;
AUTH_LOGIN and its two kin; SESSION_REQUIRED"""
_RIGHTS = frozenset({9, 10, 23, 24, 50, 200, 455, 456, 457, 458})
"""IP_BLOCKED, PERMISSION_DENIED, NOT_YET_INVOLVED, NOT_OWNER, NOT_ADMIN, PARAM_PERMISSION, restrictions of a friend, a
group, and two of those without a session"""
_GONE = frozenset({140, 141, 160, 300})
"""PARAM_MESSAGE_ID, PARAM_COMMENT_ID, PARAM_GROUP_ID, NOT_FOUND"""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is no error."""

    value: object
    payload: bytes


def signature(parameters: Mapping[str, str], *, access_token: str, application_secret: str) -> str:
    """`sig` as the platform defines it: MD5 over all parameters but the token, sorted, and the session's secret, which
    is MD5 over the token and the application's secret."""
    secret = _md5(access_token + application_secret)
    return _md5("".join(f"{name}={parameters[name]}" for name in sorted(parameters)) + secret)


class Calls:
    """Calls with one source's credentials; all of them only read."""

    def __init__(self, caller: Caller, secrets: Secrets, address: str = ADDRESS) -> None:
        """Raises BadCredential where one of the three is missing."""
        key, secret, token = secrets.application_key, secrets.application_secret, secrets.access_token
        if not key or not secret or not token:
            raise BadCredential("application_key, application_secret and access_token are needed")
        self._caller = caller
        self._address = address
        self._key, self._secret, self._token = key, secret, token

    async def call(self, method: str, **parameters: str) -> Said:
        """The answer of `method`; raises a PlatformError."""
        form = {"application_key": self._key, "format": "json", "method": method, **parameters}
        form["sig"] = signature(form, access_token=self._token, application_secret=self._secret)
        form["access_token"] = self._token
        answer = await self._caller.call("POST", self._address, token=self._token, rates=(RATE,), form=form)
        try:
            return _said(method, answer)
        except NotSent as error:
            if error.retry_after is not None:
                self._caller.gate.hold(self._token, RATE, error.retry_after)
            raise


def _said(method: str, answer: Answer) -> Said:
    if answer.status == 429 or answer.status >= 500:
        # Nothing but reading is ever asked: whatever it was, asking again is safe.
        raise NotSent(f"{method}: HTTP {answer.status}", retry_after=answer.retry_after)
    try:
        value = parse(answer.body)
    except NotThisPlatform:
        raise Unclear(f"{method}: HTTP {answer.status} and no JSON") from None
    error = item(value)
    if "error_code" in error:
        raise failure(method, whole(error["error_code"]), answer.retry_after)
    if answer.status != 200:
        raise Unclear(f"{method}: HTTP {answer.status}")
    return Said(value=value, payload=answer.body)


def failure(method: str, code: int | None, retry_after: float | None) -> PlatformError:
    """What the code means (apiok.ru, "Ошибки"). The platform's own words are left out: they may repeat what we sent."""
    detail = f"{method}: error {code}"
    if code in _LIMITS:
        return NotSent(detail, retry_after=retry_after or LIMIT_SECONDS)
    if code in _LATER:
        return NotSent(detail, retry_after=retry_after)
    if code in _CREDENTIAL:
        return BadCredential(detail)
    if code in _RIGHTS:
        return NotAllowed(detail)
    return Gone(detail) if code in _GONE else Refused(detail)


def _md5(words: str) -> str:
    # The platform's own rule; it protects nothing here that TLS does not.
    return hashlib.md5(words.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
