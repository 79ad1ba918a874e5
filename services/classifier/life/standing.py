"""The pointer in the bucket `model_pointer`: read, and changed by one caller at a time."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from services.classifier.life.pointer import (
    Change,
    LivePointer,
    ShadowPointer,
    Version,
    promoted,
    rolled_back,
    target_of_rollback,
)
from shared.bus import Bus
from shared.clock import Clock
from shared.errors import Conflict, Invalid

BUCKET = "model_pointer"
LIVE, SHADOW = "live", "shadow"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What shall judge, and what shall stand in its shadow."""

    live: LivePointer
    revision: int
    """Of `live`: rises with every change of it; 0 before the first."""
    shadow: ShadowPointer
    problem: str | None = None
    """Why `live` cannot be read; it then says nothing, and the next promotion replaces it."""

    @property
    def shadow_version(self) -> Version | None:
        """The shadow's version, None where there is no shadow or it was made live (a roll back makes it one again)."""
        return None if self.shadow.version == self.live.version else self.shadow.version


class Pointers:
    """Both pointers. Every call raises Unavailable when the broker does not answer."""

    def __init__(self, bus: Bus, *, clock: Clock) -> None:
        self._bus = bus
        self._clock = clock

    async def read(self) -> Standing:
        """How it stands now."""
        bucket = await self._bus.bucket(BUCKET)
        live, revision = await bucket.entry(LIVE)
        shadow, _ = await bucket.entry(SHADOW)
        pointer = _live(live)
        return Standing(
            live=pointer or LivePointer(),
            revision=revision,
            shadow=_shadow(shadow),
            problem=None if pointer else f"the key {LIVE} of the bucket {BUCKET} cannot be read",
        )

    async def promote(
        self, version: Version | None, *, by: str, reason: str = "", revision: int | None = None
    ) -> Standing:
        """Makes `version` live; nothing changes when it is already.

        Raises Conflict, with what is live now, when somebody else changed it meanwhile or since `revision`, and Invalid
        for a `by` or `reason` that is too long.
        """
        return await self._change(
            lambda pointer: promoted(
                pointer,
                Change(
                    action="promote",
                    version=version,
                    instead=pointer.version,
                    by=by,
                    at=self._clock(),
                    reason=reason,
                ),
            ),
            revision=revision,
            done=lambda pointer: pointer.version == version,
        )

    async def roll_back(self, *, by: str, reason: str = "", revision: int | None = None) -> Standing:
        """Makes live what was live before; raises Conflict as `promote` does, and when nothing was."""
        return await self._change(
            lambda pointer: rolled_back(
                pointer,
                Change(
                    action="rollback",
                    version=target_of_rollback(pointer),
                    instead=pointer.version,
                    by=by,
                    at=self._clock(),
                    reason=reason,
                ),
            ),
            revision=revision,
            done=lambda _: False,
        )

    async def set_shadow(self, version: Version | None, *, by: str) -> Standing:
        """Lets `version` judge in the shadow of what is live, or nothing.

        Raises Conflict for what is live itself: it would cast no shadow.
        """
        live = (await self.read()).live.version
        if version is not None and version == live:
            raise Conflict(f"{version} is live, and cannot be its own shadow", extra={"why": "live", "live": live})
        bucket = await self._bus.bucket(BUCKET)
        raw, revision = await bucket.entry(SHADOW)
        if raw is None or _shadow(raw).version != version:
            pointer = ShadowPointer(version=version, by=by, at=self._clock())
            await bucket.replace(SHADOW, msgspec.json.encode(pointer), revision=revision)
        return await self.read()

    async def _change(
        self,
        change: Callable[[LivePointer], LivePointer],
        *,
        revision: int | None,
        done: Callable[[LivePointer], bool],
    ) -> Standing:
        before = await self.read()
        if done(before.live) and before.problem is None:
            return before
        if revision is not None and revision != before.revision:
            raise _overtaken(before)
        after = _encoded(change(before.live))
        bucket = await self._bus.bucket(BUCKET)
        try:
            await bucket.replace(LIVE, after, revision=before.revision)
        except Conflict:
            now = await self.read()
            if done(now.live) and now.problem is None:
                # Two wanted the same.
                return now
            raise _overtaken(now) from None
        return await self.read()


def _overtaken(now: Standing) -> Conflict:
    name = now.live.version or "the model that comes with the program"
    return Conflict(
        f"what is live was changed meanwhile: now it is {name}",
        extra={"why": "changed", "live": now.live.version, "revision": now.revision},
    )


def _encoded(pointer: LivePointer) -> bytes:
    """As it is stored; raises Invalid for what nobody could read again, such as a reason without end."""
    try:
        raw = msgspec.json.encode(pointer)
        msgspec.json.decode(raw, type=LivePointer)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Invalid(f"this change cannot be stored: {error}") from error
    return raw


def _live(raw: bytes | None) -> LivePointer | None:
    try:
        return LivePointer() if raw is None else msgspec.json.decode(raw, type=LivePointer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _shadow(raw: bytes | None) -> ShadowPointer:
    """Garbage there casts no shadow: it must not keep anybody from promoting."""
    try:
        return ShadowPointer() if raw is None else msgspec.json.decode(raw, type=ShadowPointer)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ShadowPointer()
