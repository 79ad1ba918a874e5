"""Places named in a text: settlements, districts and streets of the registry, in any grammatical case."""

from __future__ import annotations

from collections.abc import Iterable

from services.routing.domain.place_forms import Form
from services.routing.domain.registry import Registry, Street
from services.routing.domain.route import Place


class PlaceIndex:
    """A dictionary of forms over one registry; immutable, safe to share between threads."""

    def __init__(self, registry: Registry, streets: Iterable[Street] = (), forms: Iterable[Form] = ()) -> None:
        """`forms` are those of `place_forms.forms` for the names of the territories and streets, stored at import;
        forms of names that no territory or street bears are ignored, names without forms are not found."""
        raise NotImplementedError

    def find(self, text: str, page_territory: str | None) -> Place:
        """The territory that `text` is about, read under a page of `page_territory` (None: an unknown page)."""
        raise NotImplementedError
