"""Request bodies as they come in: every wait has an end, and so has what all of them together take in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.errors import RequestTimeout, TooLarge, Unavailable

MAX_BODY = 8 * 1024 * 1024
"""Bytes of a body that is not NDJSON."""
MAX_HELD = 64 * 1024 * 1024
"""Bytes of all such bodies together, from their first chunk until their request is answered; beyond it 503."""
BODY_SECONDS = 120.0
"""For such a body to be complete: a client that sends a byte now and then must not hold its share for ever."""
IDLE_TIMEOUT = 60.0
"""Seconds that any body may be silent."""


class Bodies:
    """The bodies that are held in memory as a whole, all of this process."""

    def __init__(self) -> None:
        self._held = 0

    @asynccontextmanager
    async def whole(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """The body, which counts as held until the block is left.

        Raises TooLarge over MAX_BODY, Unavailable when all together would be over MAX_HELD, RequestTimeout.
        """
        body = bytearray()
        try:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    while (chunk := await next_chunk(chunks)) is not None:
                        self._hold(body, chunk)
            except TimeoutError as error:
                raise RequestTimeout(f"the body was not complete after {BODY_SECONDS:.0f} seconds") from error
            yield bytes(body)
        finally:
            self._held -= len(body)

    def _hold(self, body: bytearray, chunk: bytes) -> None:
        if len(body) + len(chunk) > MAX_BODY:
            raise TooLarge(
                f"the body is larger than {MAX_BODY} bytes: send several, or lines of JSON as application/x-ndjson"
            )
        if self._held + len(chunk) > MAX_HELD:
            raise Unavailable("too many large bodies come in at once")
        body += chunk
        self._held += len(chunk)


async def next_chunk(chunks: AsyncIterator[bytes]) -> bytes | None:
    """The next part of any body, None at its end; raises RequestTimeout when nothing came for IDLE_TIMEOUT."""
    try:
        async with asyncio.timeout(IDLE_TIMEOUT):
            return await anext(chunks, None)
    except TimeoutError as error:
        raise RequestTimeout(f"nothing came for {IDLE_TIMEOUT:.0f} seconds") from error
