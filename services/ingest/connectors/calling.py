"""One HTTP client for all platforms: bounded in time and size, and exact about whether anything was sent."""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx
import msgspec

from services.ingest.connectors.failure import NotSent, Unclear
from services.ingest.connectors.gate import MAX_HOLD, Gate, Rate
from services.ingest.connectors.trust import trust

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 20.0
"""For an answer that the platform does not hold back on purpose."""
MAX_ANSWER = 16 * 1024 * 1024
"""Bytes of one answer."""
BODY_SECONDS = 40.0
"""For sending, and for the whole of an answer to arrive, beside the wait for its beginning."""
MAX_CONNECTIONS = 4_096
"""Of one lane: as many sources may wait in a long poll at once, should chance put them all there."""
LANES = 64
"""Clients among which the tokens are divided. Each looks through all of its connections twice for every request: with
two thousand in one, that alone took four fifths of the process."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform said, whatever its status."""

    status: int
    body: bytes
    retry_after: float | None = None
    """Seconds, from the header; at most MAX_HOLD."""


class Caller:
    """Sends requests; `close` ends all of them.

    Never follows a redirect, which would carry a token elsewhere, and keeps no cookie, which would carry one source's
    session into another's call.
    """

    def __init__(
        self, gate: Gate, *, ca_bundle: Path | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        """`ca_bundle` is trusted beside the system's own; raises OSError or ssl.SSLError where it cannot be read."""
        context = trust(ca_bundle)
        # At level INFO the library logs every address, and Telegram's hold the token.
        for name in ("httpx", "httpcore"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._gate = gate
        self._clients = [
            httpx.AsyncClient(
                verify=context,
                transport=transport,
                trust_env=False,
                follow_redirects=False,
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
                limits=httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS),
            )
            for _ in range(LANES)
        ]

    @property
    def gate(self) -> Gate:
        """Whose turn it is."""
        return self._gate

    async def call(
        self,
        method: str,
        url: str,
        *,
        token: str,
        rates: tuple[Rate, ...] = (),
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = ANSWER_SECONDS,
    ) -> Answer:
        """Waits for the token's turn and sends; `json` is anything that msgspec encodes.

        The answer must begin within `seconds`, and be through BODY_SECONDS later. Raises NotSent where nothing can have
        been done, Unclear where something may have been.
        """
        await self._gate.enter(token, *rates)
        content = None if json is None else msgspec.json.encode(json)
        sent = dict(headers or {}) | ({} if content is None else {"Content-Type": "application/json"})
        times = httpx.Timeout(seconds, connect=CONNECT_SECONDS, pool=CONNECT_SECONDS)
        client = self._clients[zlib.crc32(token.encode(errors="replace")) % LANES]
        try:
            request = client.build_request(
                method, url, params=query, data=form, content=content, headers=sent, timeout=times
            )
            # The library's own times begin anew with every piece.
            async with asyncio.timeout(seconds + BODY_SECONDS):
                return await _sent(client, request)
        except TimeoutError:
            raise Unclear("no whole answer in time") from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise NotSent(f"not reached: {type(error).__name__}") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unclear(f"no answer: {type(error).__name__}") from None

    async def close(self) -> None:
        """Ends every connection."""
        for client in self._clients:
            await client.aclose()


async def _sent(client: httpx.AsyncClient, request: httpx.Request) -> Answer:
    response = await client.send(request, stream=True)
    try:
        return Answer(
            status=response.status_code,
            body=await _body(response),
            retry_after=_seconds(response.headers.get("retry-after")),
        )
    finally:
        await response.aclose()


async def _body(response: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MAX_ANSWER:
            raise Unclear(f"the answer is longer than {MAX_ANSWER} bytes")
        parts.append(part)
    return b"".join(parts)


def _seconds(header: str | None) -> float | None:
    try:
        return min(max(0.0, float(header)), MAX_HOLD) if header else None
    except ValueError:
        return None
