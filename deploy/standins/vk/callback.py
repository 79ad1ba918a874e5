"""The stand-in's Callback API: each event again and again until the answer is exactly `ok`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import httpx
import msgspec

from deploy.standins.delivery import Delivery, Target, Waiting

MAX_POSTPONED = 3 * 3_600.0
CALL_SECONDS = 4.0
"""For an answer to begin; VK then takes the event for not delivered."""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the hook and what came of it; status 0 is no answer at all."""

    event: dict[str, Any]
    retry: int
    status: int
    body: str


class Callback(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator sets up on the site."""

    url: str
    group: int
    secret: str | None
    confirmation: str
    retry_seconds: float = 0.05
    """Between two attempts; VK takes minutes."""
    call_seconds: float = CALL_SECONDS


class CallbackServer(Delivery):
    """One server of a community. Deliveries go out one at a time."""

    def __init__(self, callback: Callback) -> None:
        super().__init__(self._open, retry_seconds=callback.retry_seconds, call_seconds=callback.call_seconds)
        self.callback = callback
        self.group = callback.group
        self.confirmed = False
        self.gone = asyncio.Event()
        """Set once the hook said `remove`."""
        self.deliveries: list[Call] = []

    @property
    def removed(self) -> bool:
        """Whether VK would have deleted the server."""
        return self.gone.is_set()

    async def confirm(self) -> bool:
        """Asks for the confirmation string; True when it comes, alone and exact."""
        async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
            said, _ = await self._send(client, {"type": "confirmation", "group_id": self.group}, retry=0)
        self.confirmed = said.status == 200 and said.body == self.callback.confirmation
        return self.confirmed

    def put(self, event: object) -> None:
        """Queues an event, unless the server is removed."""
        if not self.removed:
            super().put(event)

    def _open(self) -> Target | None:
        return None if self.removed else Target(url=self.callback.url, header="")

    async def _call(self, client: httpx.AsyncClient, target: Target, waiting: Waiting) -> bool:
        said, postponed = await self._send(client, waiting.event, retry=waiting.tried)
        if said.body == "remove":
            self.gone.set()
        await asyncio.sleep(postponed)
        return said.status == 200 and said.body == "ok"

    async def _send(self, client: httpx.AsyncClient, event: dict[str, Any], *, retry: int) -> tuple[Call, float]:
        """The call, and how long the hook asks to wait before the next."""
        body = event | ({"secret": self.callback.secret} if self.callback.secret else {})
        headers = {"Content-Type": "application/json"} | ({"X-Retry-Counter": str(retry)} if retry else {})
        status, text, postponed = 0, "", 0.0
        try:
            answer = await client.post(self.callback.url, content=msgspec.json.encode(body), headers=headers)
            status, text = answer.status_code, answer.text
            if status in (410, 429, 503):
                with contextlib.suppress(ValueError):
                    postponed = min(float(answer.headers.get("retry-after", "0")), MAX_POSTPONED)
        except httpx.HTTPError:
            pass
        made = Call(event=event, retry=retry, status=status, body=text)
        self.deliveries.append(made)
        return made, postponed
