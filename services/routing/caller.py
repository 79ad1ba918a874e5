"""Who acts upon cases and tasks."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.routing.access import Sight
from services.routing.domain.registry import Registry
from services.routing.store.snapshot import Snapshot
from shared.auth import Principal


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """One key at one moment: what it may see, and the registry in force."""

    principal: Principal
    sight: Sight
    snapshot: Snapshot
    now: datetime

    @property
    def registry(self) -> Registry:
        """The registry in force."""
        return self.snapshot.registry
