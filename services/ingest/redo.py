"""A payload that no release could use when it came, taken from its dead letter once this one can."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import structlog

from services.ingest.arrivals import Arrivals, origin
from services.ingest.connectors.connector import Connector
from services.ingest.connectors.received import NotThisPlatform
from services.ingest.forgetting import KEPT
from services.ingest.sources.follower import Sources
from shared.bus import Bus, dead
from shared.clock import Clock, utc_now
from shared.errors import Conflict, NotFound, Transient, Unavailable

log = structlog.get_logger(__name__)


class Redone(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a dead letter's payload, in events."""

    accepted: int
    """That told something new."""
    repeated: int
    """Known already, or overtaken by what became of their comments since; our own replies among them."""
    skipped: int
    """None of ours."""
    unusable: int
    """Still not to be used."""
    dropped: bool
    """Whether the letter is gone: it is once it brought something, and nothing in it is unusable any more."""


class Redo:
    """Takes letters of one broker in where nothing newer is known of their comments."""

    def __init__(
        self,
        *,
        bus: Bus,
        sources: Sources,
        connectors: Mapping[str, Connector],
        arrivals: Arrivals,
        clock: Clock = utc_now,
    ) -> None:
        self._clock = clock
        self._bus = bus
        self._sources = sources
        self._connectors = connectors
        self._arrivals = arrivals

    async def letter(self, source_id: str, number: int) -> Redone:
        """Everything in dead letter `number`, which came by the source; doing it again is safe.

        Raises NotFound for an unknown source or letter; Conflict for a letter of another origin or older than comments
        are known, a source that cannot be opened, or a payload that this release cannot read either (the letter then
        stays); Unavailable.
        """
        source = self._sources.get(source_id)
        if source is None:
            if self._sources.known(source_id):
                raise Conflict(f"{source_id}: its credentials cannot be opened, so nothing can be taken for it")
            raise NotFound(f"there is no source {source_id}")
        connector = self._connectors.get(source.platform)
        if connector is None:
            raise Conflict(f"there is no connector for {source.platform} in this release")
        found = await dead.letter(self._bus, number)
        if found.stream or found.consumer != origin(source_id):
            raise Conflict(f"dead letter {number} did not come from the source {source_id}, but from {found.consumer}")
        if self._clock() - found.at >= KEPT:
            raise Conflict(
                f"dead letter {number} is older than {KEPT.days} days: what became of its comments since is not known "
                "any more, and may not be overwritten; look at them on the page"
            )
        try:
            events = connector.events(source, found.payload)
        except NotThisPlatform as error:
            raise Conflict(f"dead letter {number} cannot be read by this release either: {error}") from error
        try:
            taken = await self._arrivals.take(source, events, found.payload, as_of=found.at, kept=True)
        except Transient as error:
            raise Unavailable("the database is away; try again") from error
        known = taken.repeated + taken.echoes
        dropped = not taken.unusable and taken.accepted + known > 0
        if dropped:
            await dead.drop(self._bus, number)
        log.info("dead letter redone", source=source_id, letter=number, accepted=taken.accepted, dropped=dropped)
        return Redone(
            accepted=taken.accepted,
            repeated=known,
            skipped=taken.skipped,
            unusable=taken.unusable,
            dropped=dropped,
        )
