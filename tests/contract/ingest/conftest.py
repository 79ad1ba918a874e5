"""The real application over a real broker and a real database, in this process."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest

from services.ingest.app import make_app
from services.ingest.connectors.opening import Connect
from services.ingest.settings import Settings
from services.ingest.store import MIGRATIONS
from shared.auth import BUCKET, Role, Scope
from shared.auth.registry import KeyRegistry
from shared.bus import Bus
from shared.clock import new_id, utc_now
from shared.db import migrate
from shared.events import Event, decode
from shared.web import Service
from tests.fixtures.inprocess import client_of


class Desk:
    """Speaks to the application as a client does, and looks into the broker as its readers do."""

    def __init__(self, app: Service, bus: Bus, client: httpx.AsyncClient) -> None:
        self.app = app
        self.bus = bus
        self.client = client

    async def key(self, role: Role, **scope: Any) -> dict[str, str]:
        """The header of a new key, which the application knows already."""
        registry = KeyRegistry(
            await self.bus.bucket(BUCKET), clock=utc_now, new_id=new_id, random_bytes=secrets.token_bytes
        )
        key, _ = await registry.create(name="test", role=role, scope=Scope(**scope))
        await self.app.state.keyring.refresh()
        return {"Authorization": f"Bearer {key}"}

    async def send(self, content: Any, kind: str = "application/json", **headers: str) -> httpx.Response:
        """Posts to /v1/comments; structures are encoded, bytes and streams go as they are."""
        if isinstance(content, dict | list):
            content = msgspec.json.encode(content)
        return await self.client.post("/v1/comments", content=content, headers={"Content-Type": kind} | headers)

    async def stored(self) -> list[Event]:
        """Everything in COMMENTS, in order, decoded as every reader decodes it."""
        jetstream = self.bus.jetstream
        last = (await jetstream.stream_info("COMMENTS")).state.last_seq
        messages = [await jetstream.get_msg("COMMENTS", seq=number) for number in range(1, last + 1)]
        return [decode(message.subject or "", message.data or b"") for message in messages]


@asynccontextmanager
async def open_desk(
    nats_url: str, database_url: str, *, connect: Connect | None = None, **given: Any
) -> AsyncIterator[Desk]:
    """The application, started and stopped as `serve` does it, with an administrator's key; `given` are settings."""
    migrate(database_url, MIGRATIONS)
    settings = Settings(nats_url=nats_url, ingest_database_url=database_url, author_key="k" * 20, **given)
    app = make_app(settings, connect=connect)
    async with client_of(app) as client, await Bus.connect(nats_url, name="test") as bus:
        await bus.ensure()
        desk = Desk(app, bus, client)
        client.headers.update(await desk.key("admin"))
        yield desk


@pytest.fixture
async def desk(nats_url: str, sqlite_url: str) -> AsyncIterator[Desk]:
    """An application of this test's own."""
    async with open_desk(nats_url, sqlite_url) as desk:
        yield desk
