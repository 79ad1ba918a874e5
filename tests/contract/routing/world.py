"""A running routing service over a real broker and database, with a small region and keys of every role."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, cast

import httpx

from services.routing.app import make_app
from services.routing.registry_import import Files, Imported, import_registry, lines
from services.routing.settings import Settings
from services.routing.store import MIGRATIONS
from shared.auth import Role, Scope
from shared.auth.registry import KeyRegistry
from shared.bus import Bus, Outgoing
from shared.clock import new_id, utc_now
from shared.db import Database, migrate
from shared.events import CommentCreated, CommentDeleted, CommentEdited, Flags, Platform, Tag, Tagged
from tests.fixtures.inprocess import client_of

REGION = {
    "territories": """id,kind,name,parent,coordinator
10,region,Область,,root
11,district,Северный район,10,adm-north
12,district,Южный район,10,adm-south
""",
    "institutions": """id,name,short_name,kind,parent,territory
gov,Правительство,Правительство,government,root,10
adm-north,Администрация Северного района,Север,administration,gov,11
adm-south,Администрация Южного района,Юг,administration,gov,12
school-n,Школа Северного района,Школа,school,adm-north,11
""",
    "pages": """id,institution,territory,name
http:north,adm-north,11,Север
http:south,adm-south,12,Юг
http:school,school-n,11,Школа
vk:-5,adm-north,11,Север ВК
""",
}

_sequence = count(1)


def platform_of(page: str) -> Platform:
    """What stands before the colon."""
    return cast(Platform, page.partition(":")[0])


class World:
    """Speaks to the service as each role, and puts comments into the stream that it reads."""

    def __init__(self, client: httpx.AsyncClient, bus: Bus, keys: dict[str, str]) -> None:
        self._client = client
        self.bus = bus
        self.keys = keys

    async def call(
        self, role: str, method: str, path: str, body: Any = None, *, status: int | None = None, **headers: str
    ) -> httpx.Response:
        """One request; `status` is what the answer must have. Header names take _ for -."""
        answer = await self._client.request(
            method,
            path,
            json=body,
            headers={
                "Authorization": f"Bearer {self.keys[role]}",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
        )
        if status is not None:
            assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    async def get(self, role: str, path: str, status: int = 200) -> Any:
        """The answer's JSON."""
        return (await self.call(role, "GET", path, status=status)).json()

    async def post(self, role: str, path: str, body: Any = None, status: int = 200, **headers: str) -> Any:
        """The answer's JSON."""
        return (await self.call(role, "POST", path, body, status=status, **headers)).json()

    async def bare(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request without a key, or with what the test gives."""
        return await self._client.request(method, path, **options)

    def key_id(self, role: str) -> str:
        """The public id of a role's key."""
        return self.keys[f"{role}.id"]

    async def comment(
        self,
        text: str = "Почему?",
        *,
        page: str = "http:north",
        tag: Tag = "question",
        id: str | None = None,
        edit: bool = False,
        **judged: Any,
    ) -> str:
        """A comment that came in, was tagged and has reached the service; returns its id."""
        number = next(_sequence)
        id = id or f"{page}:{number}"
        kind = CommentEdited if edit else CommentCreated
        said = kind(
            id=id,
            platform=platform_of(page),
            page=page,
            post=f"{page}:post",
            received_at=datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=number),
            author=secrets.token_hex(8),
            text=text,
        )
        # A version is its place in COMMENTS, beside the deletions.
        told = await self.bus.publish([Outgoing(event=said, msg_id=f"comment:{id}:{number}")])
        event = Tagged(
            comment=said,
            version=told[0].sequence,
            tag=tag,
            scores={tag: 0.9},
            confidence=0.9,
            unsure=judged.pop("unsure", False),
            topic=judged.pop("topic", "other"),
            flags=Flags(**judged),
            model="test-1",
        )
        await self.bus.publish([Outgoing(event=event, msg_id=f"tagged:{id}:{number}")])
        await self.until("admin", f"/v1/comments/{id}", lambda seen: seen["tag"] == tag)
        return id

    async def case(self, text: str = "Почему?", **how: Any) -> dict[str, Any]:
        """A fresh case, as its institution's queue knows it."""
        id = await self.comment(text, **how)
        standing = await self.get("admin", f"/v1/comments/{id}")
        view = await self.get("admin", f"/v1/cases/{standing['case_id']}")
        return cast(dict[str, Any], view)

    async def task(self, text: str = "Купите!", **how: Any) -> dict[str, Any]:
        """A fresh moderation task."""
        id = await self.comment(text, **{"tag": "spam", **how})
        cursor = ""
        while True:
            page = await self.get("admin", f"/v1/moderation?limit=200{cursor}")
            for item in page["items"]:
                if item["comment_id"] == id:
                    return cast(dict[str, Any], item)
            assert page["next"] is not None, "no task was made"
            cursor = f"&cursor={page['next']}"

    async def vanish(self, id: str, page: str) -> None:
        """The comment was deleted on its platform."""
        event = CommentDeleted(id=id, platform=platform_of(page), page=page, received_at=utc_now())
        await self.bus.publish([Outgoing(event=event, msg_id=f"deleted:{id}")])

    async def until(self, role: str, path: str, seen: Any, tries: int = 1_500) -> Any:
        """Asks until `seen` of the answer holds."""
        for _ in range(tries):
            answer = await self.call(role, "GET", path)
            if answer.status_code == 200 and seen(answer.json()):
                return answer.json()
            await asyncio.sleep(0.02)
        raise AssertionError(f"GET {path} never came to what was awaited: {answer.status_code} {answer.text[:500]}")

    async def published(self, subject: str) -> list[Any]:
        """What stands in the streams under a subject."""
        return [event async for event in self._read(subject)]

    async def _read(self, subject: str) -> AsyncIterator[Any]:
        subscription = await self.bus.jetstream.subscribe(subject, ordered_consumer=True)
        try:
            pending = (await subscription.consumer_info()).num_pending
            for _ in range(pending or 0):
                message = await subscription.next_msg(timeout=5)
                yield message.data
        finally:
            await subscription.unsubscribe()


async def _import(url: str) -> None:
    files = {name: lines(text.encode()) for name, text in REGION.items()}
    database = Database.open(url)
    try:
        done = await import_registry(database, cast(Files, files), actor="system")
        assert isinstance(done, Imported), done
    finally:
        database.close()


async def _make_keys(bus: Bus) -> dict[str, str]:
    bucket = await bus.bucket("api_keys")
    registry = KeyRegistry(bucket, clock=utc_now, new_id=new_id, random_bytes=secrets.token_bytes)
    wanted: dict[str, tuple[Role, Scope]] = {
        "admin": ("admin", Scope()),
        "auditor": ("auditor", Scope()),
        "north": ("agent", Scope(institution="adm-north")),
        "north2": ("agent", Scope(institution="adm-north")),
        "south": ("agent", Scope(institution="adm-south")),
        "school": ("agent", Scope(institution="school-n")),
        "gov": ("agent", Scope(institution="gov")),
        "coordinator": ("coordinator", Scope(territory="root")),
        "coordinator-n": ("coordinator", Scope(territory="11")),
        "coordinator-s": ("coordinator", Scope(territory="12")),
        "moderator": ("moderator", Scope()),
        "moderator2": ("moderator", Scope()),
        "moderator-s": ("moderator", Scope(territory="12")),
        "ingest": ("ingest", Scope(sources=("*",))),
        "service": ("service", Scope()),
    }
    keys: dict[str, str] = {}
    for name, (role, scope) in wanted.items():
        keys[name], record = await registry.create(name=name, role=role, scope=scope)
        keys[f"{name}.id"] = record.id
    return keys


@asynccontextmanager
async def world(nats_url: str, database_url: str) -> AsyncIterator[World]:
    """The service, running until the block ends."""
    migrate(database_url, MIGRATIONS)
    await _import(database_url)
    async with await Bus.connect(nats_url, name="test") as bus:
        await bus.ensure()
        keys = await _make_keys(bus)
        settings = Settings(nats_url=nats_url, routing_database_url=database_url)
        async with client_of(make_app(settings)) as client:
            yield World(client, bus, keys)
