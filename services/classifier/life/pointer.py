"""Which version is live and which stands in its shadow: values, and what becomes of them. Pure."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.errors import Conflict
from shared.events.base import Moment, Note

VERSION_PATTERN = r"^[a-z0-9][a-z0-9-]{0,63}$(?!\n)"
Version = Annotated[str, Meta(pattern=VERSION_PATTERN)]
"""Names a published model: it is the hash of what the model consists of. None stands for the one that comes with the
program, or that OTKLIK_MODEL_PATH names."""

MAX_BEFORE = 20
"""Versions that one can go back to."""
MAX_CHANGES = 50
"""Changes that are remembered."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One switch of what is live."""

    action: Literal["promote", "rollback"]
    version: Version | None
    """What became live."""
    instead: Version | None
    """What had been live."""
    by: Annotated[str, Meta(max_length=200)]
    """The id of the key, or `command` and the user of the machine."""
    at: Moment
    reason: Note = ""


class LivePointer(msgspec.Struct, frozen=True, kw_only=True):
    """The key `live` of the bucket `model_pointer`; one value, so that it changes as a whole."""

    version: Version | None = None
    before: tuple[Version | None, ...] = ()
    """What to go back to, the last one first to be taken."""
    changes: tuple[Change, ...] = ()
    """Oldest first."""


class ShadowPointer(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in the shadow, set by whom and when; a version that is live casts none."""

    version: Version | None = None
    by: Annotated[str, Meta(max_length=200)] = ""
    at: Moment | None = None


def promoted(pointer: LivePointer, change: Change) -> LivePointer:
    """`pointer` after a promotion; the same one when that version is live already."""
    if pointer.version == change.version:
        return pointer
    return LivePointer(
        version=change.version,
        before=(*pointer.before, pointer.version)[-MAX_BEFORE:],
        changes=(*pointer.changes, change)[-MAX_CHANGES:],
    )


def target_of_rollback(pointer: LivePointer) -> Version | None:
    """What a roll back makes live; raises Conflict when nothing was live before."""
    if not pointer.before:
        raise Conflict("nothing was live before this", extra={"live": pointer.version})
    return pointer.before[-1]


def rolled_back(pointer: LivePointer, change: Change) -> LivePointer:
    """`pointer` after going back by one; `change.version` is its `target_of_rollback`."""
    return LivePointer(
        version=change.version, before=pointer.before[:-1], changes=(*pointer.changes, change)[-MAX_CHANGES:]
    )
