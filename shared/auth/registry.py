"""Making, listing and revoking keys: what the commands do."""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol

import msgspec

from shared.auth.record import KeyRecord, Role, Scope, scope_problem
from shared.auth.secret import RandomBytes, hash_of, new_key
from shared.clock import Clock, NewId
from shared.errors import Invalid, NotFound


class WritableBucket(Protocol):
    """What the registry needs of the bucket."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None."""

    async def put(self, key: str, value: bytes) -> int:
        """Stores the value durably."""

    async def delete(self, key: str) -> None:
        """Removes the key."""

    async def entries(self) -> dict[str, bytes]:
        """Everything in it."""


class KeyRegistry:
    """The keys that were given out."""

    def __init__(self, bucket: WritableBucket, *, clock: Clock, new_id: NewId, random_bytes: RandomBytes) -> None:
        self._bucket = bucket
        self._clock = clock
        self._new_id = new_id
        self._random_bytes = random_bytes

    async def create(
        self, *, name: str, role: Role, scope: Scope, lifetime: timedelta | None = None
    ) -> tuple[str, KeyRecord]:
        """A new key and its record, durably stored. Raises Invalid for a scope that does not fit the role."""
        problem = scope_problem(role, scope)
        if problem is not None:
            raise Invalid(problem)
        if not 1 <= len(name.strip()) <= 200:
            raise Invalid("a key needs a name of 1 to 200 characters: whom it is for")
        now = self._clock()
        record = KeyRecord(
            id=str(self._new_id()),
            name=name.strip(),
            role=role,
            scope=scope,
            created_at=now,
            expires_at=None if lifetime is None else now + lifetime,
        )
        key = new_key(self._random_bytes)
        await self._bucket.put(hash_of(key), msgspec.json.encode(record))
        return key, record

    async def records(self) -> list[KeyRecord]:
        """All keys, oldest first; the keys themselves are not known to anyone."""
        entries = await self._bucket.entries()
        return sorted((msgspec.json.decode(raw, type=KeyRecord) for raw in entries.values()), key=lambda item: item.id)

    async def revoke(self, key_id: str) -> KeyRecord:
        """Removes the key with this id; every service refuses it within seconds. Raises NotFound for an unknown id."""
        for digest, raw in (await self._bucket.entries()).items():
            record = msgspec.json.decode(raw, type=KeyRecord)
            if record.id == key_id:
                await self._bucket.delete(digest)
                return record
        raise NotFound(f"no key has the id {key_id}")

    async def works(self, key: str) -> bool:
        """Whether this key is known and not past its time."""
        raw = await self._bucket.get(hash_of(key))
        return raw is not None and not msgspec.json.decode(raw, type=KeyRecord).expired(self._clock())
