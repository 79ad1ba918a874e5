"""The registry: territories, institutions, their pages and competences, looked up in constant time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

ROOT = "root"
"""Id of the territory and of the institution that always exist: whatever has no parent hangs below them."""

ROOT_NAME = "Координатор"
"""What the root institution is called until an import renames it by a row with id `root`."""

ROOT_TERRITORY_NAME = "Вся территория"


class Territory(msgspec.Struct, frozen=True, gc=False):
    """A place in the tree of territories; `coordinator` None is inherited from the parent."""

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

    The rows must refer to one another correctly (`registry_csv` and the database's keys see to it); a reference to
    nothing, or a cycle, raises ValueError on building.
    """

    def __init__(
        self,
        *,
        territories: Iterable[Territory] = (),
        institutions: Iterable[Institution] = (),
        pages: Iterable[Page] = (),
        competences: Iterable[Competence] = (),
    ) -> None:
        raise NotImplementedError

    territories: Mapping[str, Territory]
    institutions: Mapping[str, Institution]
    pages: Mapping[str, Page]

    def territory(self, id: str) -> Territory | None:
        """The territory, or None."""
        raise NotImplementedError

    def institution(self, id: str) -> Institution | None:
        """The institution, or None."""
        raise NotImplementedError

    def page(self, id: str) -> Page | None:
        """The page, or None when it is not registered."""
        raise NotImplementedError

    def competent(self, topic: str, territory: str) -> tuple[str, ...]:
        """The institutions competent for `topic` at exactly this level, in order of rank, then id."""
        raise NotImplementedError

    def ancestors(self, territory: str) -> tuple[str, ...]:
        """The territory itself, its parent, … up to `root`; raises KeyError for an unknown one."""
        raise NotImplementedError

    def within(self, territory: str) -> tuple[str, ...]:
        """The territory and everything below it."""
        raise NotImplementedError

    def above(self, institution: str) -> tuple[str, ...]:
        """The institution itself, its parent, … up to `root`; raises KeyError for an unknown one."""
        raise NotImplementedError

    def below(self, institution: str) -> frozenset[str]:
        """The institution and all institutions below it: what its agents may see; empty for an unknown one."""
        raise NotImplementedError

    def coordinator_of(self, territory: str) -> str:
        """The institution that coordinates the territory: the nearest one named up the tree, in the end `root`."""
        raise NotImplementedError
