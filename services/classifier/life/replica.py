"""What each process of the classifier judges with, told by itself in the bucket `model_replicas`."""

from __future__ import annotations

from datetime import datetime

import msgspec

from shared.bus import Bus

BUCKET = "model_replicas"
"""Its entries are gone a minute after they were put."""


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """One process."""

    id: str
    host: str
    live: str
    """The version that it judges with."""
    live_problem: str | None
    """Why that is not the version that the pointer names."""
    shadow: str | None
    shadow_problem: str | None
    since: datetime
    """When it last switched."""
    drift: dict[str, float]
    """The index of each measure, empty where it is not known."""
    at: datetime
    """When it said so."""


class Replicas:
    """The bucket. Every call raises Unavailable when the broker does not answer."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def tell(self, replica: Replica) -> None:
        """Stores what is so now."""
        bucket = await self._bus.bucket(BUCKET)
        await bucket.put(replica.id, msgspec.json.encode(replica))

    async def leave(self, id: str) -> None:
        """The process ends."""
        bucket = await self._bus.bucket(BUCKET)
        await bucket.delete(id)

    async def all(self) -> list[Replica]:
        """Those that were heard within the last minute, by host."""
        bucket = await self._bus.bucket(BUCKET)
        found = []
        for raw in (await bucket.entries()).values():
            try:
                found.append(msgspec.json.decode(raw, type=Replica))
            except (msgspec.DecodeError, UnicodeDecodeError):
                continue
        return sorted(found, key=lambda item: (item.host, item.id))
