"""A source as it is shown: never a secret, only which are set."""

from __future__ import annotations

import msgspec

from services.ingest.connectors.connector import Rights
from services.ingest.sources.health import Standing
from services.ingest.sources.instructions import Instructions, hook_of
from services.ingest.sources.pulse import State, Trouble
from services.ingest.sources.record import SourceRecord
from services.ingest.sources.source import Way
from shared.events import ActionKind, Platform
from shared.events.base import Moment


class HealthView(msgspec.Struct, frozen=True, kw_only=True):
    """How a source does, as all replicas together know it."""

    state: State
    why: str
    """Empty while it works."""
    last_event_at: Moment | None = None
    lag_seconds: float | None = None
    """The last event's age when it arrived."""
    succeeded_at: Moment | None = None
    """When the platform last answered, or called genuinely."""
    error: Trouble | None = None
    """The last one, also where it is over."""
    rights: Rights | None = None
    """What the credentials allow, as the last test found."""
    tested_at: Moment | None = None
    forged_at: Moment | None = None
    """When the hook was last called with a wrong secret or none, to the minute; by whom is not known."""


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """One source."""

    id: str
    platform: Platform
    page: str
    group: str | None
    way: Way
    active: bool
    acting: bool
    can: tuple[ActionKind, ...] | None
    """What the credentials that are there are for, whether acting is on or not; what the platform allows of it is in
    `health.rights`. None where they cannot be opened."""
    pace_seconds: float
    daily_ceiling: int
    hook: str | None
    """The address that the platform calls."""
    secrets_set: tuple[str, ...]
    added_at: Moment
    added_by: str
    changed_at: Moment
    changed_by: str
    health: HealthView


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """Something stored that is no source any more; it can only be removed."""

    id: str
    why: str


class ChangedSource(msgspec.Struct, frozen=True, kw_only=True):
    """A source after it was added or changed; `instructions` tell what is left to do on the platform."""

    source: SourceView
    instructions: Instructions | None = None


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform said to a test: either rights or an error."""

    works: bool
    rights: Rights | None = None
    error: Trouble | None = None


def view_of(
    record: SourceRecord, standing: Standing, public_url: str | None, can: tuple[ActionKind, ...] | None
) -> SourceView:
    """What may be shown of `record`."""
    pulse = standing.pulse
    return SourceView(
        **{
            name: getattr(record, name)
            for name in SourceView.__struct_fields__
            if name in SourceRecord.__struct_fields__
        },
        can=can,
        hook=hook_of(record, public_url),
        health=HealthView(
            state=standing.state,
            why=standing.why,
            **{name: getattr(pulse, name) for name in pulse.__struct_fields__},
        ),
    )
