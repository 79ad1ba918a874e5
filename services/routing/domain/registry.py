"""The registry: territories, institutions, their pages and competences, looked up in constant time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

ROOT = "root"
"""Id of the territory and of the institution that always exist: whatever has no parent hangs below them."""

ROOT_NAME = "Координатор"
"""What the root institution is called until an import renames it by a row with id `root`."""

ROOT_TERRITORY_NAME = "Вся территория"


class Territory(msgspec.Struct, frozen=True, gc=False):
    """A place in the tree of territories; `coordinator` null is inherited from the parent."""

    id: str
    kind: str
    """region, district, settlement, city_district, … ; `root` for the root."""
    name: str
    parent: str | None = None
    """None only for the root; a row without a parent hangs under `root`."""
    coordinator: str | None = None


class Street(msgspec.Struct, frozen=True, gc=False):
    """A street, square, micro-district … of a territory, by its full name: «улица Ленина»."""

    territory: str
    name: str


class Institution(msgspec.Struct, frozen=True, gc=False):
    """Somebody who answers citizens."""

    id: str
    name: str
    short_name: str
    kind: str
    parent: str | None = None
    """None only for the root."""
    territory: str = ROOT


class Page(msgspec.Struct, frozen=True, gc=False):
    """An official page, the institution that owns it and the territory it speaks to."""

    id: str
    institution: str
    territory: str
    name: str


class Competence(msgspec.Struct, frozen=True, gc=False):
    """`institution` answers for `topic` in `territory` and below."""

    institution: str
    topic: str
    territory: str
    rank: int = 0
    """Its place in the imported file; decides between equals before the id does (lower first)."""


ROOT_TERRITORY = Territory(id=ROOT, kind="root", name=ROOT_TERRITORY_NAME, parent=None, coordinator=ROOT)
ROOT_INSTITUTION = Institution(id=ROOT, name=ROOT_NAME, short_name=ROOT_NAME, kind="coordinator", parent=None)


class Registry:
    """An immutable snapshot, built once from rows; every look-up is a dictionary's.

    The rows must refer to one another correctly (`registry_csv` and the database's keys see to it): a parent that is
    unknown, or a cycle, raises ValueError on building. Other references to nothing are never met by a look-up that
    starts from known rows. Rows with id `root` rename the root; it exists without them too.
    """

    def __init__(
        self,
        *,
        territories: Iterable[Territory] = (),
        institutions: Iterable[Institution] = (),
        pages: Iterable[Page] = (),
        competences: Iterable[Competence] = (),
    ) -> None:
        known_territories = {ROOT: ROOT_TERRITORY} | {row.id: row for row in territories}
        known_institutions = {ROOT: ROOT_INSTITUTION} | {row.id: row for row in institutions}
        self.territories: Mapping[str, Territory] = known_territories
        self.institutions: Mapping[str, Institution] = known_institutions
        self.pages: Mapping[str, Page] = {row.id: row for row in pages}
        self._ancestors = _chains({row.id: row.parent for row in known_territories.values()}, "territory")
        self._above = _chains({row.id: row.parent for row in known_institutions.values()}, "institution")
        self._territory_children = _children(self._ancestors)
        self._institution_children = _children(self._above)
        self._within: dict[str, tuple[str, ...]] = {}
        self._competent = _by_level(competences)
        self._coordinators: dict[str, str] = {}
        for id, chain in self._ancestors.items():
            named = (known_territories[level].coordinator for level in chain)
            self._coordinators[id] = next((name for name in named if name and name in known_institutions), ROOT)

    def territory(self, id: str) -> Territory | None:
        """The territory, or None."""
        return self.territories.get(id)

    def institution(self, id: str) -> Institution | None:
        """The institution, or None."""
        return self.institutions.get(id)

    def page(self, id: str) -> Page | None:
        """The page, or None when it is not registered."""
        return self.pages.get(id)

    def competent(self, topic: str, territory: str) -> tuple[str, ...]:
        """The institutions competent for `topic` at exactly this level, in order of rank, then id."""
        return self._competent.get((topic, territory), ())

    def ancestors(self, territory: str) -> tuple[str, ...]:
        """The territory itself, its parent, … up to `root`; raises KeyError for an unknown one."""
        return self._ancestors[territory]

    def within(self, territory: str) -> tuple[str, ...]:
        """The territory and everything below it; empty for an unknown one."""
        found = self._within.get(territory)
        if found is None:
            if territory not in self._ancestors:
                return ()
            # Kept, because the same few levels are asked for again and again; all of them together hold each territory
            # as often as the tree is deep.
            found = self._within[territory] = tuple(_subtree(territory, self._territory_children))
        return found

    def above(self, institution: str) -> tuple[str, ...]:
        """The institution itself, its parent, … up to `root`; raises KeyError for an unknown one."""
        return self._above[institution]

    def below(self, institution: str) -> frozenset[str]:
        """The institution and all institutions below it: what its agents may see; empty for an unknown one."""
        if institution not in self._above:
            return frozenset()
        return frozenset(_subtree(institution, self._institution_children))

    def has_below(self, institution: str) -> bool:
        """True when other institutions hang below this one."""
        return institution in self._institution_children

    def coordinator_of(self, territory: str) -> str:
        """The institution that coordinates the territory: the nearest one named up the tree, in the end `root` (also
        for an unknown territory)."""
        return self._coordinators.get(territory, ROOT)


def _chains(parents: Mapping[str, str | None], what: str) -> dict[str, tuple[str, ...]]:
    """Each id with its way up to the root; ids that share a parent share its chain's walk.

    Raises ValueError for an unknown parent or a cycle.
    """
    chains: dict[str, tuple[str, ...]] = {ROOT: (ROOT,)}
    for id in parents:
        pending: list[str] = []
        at = id
        while at not in chains:
            if at not in parents:
                raise ValueError(f"{what} {pending[-1]} hangs under {at}, which does not exist")
            pending.append(at)
            if len(pending) > len(parents):
                raise ValueError(f"{what} {id} is, over its parents, its own parent")
            at = parents[at] or ROOT
        for below in reversed(pending):
            chains[below] = (below, *chains[at])
            at = below
    return chains


def _children(chains: Mapping[str, tuple[str, ...]]) -> dict[str, list[str]]:
    children: dict[str, list[str]] = {}
    for id, chain in chains.items():
        if len(chain) > 1:
            children.setdefault(chain[1], []).append(id)
    return children


def _subtree(top: str, children: Mapping[str, list[str]]) -> Iterator[str]:
    pending = [top]
    while pending:
        id = pending.pop()
        yield id
        pending.extend(children.get(id, ()))


def _by_level(competences: Iterable[Competence]) -> dict[tuple[str, str], tuple[str, ...]]:
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for row in competences:
        found.setdefault((row.topic, row.territory), []).append((row.rank, row.institution))
    return {level: tuple(dict.fromkeys(id for _, id in sorted(rows))) for level, rows in found.items()}
