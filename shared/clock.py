"""Time and identity, injected so that tests decide what they are."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from uuid_utils.compat import uuid7

Clock = Callable[[], datetime]
"""Returns the present moment, always with a time zone."""

NewId = Callable[[], UUID]
"""Returns a fresh UUIDv7: unique, and sorted by the time it was made."""


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def new_id() -> UUID:
    """A fresh UUIDv7; those of one process rise in the order they were made."""
    return uuid7()
