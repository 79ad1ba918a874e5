"""Places named in a text: settlements, districts and streets of the registry, in any grammatical case."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from services.routing.domain.place_evidence import Sight, is_place
from services.routing.domain.place_forms import Form, FormOf, split_street
from services.routing.domain.place_location import Mention, Named, locate
from services.routing.domain.place_words import Token, tokens
from services.routing.domain.registry import ROOT, Registry, Street
from services.routing.domain.route import Place

MAX_MENTIONS = 20
"""Places of one text that are looked at; a text that names more is a list, not an address."""


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
        merged = {key: frozenset(found) for key, found in places.items()}
        kinds = {name: split_street(name)[0] for of, name in merged if of == "street"}
        self._by_form: dict[str, tuple[Named, ...]] = {}
        self._longest: dict[str, int] = {}
        made: dict[tuple[str, str, int], Named] = {}
        for form in forms:
            territories = merged.get((form.of, form.name))
            if territories is None:
                continue
            key = (form.of, form.name, form.care)
            named = made.get(key)
            if named is None:
                named = made[key] = Named(form.of, form.name, form.care, kinds.get(form.name, ""), territories)
            self._by_form[form.words] = (*self._by_form.get(form.words, ()), named)
            words = form.words.split(" ")
            self._longest[words[0]] = max(len(words), self._longest.get(words[0], 0))

    def find(self, text: str, page_territory: str | None) -> Place:
        """The territory that `text` is about, read under a page of `page_territory` (None: an unknown page)."""
        return locate(self._registry, self._mentions(tokens(text)), page_territory)

    def _mentions(self, text: Sequence[Token]) -> list[Mention]:
        """The names found, the longest first, none overlapping another; at most MAX_MENTIONS."""
        found: list[Mention] = []
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

    def _mention(self, text: Sequence[Token], at: int, reach: int) -> Mention | None:
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
            return Mention(at, at + length, chosen, sight.kinds)
        return None
