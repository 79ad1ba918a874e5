"""The stand-in's Callback API: each event again and again until the answer is exactly `ok`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import httpx
import msgspec

MAX_POSTPONED = 3 * 3_600.0


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the hook and what came of it; status 0 is no answer at all."""

    event: dict[str, Any]
    retry: int
    status: int
    body: str


class CallbackServer:
    """One server of a community. Deliveries go out in order, one at a time."""

    def __init__(self, url: str, *, group: int, secret: str | None, confirmation: str, retry_seconds: float) -> None:
        self.url = url
        self.group = group
        self.secret = secret
        self.confirmation = confirmation
        self.retry_seconds = retry_seconds
        """Between two attempts; VK takes minutes."""
        self.repeat = 1
        """How often each event is delivered although it was taken."""
        self.confirmed = False
        self.gone = asyncio.Event()
        """Set once the hook said `remove`."""
        self.deliveries: list[Delivery] = []
        self._waiting: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._client = httpx.AsyncClient(timeout=10.0, trust_env=False)

    @property
    def removed(self) -> bool:
        """Whether VK would have deleted the server."""
        return self.gone.is_set()

    async def confirm(self) -> bool:
        """Asks for the confirmation string; True when it comes, alone and exact."""
        said = await self._send({"type": "confirmation", "group_id": self.group}, retry=0)
        self.confirmed = said.status == 200 and said.body == self.confirmation
        return self.confirmed

    def add(self, event: dict[str, Any]) -> None:
        """Queues an event."""
        if not self.removed:
            self._waiting.put_nowait(event)

    async def run(self) -> None:
        """Delivers until it is cancelled, or until the hook answers `remove`."""
        try:
            while not self.removed:
                event = await self._waiting.get()
                for _ in range(self.repeat):
                    await self._deliver(event)
                self._waiting.task_done()
        finally:
            await self._client.aclose()

    async def drained(self) -> None:
        """Returns once everything was taken."""
        await self._waiting.join()

    async def _deliver(self, event: dict[str, Any]) -> None:
        retry = 0
        while not self.removed:
            said = await self._send(event, retry=retry)
            if said.status == 200 and said.body == "ok":
                return
            if said.body == "remove":
                self.gone.set()
                return
            retry += 1
            await asyncio.sleep(self.retry_seconds)

    async def _send(self, event: dict[str, Any], *, retry: int) -> Delivery:
        body = event | ({"secret": self.secret} if self.secret else {})
        headers = {"Content-Type": "application/json"} | ({"X-Retry-Counter": str(retry)} if retry else {})
        status, text, postponed = 0, "", 0.0
        try:
            answer = await self._client.post(self.url, content=msgspec.json.encode(body), headers=headers)
            status, text = answer.status_code, answer.text
            if status in (410, 429, 503):
                with contextlib.suppress(ValueError):
                    postponed = min(float(answer.headers.get("retry-after", "0")), MAX_POSTPONED)
        except httpx.HTTPError:
            pass
        made = Delivery(event=event, retry=retry, status=status, body=text)
        self.deliveries.append(made)
        if postponed:
            await asyncio.sleep(postponed)
        return made
