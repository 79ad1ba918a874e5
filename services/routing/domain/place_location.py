"""Where the names found in a text lie: each among its namesakes, and all of them together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from services.routing.domain.place_forms import FormOf
from services.routing.domain.registry import ROOT, Registry
from services.routing.domain.route import Place

NEAR = 12
"""Words between a street and a settlement that still belong together: a sentence of an ordinary comment."""

_LOCAL = frozenset({"settlement", "city_district"})
"""Kinds of territory small enough that a street's kind may be told wrongly: «ул. Ленина» for «проспект Ленина»."""


class Named(msgspec.Struct, frozen=True, gc=False):
    """A name of the registry as one form of it: the territories that bear it or have such a street, and how carefully
    it must be recognised."""

    of: FormOf
    name: str
    care: int
    street_kind: str
    territories: frozenset[str]


class Mention(msgspec.Struct, frozen=True, gc=False):
    """A name found in the text: the words [start, end), all its namesakes, the kinds of street written beside it."""

    start: int
    end: int
    named: tuple[Named, ...]
    kinds: frozenset[str]

    def called(self, territory: str | None) -> str:
        """The name as the registry has it for that territory."""
        return next((one.name for one in self.named if territory in one.territories), self.named[0].name)

    def strictly(self) -> tuple[Named, ...]:
        """Only the streets of the kind that was written, if one was."""
        if not self.kinds:
            return self.named
        return tuple(one for one in self.named if not one.street_kind or one.street_kind in self.kinds)


def locate(registry: Registry, mentions: Sequence[Mention], page_territory: str | None) -> Place:
    """The territory that these mentions mean under a page of `page_territory` (None: an unknown page).

    A settlement or district named beside a street decides where the street lies; a street alone lies where the page's
    territory, or else its nearest ancestor, has exactly one of that name. A place that contains the page's own
    territory says nothing new, nor does one that contains another place named. Several places within one settlement,
    or within the page's territory, mean what holds them all. What stays ambiguous leaves the page's territory.
    """
    if not mentions:
        return _page(page_territory, (), "")
    tree = _Map(registry, page_territory or ROOT)
    areas = [mention for mention in mentions if mention.named[0].of == "territory"]
    settled = [(area, tree.area(area, areas)) for area in areas]
    known = [(area, territory) for area, territory in settled if territory is not None]
    streets = [mention for mention in mentions if mention.named[0].of == "street"]
    settled += [(street, tree.street(street, known)) for street in streets]
    settled.sort(key=lambda pair: pair[0].start)
    names = tuple(dict.fromkeys(mention.called(territory) for mention, territory in settled))
    found = {territory for _, territory in settled if territory is not None}
    deepest = {one for one in found if not any(one != other and tree.inside(other, one) for other in found)}
    new = {one for one in deepest if not tree.inside(tree.page, one)}
    if not new:
        doubtful = any(territory is None for _, territory in settled) and not deepest
        words = "more than one place bears such a name, or none of them near the page" if doubtful else ""
        return _page(page_territory, names, words, ambiguous=doubtful)
    if len(new) == 1 and deepest == new:
        return Place(territory=new.pop(), by="text", mentions=names, words=f"the text names {', '.join(names)}")
    common = tree.common(sorted(deepest))
    within_page = page_territory is not None and tree.inside(common, tree.page)
    if common != tree.page and (registry.territories[common].kind in _LOCAL or within_page):
        return Place(territory=common, by="text", mentions=names, words=f"it holds all of {', '.join(names)}")
    return _page(page_territory, names, "the text names places far from one another", ambiguous=True)


class _Map:
    """The registry's tree of territories, seen from the page's own one."""

    def __init__(self, registry: Registry, page: str) -> None:
        self._registry = registry
        self.page = page
        self._way_up = self._ancestors(page)

    def area(self, mention: Mention, areas: Sequence[Mention]) -> str | None:
        """The one territory of that name: inside another one that the text names, else nearest to the page."""
        only = _only(mention.named)
        if only is not None:
            return only
        for other in areas:
            around = _only(other.named) if other is not mention else None
            inside = self._those_in(mention.named, around) if around is not None else []
            if len(inside) == 1:
                return inside[0]
        return self._nearest(mention.named, mention.named)

    def street(self, mention: Mention, areas: Sequence[tuple[Mention, str]]) -> str | None:
        """Where the street lies: in the nearest named area that has it; in the area itself when none has."""
        nearby = sorted((_distance(mention, area), territory) for area, territory in areas)
        nearby = [(distance, territory) for distance, territory in nearby if distance <= NEAR]
        for _, territory in nearby:
            if self.inside(self.page, territory):
                # The area holds the page as well: what lies nearer to the page decides, as without the area.
                continue
            inside = self._those_in(mention.strictly(), territory, limit=None)
            inside = inside or self._those_in(mention.named, territory, limit=None)
            if inside:
                return self.common(inside)
        if nearby and not self.inside(self.page, nearby[0][1]):
            return nearby[0][1]
        return self._nearest(mention.strictly(), mention.named)

    def inside(self, territory: str, area: str) -> bool:
        """True when `territory` is `area` or lies in it."""
        return territory == area or area in self._ancestors(territory)

    def common(self, territories: Sequence[str]) -> str:
        """The smallest territory that holds them all."""
        chains = [self._ancestors(one) for one in territories]
        return next((level for level in chains[0] if all(level in chain for chain in chains)), ROOT)

    def _nearest(self, strict: tuple[Named, ...], loose: tuple[Named, ...]) -> str | None:
        """The only one within the page's territory, or within its nearest ancestor that has any."""
        for level in self._way_up:
            inside = self._those_in(strict, level)
            if not inside and self._registry.territories[level].kind in _LOCAL:
                inside = self._those_in(loose, level)
            if inside:
                return inside[0] if len(inside) == 1 else None
        return None

    def _those_in(self, named: Iterable[Named], level: str, limit: int | None = 2) -> list[str]:
        """The territories of these names inside `level`, at most `limit` (which ones, is not said): where two are
        too many, more are no better.

        Walks whichever is fewer, the namesakes or the territories of `level`: a whole country has thousands of
        «улица Ленина», a district a dozen settlements.
        """
        named = tuple(named)
        within = self._registry.within(level)
        found: dict[str, None] = {}
        if len(within) < sum(len(one.territories) for one in named):
            for territory in within:
                if any(territory in one.territories for one in named):
                    found[territory] = None
                    if len(found) == limit:
                        break
            return list(found)
        for one in named:
            for territory in one.territories:
                if self.inside(territory, level):
                    found[territory] = None
                    if len(found) == limit:
                        return list(found)
        return list(found)

    def _ancestors(self, territory: str) -> tuple[str, ...]:
        return self._registry.ancestors(territory if territory in self._registry.territories else ROOT)


def _only(named: Sequence[Named]) -> str | None:
    """The single territory that these names mean, if it is single."""
    if all(len(one.territories) == 1 for one in named):
        every = frozenset[str]().union(*(one.territories for one in named))
        return next(iter(every)) if len(every) == 1 else None
    return None


def _distance(one: Mention, other: Mention) -> int:
    """Words between two mentions."""
    return max(other.start - one.end, one.start - other.end, 0)


def _page(territory: str | None, names: tuple[str, ...], words: str, *, ambiguous: bool = False) -> Place:
    if ambiguous:
        return Place(territory=territory, by="ambiguous", mentions=names, words=words)
    return Place(territory=territory, by="none" if territory is None else "page", mentions=names, words=words)
