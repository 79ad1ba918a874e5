"""The registry as a process holds it in memory, and when it is loaded anew."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection

from services.routing.domain.places import PlaceIndex
from services.routing.domain.policy import Facts, route
from services.routing.domain.registry import Registry
from services.routing.domain.route import Route
from services.routing.store import registry
from shared.db import Database

CHECK_SECONDS = 1.0
"""How long a snapshot may go unchecked: a change of the registry is in force everywhere after this time."""


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The registry at one version; immutable, shared between threads."""

    version: int
    registry: Registry
    places: PlaceIndex

    def route(self, facts: Facts) -> Route:
        """Which institution must answer."""
        return route(self.registry, self.places, facts)


class Snapshots:
    """Gives the present snapshot, asking the database at most once a second whether it still is."""

    def __init__(self, database: Database, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._monotonic = monotonic
        self._checked = float("-inf")
        self._held: Snapshot | None = None
        self._lock = asyncio.Lock()

    async def current(self) -> Snapshot:
        """The snapshot, at most CHECK_SECONDS behind the database; raises Transient when that is away."""
        if self._held is None or self._monotonic() - self._checked >= CHECK_SECONDS:
            async with self._lock:
                await self._refresh()
        if self._held is None:
            raise RuntimeError("a refresh always leaves a snapshot or raises")
        return self._held

    async def _refresh(self) -> None:
        now = self._monotonic()
        if self._held is not None and now - self._checked < CHECK_SECONDS:
            return
        held = self._held.version if self._held is not None else None
        newer = await self._database.read(lambda conn: None if registry.version(conn) == held else load(conn))
        if newer is not None:
            self._held = newer
        self._checked = now


def load(conn: Connection) -> Snapshot:
    """The whole registry, as it stands in this transaction."""
    rows = registry.rows(conn)
    known = Registry(
        territories=rows.territories,
        institutions=rows.institutions,
        pages=rows.pages,
        competences=rows.competences,
    )
    return Snapshot(version=rows.version, registry=known, places=PlaceIndex(known, rows.streets, registry.forms(conn)))
