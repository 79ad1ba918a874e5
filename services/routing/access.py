"""What a key may see: cases and pages by the institution and territory they belong to. Pure."""

from __future__ import annotations

import msgspec

from services.routing.domain.registry import ROOT, Registry
from shared.auth import Principal

NOWHERE: frozenset[str] = frozenset()


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """A thing is seen when its institution or its territory is among these, or `everything` is."""

    everything: bool = False
    institutions: frozenset[str] = NOWHERE
    territories: frozenset[str] = NOWHERE

    def covers(self, institution: str | None, territory: str | None) -> bool:
        """Whether a thing of this institution and territory is seen."""
        return self.everything or institution in self.institutions or territory in self.territories


EVERYTHING = Sight(everything=True)
NOTHING = Sight()


class Sights:
    """The sights of one registry: each worked out once, since a region's trees hold thousands of rows."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: dict[tuple[str, str], Sight] = {}

    def of(self, principal: Principal) -> Sight:
        """What `principal` may see of cases, comments, tasks and their events.

        Admin and auditor: everything. Coordinator, and a moderator with a territory: what belongs to an institution
        in the territory, or lies in it. Agent: its institution and those below. Everybody else: nothing.
        """
        scope = principal.scope
        match principal.role:
            case "admin" | "auditor":
                return EVERYTHING
            case "moderator" if scope.territory is None:
                return EVERYTHING
            case "coordinator" | "moderator":
                return self._in_territory(scope.territory or "")
            case "agent":
                return self._below(scope.institution or "")
        return NOTHING

    def _in_territory(self, territory: str) -> Sight:
        if territory == ROOT:
            return EVERYTHING
        sight = self._known.get(("territory", territory))
        if sight is None:
            territories = frozenset(self._registry.within(territory))
            institutions = frozenset(
                row.id for row in self._registry.institutions.values() if row.territory in territories
            )
            sight = Sight(institutions=institutions, territories=territories)
            self._known["territory", territory] = sight
        return sight

    def _below(self, institution: str) -> Sight:
        if institution == ROOT:
            return EVERYTHING
        sight = self._known.get(("institution", institution))
        if sight is None:
            sight = Sight(institutions=self._registry.below(institution))
            self._known["institution", institution] = sight
        return sight
