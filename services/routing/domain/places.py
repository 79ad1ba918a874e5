"""Places named in a text: settlements, districts and streets of the registry, in any grammatical case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from services.routing.domain.place_evidence import Sight, is_place
from services.routing.domain.place_forms import Form, FormOf, split_street
from services.routing.domain.place_words import Token, tokens
from services.routing.domain.registry import ROOT, Registry, Street
from services.routing.domain.route import Place

NEAR = 12
"""Words between a street and a settlement that still belong together: a sentence of an ordinary comment."""

MAX_MENTIONS = 20
"""Places of one text that are looked at; a text that names more is a list, not an address."""

_LOCAL = frozenset({"settlement", "city_district"})
"""Kinds of territory small enough that a street's kind may be told wrongly: «ул. Ленина» for «проспект Ленина»."""


class _Named(msgspec.Struct, frozen=True, gc=False):
    """A name of the registry as one form of it: where it may lie, and how carefully it must be recognised."""

    of: FormOf
    name: str
    care: int
    street_kind: str
    territories: tuple[str, ...]


class _Mention(msgspec.Struct, frozen=True, gc=False):
    """A name found in the text: the words [start, end), the kinds of street written beside it, all its namesakes."""

    start: int
    end: int
    named: tuple[_Named, ...]
    kinds: frozenset[str]

    def called(self, territory: str | None) -> str:
        """The name as the registry has it for that territory."""
        return next((one.name for one in self.named if territory in one.territories), self.named[0].name)


class PlaceIndex:
    """A dictionary of forms over one registry; immutable, safe to share between threads."""

    def __init__(self, registry: Registry, streets: Iterable[Street] = (), forms: Iterable[Form] = ()) -> None:
        """`forms` are those of `place_forms.forms` for the names of the territories and streets, stored at import;
        forms of names that no territory or street bears are ignored, names without forms are not found."""
        self._registry = registry
        places: dict[tuple[str, str], list[str]] = {}
        for territory in registry.territories.values():
            if territory.id != ROOT:
                places.setdefault(("territory", territory.name), []).append(territory.id)
        for street in streets:
            if street.territory in registry.territories:
                places.setdefault(("street", street.name), []).append(street.territory)
        merged = {key: tuple(sorted(set(found))) for key, found in places.items()}
        kinds = {name: split_street(name)[0] for of, name in merged if of == "street"}
        self._by_form: dict[str, tuple[_Named, ...]] = {}
        self._longest: dict[str, int] = {}
        made: dict[tuple[str, str, int], _Named] = {}
        for form in forms:
            territories = merged.get((form.of, form.name))
            if territories is None:
                continue
            key = (form.of, form.name, form.care)
            named = made.get(key)
            if named is None:
                named = made[key] = _Named(form.of, form.name, form.care, kinds.get(form.name, ""), territories)
            self._by_form[form.words] = (*self._by_form.get(form.words, ()), named)
            words = form.words.split(" ")
            self._longest[words[0]] = max(len(words), self._longest.get(words[0], 0))

    def find(self, text: str, page_territory: str | None) -> Place:
        """The territory that `text` is about, read under a page of `page_territory` (None: an unknown page).

        A settlement or district named beside a street decides where the street lies; a street alone lies where the
        page's territory, or else its nearest ancestor, has exactly one of that name. A place that contains the page's
        own territory says nothing new; of several the one that contains the rest of them decides nothing either.
        What stays ambiguous leaves the page's territory.
        """
        mentions = self._mentions(tokens(text))
        if not mentions:
            return _page(page_territory, (), "")
        page = page_territory or ROOT
        areas = [mention for mention in mentions if mention.named[0].of == "territory"]
        streets = [mention for mention in mentions if mention.named[0].of == "street"]
        located = [(area, self._area(area, areas, page)) for area in areas]
        found: set[str] = set()
        doubtful = any(territory is None for _, territory in located)
        settled = [(area, territory) for area, territory in located if territory is not None]
        named = {area.start: area.called(territory) for area, territory in located}
        for street in streets:
            territory = self._street(street, settled, page)
            named[street.start] = street.called(territory)
            if territory is None:
                doubtful = True
            else:
                found.add(territory)
        found |= {territory for _, territory in settled}
        names = tuple(dict.fromkeys(named[start] for start in sorted(named)))
        deepest = {one for one in found if not any(one != other and self._inside(other, one) for other in found)}
        new = {one for one in deepest if not self._inside(page, one)}
        if not new:
            words = "more than one place bears such a name" if doubtful and not deepest else ""
            return _page(page_territory, names, words, ambiguous=bool(words))
        if len(new) == 1 and deepest == new:
            return Place(territory=new.pop(), by="text", mentions=names, words=f"the text names {', '.join(names)}")
        common = self._common(sorted(deepest))
        kind = self._registry.territories[common].kind
        if common != page and (kind in _LOCAL or (page_territory is not None and self._inside(common, page))):
            return Place(territory=common, by="text", mentions=names, words=f"it holds all of {', '.join(names)}")
        return _page(page_territory, names, "the text names places far from one another", ambiguous=True)

    def _mentions(self, text: Sequence[Token]) -> list[_Mention]:
        """The names found, the longest first, none overlapping another; at most MAX_MENTIONS."""
        found: list[_Mention] = []
        longest = self._longest
        at = 0
        while at < len(text) and len(found) < MAX_MENTIONS:
            reach = longest.get(text[at].word)
            mention = self._mention(text, at, reach) if reach else None
            if mention is None:
                at += 1
            else:
                found.append(mention)
                at = mention.end
        return found

    def _mention(self, text: Sequence[Token], at: int, reach: int) -> _Mention | None:
        for length in range(min(reach, len(text) - at), 0, -1):
            words = text[at].word if length == 1 else " ".join(token.word for token in text[at : at + length])
            entries = self._by_form.get(words)
            if not entries:
                continue
            sight = Sight.of(text, at, at + length)
            seen = [named for named in entries if is_place(sight, named.of, named.care)]
            if not seen:
                continue
            # One and the same words may be a street's and a settlement's name: what stands before them tells.
            of: FormOf = "street" if sight.kinds or sight.on else "territory"
            chosen = tuple(named for named in seen if named.of == of) or tuple(seen)
            chosen = tuple(named for named in chosen if named.of == chosen[0].of)
            return _Mention(at, at + length, chosen, sight.kinds)
        return None

    def _area(self, mention: _Mention, areas: Sequence[_Mention], page: str) -> str | None:
        """The one territory of that name: inside another one that the text names, else nearest to the page."""
        candidates = _places(mention.named)
        if len(candidates) == 1:
            return candidates[0]
        for other in areas:
            others = _places(other.named)
            if other is not mention and len(others) == 1:
                inside = [one for one in candidates if self._inside(one, others[0])]
                if len(inside) == 1:
                    return inside[0]
        return self._nearest(candidates, page)

    def _street(self, mention: _Mention, areas: Sequence[tuple[_Mention, str]], page: str) -> str | None:
        """Where the street lies: in the nearest named area that has it; in the area itself when none has."""
        nearby = sorted((_distance(mention, area), territory) for area, territory in areas)
        nearby = [(distance, territory) for distance, territory in nearby if distance <= NEAR]
        for _, territory in nearby:
            inside = [one for one in _places(mention.named, mention.kinds) if self._inside(one, territory)]
            inside = inside or [one for one in _places(mention.named) if self._inside(one, territory)]
            if len(inside) > 1 and self._inside(page, territory):
                # The area holds the page as well: what lies nearer to the page decides.
                return self._nearest(tuple(inside), page)
            if inside:
                return self._common(inside)
        if nearby and not self._inside(page, nearby[0][1]):
            return nearby[0][1]
        return self._alone(mention, page)

    def _alone(self, mention: _Mention, page: str) -> str | None:
        """Where a street lies that no other place stands beside."""
        strict = _places(mention.named, mention.kinds)
        loose = _places(mention.named)
        for level in self._ancestors(page):
            candidates = self._in_level(strict, level)
            if not candidates and self._registry.territories[level].kind in _LOCAL:
                candidates = self._in_level(loose, level)
            if candidates:
                return candidates[0] if len(candidates) == 1 else None
        return None

    def _nearest(self, candidates: tuple[str, ...], page: str) -> str | None:
        """The only candidate within the page's territory, or within its nearest ancestor that has any."""
        for level in self._ancestors(page):
            inside = self._in_level(candidates, level)
            if inside:
                return inside[0] if len(inside) == 1 else None
        return None

    def _in_level(self, candidates: tuple[str, ...], level: str) -> list[str]:
        """The candidates inside `level`; at most two, for more are no better than two."""
        found: list[str] = []
        for one in candidates:
            if self._inside(one, level):
                found.append(one)
                if len(found) == 2:
                    break
        return found

    def _inside(self, territory: str, area: str) -> bool:
        """True when `territory` is `area` or lies in it."""
        return territory == area or area in self._ancestors(territory)

    def _ancestors(self, territory: str) -> tuple[str, ...]:
        return self._registry.ancestors(territory if territory in self._registry.territories else ROOT)

    def _common(self, territories: Sequence[str]) -> str:
        """The smallest territory that holds them all."""
        chains = [self._registry.ancestors(one) for one in territories]
        return next((level for level in chains[0] if all(level in chain for chain in chains)), ROOT)


def _places(named: Iterable[_Named], kinds: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """Every territory that bears one of these names; with `kinds`, only for streets of such a kind."""
    found = [one.territories for one in named if not kinds or not one.street_kind or one.street_kind in kinds]
    if len(found) == 1:
        return found[0]
    return tuple(sorted({territory for territories in found for territory in territories}))


def _distance(one: _Mention, other: _Mention) -> int:
    """Words between two mentions."""
    return max(other.start - one.end, one.start - other.end, 0)


def _page(territory: str | None, names: tuple[str, ...], words: str, *, ambiguous: bool = False) -> Place:
    if ambiguous:
        return Place(territory=territory, by="ambiguous", mentions=names, words=words)
    return Place(territory=territory, by="none" if territory is None else "page", mentions=names, words=words)
