"""What other lists of topics call a matter, and which of our topics that is.

`taxonomies.json` holds names only, no text; which topic a name means was decided by reading what was filed under it:

- `incident-management`: the federal incident-management system; its categories are its groups.
- `reports-spb`: messages triaged by St Petersburg's operators. Under some names everything was filed; there the
  category decides.
- `appeals-kursk`: portal appeals; its categories are known by number only.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

TAXONOMIES = Path(__file__).with_name("taxonomies.json")


class UnknownTaxonomyError(ValueError):
    """There is no taxonomy of this name; the message tells which there are."""


class Mixed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A name under which several of our topics were filed."""

    topic: str | None
    """What it means where the category does not say otherwise."""
    exceptions: Mapping[str, str | None] = msgspec.field(name="except", default_factory=dict)
    """Under this name, by category."""
    category_first: bool = False
    """Whatever the category means, in `Taxonomy.categories`, goes before `topic`."""


class Taxonomy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Names as `plain` leaves them, each with the id of our topic; None where none of ours fits."""

    names: Mapping[str, str | Mixed | None]
    categories: Mapping[str, str | None]
    """What a category means by itself; None where it spans several of our topics."""


@cache
def taxonomies() -> Mapping[str, Taxonomy]:
    """All of them, read once."""
    return msgspec.json.decode(TAXONOMIES.read_bytes(), type=dict[str, Taxonomy])


def taxonomy_of(name: str) -> Taxonomy:
    """The one of this name; raises UnknownTaxonomyError."""
    known = taxonomies().get(name)
    if known is None:
        raise UnknownTaxonomyError(f"no taxonomy {name!r}; there are {', '.join(sorted(taxonomies()))}")
    return known


def our_topic(taxonomy: str, name: str, category: str | None = None) -> str | None:
    """The id of our topic for a name of `taxonomy`; None where none fits or the name is not in it.

    A name that is missing or empty is judged by its category, and a category's name may stand for a name. Stars and
    repeated spaces make no difference. Raises UnknownTaxonomyError.
    """
    known = taxonomy_of(taxonomy)
    name, category = plain(name), plain(category or "")
    if name not in known.names:
        return known.categories.get(category, known.categories.get(name))
    meaning = known.names[name]
    if not isinstance(meaning, Mixed):
        return meaning
    if category in meaning.exceptions:
        return meaning.exceptions[category]
    if meaning.category_first:
        return known.categories.get(category, meaning.topic)
    return meaning.topic


def plain(name: str) -> str:
    """Without the star that marks some names, and with single spaces."""
    return " ".join(name.replace("★", " ").split())
