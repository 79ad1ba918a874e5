"""The routing policy: which institution must answer a comment, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from services.routing.domain.places import PlaceIndex
from services.routing.domain.registry import Registry
from services.routing.domain.route import Route
from shared.events import Flags


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a route is decided on."""

    page: str
    """The page's id, registered or not."""
    tag: str
    topic: str
    """After a moderator's correction."""
    text: str
    flags: Flags = Flags()


class RouteRule(Protocol):
    """An operator's rule."""

    @property
    def id(self) -> str:
        """Names the rule in the route's why."""
        ...

    def match(self, facts: Facts) -> str | None:
        """The institution it sends these facts to, or None when it does not concern them."""
        ...


def route(registry: Registry, places: PlaceIndex, facts: Facts, rules: Sequence[RouteRule] = ()) -> Route:
    """The route; there always is one, in the end to `root`. Deterministic."""
    raise NotImplementedError
