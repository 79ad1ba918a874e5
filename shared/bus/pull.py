"""Pull requests on one durable, bounded in bytes as well as in messages.

The client library's own `fetch` has no bound in bytes: 256 long comments at once exceed what the server holds unsent
for one reader (`max_pending`), and it cuts the connection, again and again.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription

from shared.bus.topology import ConsumerSpec
from shared.errors import Unavailable

MAX_BYTES = 16 * 1024 * 1024
"""Of one answer. Three consumers on one connection stay below the server's 64 MiB; one message is 512 KiB at most."""

_NOTHING_MORE = ("404", "408")
_TOO_MANY_BYTES = "maxbytes"


class Pull:
    """One reader's subscription. A fetch is left to expire, never cancelled; `close` gives back what nobody took."""

    def __init__(self, client: Client, spec: ConsumerSpec) -> None:
        self._client = client
        self._request_subject = f"$JS.API.CONSUMER.MSG.NEXT.{spec.stream}.{spec.durable}"
        self._inbox = client.new_inbox()
        self._number = 0
        self._arrived: deque[Msg] = deque()
        self._end: tuple[str, str] | None = None
        self._news = asyncio.Event()
        self._subscription: Subscription | None = None

    @property
    def waiting(self) -> int:
        """Messages that came and that no fetch has taken yet."""
        return len(self._arrived)

    async def fetch(self, size: int, *, seconds: float) -> list[Msg]:
        """Up to `size` messages as soon as there are any, none when none came within `seconds`.

        Raises Unavailable when the broker says that it cannot serve this durable, and nats' errors when the connection
        is closed.
        """
        if self._subscription is None:
            self._subscription = await self._client.subscribe(f"{self._inbox}.*", cb=self._on_message)
        if not self._arrived:
            await self._ask(size, seconds)
        return [self._arrived.popleft() for _ in range(min(size, len(self._arrived)))]

    async def _ask(self, size: int, seconds: float) -> None:
        # Each request has an inbox of its own, so that a late end of the last one is not taken for the end of this.
        self._number += 1
        self._end = None
        request = {
            "batch": size,
            "max_bytes": MAX_BYTES,
            # With both, the server waits for a first message, sends what it has and ends the request at once.
            "no_wait": True,
            "expires": int(seconds * 1e9),
        }
        await self._client.publish(
            self._request_subject, json.dumps(request).encode(), reply=f"{self._inbox}.{self._number}"
        )
        with contextlib.suppress(TimeoutError):
            # A little longer than the request lives: what the server sent at its last moment is still on the way.
            async with asyncio.timeout(seconds + 0.1):
                while len(self._arrived) < size and self._end is None:
                    self._news.clear()
                    await self._news.wait()
        status, description = self._end or ("408", "")
        if status not in _NOTHING_MORE and _TOO_MANY_BYTES not in description.lower() and not self._arrived:
            raise Unavailable(f"the broker does not serve this consumer now: {status} {description}".strip())

    async def _on_message(self, message: Msg) -> None:
        # A status comes under our inbox, a message under its own subject.
        prefix, _, number = message.subject.rpartition(".")
        if prefix != self._inbox:
            self._arrived.append(message)
        elif number == str(self._number):
            headers = message.headers or {}
            status = headers.get("Status", "")
            if status == "100":
                return
            self._end = (status, headers.get("Description", ""))
        self._news.set()

    async def close(self) -> list[Msg]:
        """Ends the subscription; returns the messages that came and that no fetch took."""
        if self._subscription is not None:
            with contextlib.suppress(nats.errors.Error):
                await self._subscription.unsubscribe()
        left = list(self._arrived)
        self._arrived.clear()
        return left
