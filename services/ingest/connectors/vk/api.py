"""Methods of VK's API: one call, or up to 25 in one `execute`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from services.ingest.connectors.calling import Answer, Caller
from services.ingest.connectors.failure import BadCredential, NotAllowed, NotSent, PlatformError, Refused, Unclear
from services.ingest.connectors.gate import Rate
from services.ingest.connectors.vk.payload import items, read_json, table, whole
from services.ingest.connectors.vk.refusal import TOO_MANY, failure
from services.ingest.sources.source import Source

VERSION = "5.199"
BASE = "https://api.vk.com"
MAX_BATCH = 25
"""Calls in one `execute`."""
MAX_SINGLE = 3
"""Calls one after another where the token has no `execute`: a second's worth."""

TokenKind = Literal["community", "user", "service"]
Parameters = Mapping[str, int | str]
Method = tuple[str, Parameters]
"""Name and parameters."""

_RATES: dict[TokenKind, Rate] = {
    "community": Rate(name="vk", calls=20, seconds=1.0),
    "user": Rate(name="vk", calls=3, seconds=1.0),
    "service": Rate(name="vk", calls=3, seconds=1.0),
}
_EXECUTE_FAILS = (12, 13)
"""The code is too large or its answer is: the same calls one by one may do."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A credential of a source."""

    kind: TokenKind
    value: str

    def __repr__(self) -> str:
        """Names no value."""
        return f"Token({self.kind})"


def token(source: Source, *kinds: TokenKind) -> Token | None:
    """The first of `kinds` that the source has."""
    secrets = source.secrets
    values = {"community": secrets.community_token, "user": secrets.user_token, "service": secrets.service_token}
    return next((Token(kind=kind, value=value) for kind in kinds if (value := values[kind])), None)


def needed(source: Source, *kinds: TokenKind) -> Token:
    """As `token`; raises NotAllowed where the source has none of them."""
    found = token(source, *kinds)
    if found is None:
        raise NotAllowed(f"this needs a {' or '.join(kinds)} token, and the source has none")
    return found


class Api:
    """Calls methods. All raise PlatformErrors only, and their words never repeat what VK said in its own."""

    def __init__(self, caller: Caller, base: str = BASE) -> None:
        self._caller = caller
        self._base = base.rstrip("/")

    async def read(self, token: Token, method: str, parameters: Parameters) -> Any:
        """What a method answers that changes nothing; raises NotSent for whatever does not say what is wrong."""
        try:
            return await self._call(token, method, parameters, writing=False)
        except Unclear as error:
            raise NotSent(error.detail) from None

    async def write(self, token: Token, method: str, parameters: Parameters) -> Any:
        """What a method answers that changes something; raises Unclear wherever it may have been done."""
        return await self._call(token, method, parameters, writing=True)

    async def read_all(self, token: Token, methods: Sequence[Method]) -> list[Any]:
        """What the first of `methods` answer: a result or a PlatformError for each, for up to MAX_BATCH of them with
        the token of a user, else for MAX_SINGLE. Raises what concerns the credential or VK as a whole."""
        if token.kind == "user" and len(methods) > 1:
            try:
                return await self._execute(token, methods[:MAX_BATCH])
            except Refused:
                methods = methods[:MAX_SINGLE]
        return [await self._single(token, each) for each in methods[:MAX_SINGLE]]

    async def _single(self, token: Token, method: Method) -> Any:
        try:
            return await self.read(token, *method)
        except PlatformError as error:
            if not passes(error):
                raise
            return error

    async def _execute(self, token: Token, methods: Sequence[Method]) -> list[Any]:
        calls = ",".join(f"API.{name}({msgspec.json.encode(given).decode()})" for name, given in methods)
        answer = await self._answer(token, "execute", {"code": f"return [{calls}];"}, writing=False)
        code = _error(answer)
        if code is not None:
            raise Refused("execute") if code in _EXECUTE_FAILS else self._refusal(token, code, writing=False)
        results = items(answer.get("response"))
        if len(results) != len(methods):
            raise NotSent("VK answered something else than what was asked")
        # Each call that failed is a false in the results and, in the same order, an entry among the errors.
        errors = iter(items(answer.get("execute_errors")))
        found: list[Any] = []
        for result in results:
            if result is not False:
                found.append(result)
                continue
            error = failure(whole(table(next(errors, None)).get("error_code")) or 1, writing=False)
            if not passes(error):
                raise error
            found.append(error)
        return found

    async def _call(self, token: Token, method: str, parameters: Parameters, *, writing: bool) -> Any:
        answer = await self._answer(token, method, parameters, writing=writing)
        code = _error(answer)
        if code is None:
            return answer["response"]
        raise self._refusal(token, code, writing=writing)

    def _refusal(self, token: Token, code: int, *, writing: bool) -> PlatformError:
        if code == TOO_MANY:
            self._caller.gate.hold(token.value, _RATES[token.kind], 1.0)
        return failure(code, writing=writing)

    async def _answer(self, token: Token, method: str, parameters: Parameters, *, writing: bool) -> dict[str, Any]:
        """An object with a `response` or an `error`."""
        form = {name: str(value) for name, value in parameters.items()}
        answer = await self._caller.call(
            "POST",
            f"{self._base}/method/{method}",
            token=token.value,
            rates=(_RATES[token.kind],),
            form=form | {"access_token": token.value, "v": VERSION},
        )
        fields = _fields(answer)
        if fields is not None and ("response" in fields or _error(fields) is not None):
            return fields
        if answer.status == 429:
            raise NotSent("HTTP 429", retry_after=answer.retry_after)
        detail = f"HTTP {answer.status}, and not what the API answers"
        raise Unclear(detail) if writing else NotSent(detail, retry_after=answer.retry_after)


def passes(error: PlatformError) -> bool:
    """Whether an error concerns the one thing that was asked for, so that the next can still be had."""
    return not isinstance(error, NotSent | Unclear | BadCredential)


def _fields(answer: Answer) -> dict[str, Any] | None:
    try:
        value = read_json(answer.body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _error(fields: dict[str, Any]) -> int | None:
    error = fields.get("error")
    return whole(error.get("error_code")) if isinstance(error, dict) else None
