"""Adding, changing and removing sources: what the API and the commands do. Every write is compare-and-set."""

from __future__ import annotations

import secrets as chance
from collections.abc import Callable
from contextlib import suppress

import msgspec

from services.ingest.sources.bucket import Bucket, Buckets
from services.ingest.sources.change import Change, NewSource, changed, new_record
from services.ingest.sources.record import BUCKET, CLAIM, SourceRecord, claim_key, read_record
from services.ingest.sources.requirements import ID
from services.ingest.sources.vault import HOW_TO_SET, SealBroken, Vault
from shared.clock import Clock
from shared.errors import Conflict, NotFound

ATTEMPTS = 5
"""At a change that others keep crossing."""


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A record and the revision that it stands at."""

    record: SourceRecord
    revision: int
    hook_secret: str | None = None
    """Where it was made just now: told this once."""

    def __repr__(self) -> str:
        """Names no value."""
        return f"Kept({self.record.id}, {self.revision})"


class SourceRegistry:
    """The bucket `sources`. Every call raises Unavailable when the broker does not answer.

    A page belongs to the source that its claim names. The claim is made first, and confirmed once the source stands
    there: one that no source stands behind may be taken over. A source whose page's claim names another is none
    (`follower.Sources` leaves it closed), so that no crash and no race makes two of one page.
    """

    def __init__(
        self,
        bus: Buckets,
        vault: Vault | None,
        *,
        clock: Clock,
        new_secret: Callable[[], str] = lambda: chance.token_urlsafe(32),
    ) -> None:
        self._bus = bus
        self._vault = vault
        self._clock = clock
        self._new_secret = new_secret

    async def add(self, new: NewSource, *, by: str) -> Kept:
        """Stores it; `hook_secret` is there where the platform calls us.

        Raises Invalid for what is wrong with it, Conflict where there is no key, or the id or the page is taken.
        """
        record, hook_secret = new_record(new, self.need_vault(), self._new_secret, self._clock(), by)
        bucket = await self._bucket()
        value, revision = await bucket.entry(new.id)
        if value is not None:
            raise Conflict(f"there is a source {new.id} already: choose another id, or change that one")
        await self._claim(bucket, record)
        try:
            revision = await bucket.replace(record.id, msgspec.json.encode(record), revision=revision)
        except Conflict:
            raise Conflict(f"a source {new.id} was added at the same moment: look at it first") from None
        if not await self._confirm(bucket, record):
            with suppress(Conflict):
                await bucket.delete(record.id, revision=revision)
            raise Conflict(f"{record.page} was given to another source at the same moment")
        return Kept(record=record, revision=revision, hook_secret=hook_secret)

    async def _claim(self, bucket: Bucket, record: SourceRecord) -> None:
        key = claim_key(record.page)
        owner, revision = await bucket.entry(key)
        if owner is not None and owner != record.id.encode():
            other = owner.decode(errors="replace")
            value, _ = await bucket.entry(other)
            # A claim that no source stands behind was left by a crash, or by a source that was removed.
            if value is not None and _page_of(other, value) in (record.page, None):
                raise Conflict(f"{record.page} belongs to the source {other}: remove that one first")
        try:
            await bucket.replace(key, record.id.encode(), revision=revision)
        except Conflict:
            raise Conflict(f"{record.page} is being given to another source at this moment") from None

    async def _confirm(self, bucket: Bucket, record: SourceRecord) -> bool:
        """Renews the claim now that its source stands there: whoever saw it without one can take it over no more.
        False when somebody has."""
        key = claim_key(record.page)
        for _ in range(ATTEMPTS):
            owner, revision = await bucket.entry(key)
            if owner != record.id.encode():
                return False
            with suppress(Conflict):
                await bucket.replace(key, owner, revision=revision)
                return True
        return False

    async def get(self, id: str) -> Kept:
        """The source as the broker has it now; raises NotFound, and Conflict for one that cannot be read."""
        bucket = await self._bucket()
        value, revision = await bucket.entry(id) if _is_id(id) else (None, 0)
        if value is None:
            raise NotFound(f"there is no source {id[:60]}")
        try:
            return Kept(record=read_record(id, value), revision=revision)
        except ValueError as error:
            raise Conflict(f"{id}: {error}") from error

    async def change(
        self, id: str, change: Change, *, by: str, check: Callable[[int], None] = lambda revision: None
    ) -> Kept:
        """Stores what is changed.

        `check` may raise for a revision that was not expected; without it a change crossed by another is tried again.
        Raises NotFound, Invalid, Conflict.
        """
        bucket = await self._bucket()
        for _ in range(ATTEMPTS):
            kept = await self.get(id)
            check(kept.revision)
            record, hook_secret = changed(
                kept.record, change, vault=self.need_vault, new_secret=self._new_secret, now=self._clock(), by=by
            )
            try:
                revision = await bucket.replace(id, msgspec.json.encode(record), revision=kept.revision)
            except Conflict:
                continue
            return Kept(record=record, revision=revision, hook_secret=hook_secret)
        raise Conflict(f"{id} is being changed by others: try again")

    async def remove(self, id: str, *, check: Callable[[int], None] = lambda revision: None) -> None:
        """Forgets the source with its secrets, also one that cannot be read; raises NotFound."""
        bucket = await self._bucket()
        value, revision = await bucket.entry(id) if _is_id(id) else (None, 0)
        if value is None:
            raise NotFound(f"there is no source {id[:60]}")
        check(revision)
        try:
            await bucket.delete(id, revision=revision)
        except Conflict:
            raise Conflict(f"{id} was changed at this moment: look at it again") from None
        for key, owner in (await bucket.entries()).items():
            if key.startswith(CLAIM) and owner == id.encode():
                await self._release(bucket, key, owner)

    async def _release(self, bucket: Bucket, key: str, owner: bytes) -> None:
        held, revision = await bucket.entry(key)
        if held == owner:
            # Crossed by who takes the page over, the claim is theirs already.
            with suppress(Conflict):
                await bucket.delete(key, revision=revision)

    async def reseal(self) -> tuple[int, dict[str, str]]:
        """Seals every source's secrets with the first key; returns how many were sealed anew, and what is wrong with
        those that could not be. Safe to repeat and to interrupt."""
        vault = self.need_vault()
        bucket = await self._bucket()
        count, wrong = 0, {}
        for id in [key for key in await bucket.entries() if not key.startswith(CLAIM)]:
            try:
                count += await self._reseal(bucket, vault, id)
            except (SealBroken, ValueError, Conflict) as error:
                wrong[id] = str(error)
        return count, wrong

    async def _reseal(self, bucket: Bucket, vault: Vault, id: str) -> bool:
        for _ in range(ATTEMPTS):
            value, revision = await bucket.entry(id)
            if value is None:
                return False
            record = read_record(id, value)
            if vault.fresh(record.sealed):
                return False
            sealed = vault.seal(id, vault.open(id, record.sealed))
            try:
                again = msgspec.structs.replace(record, sealed=sealed)
                await bucket.replace(id, msgspec.json.encode(again), revision=revision)
            except Conflict:
                continue
            return True
        raise Conflict("it is being changed by others: try again")

    def need_vault(self) -> Vault:
        """The vault; raises Conflict that says what to set where there is none."""
        if self._vault is None:
            raise Conflict(HOW_TO_SET)
        return self._vault

    async def _bucket(self) -> Bucket:
        return await self._bus.bucket(BUCKET)


def _page_of(id: str, value: bytes) -> str | None:
    try:
        return read_record(id, value).page
    except ValueError:
        return None


def _is_id(id: str) -> bool:
    return ID.fullmatch(id) is not None
