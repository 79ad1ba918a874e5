"""The routing policy: which institution must answer a comment, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from services.routing.domain.places import PlaceIndex
from services.routing.domain.registry import ROOT, Registry
from services.routing.domain.route import By, Candidate, Route, Why
from shared.events import Flags
from shared.topics import OTHER


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


MAX_LOST = 10
"""Losing candidates that a route keeps; enough to see what was near, few enough to read."""

OWN_TOPICS: Mapping[str, frozenset[str]] = {
    "school": frozenset({"schools"}),
    "kindergarten": frozenset({"kindergartens"}),
    "music_school": frozenset({"clubs"}),
    "sports_school": frozenset({"clubs", "sport"}),
    "hospital": frozenset({"health"}),
    "clinic": frozenset({"health"}),
    "ambulance": frozenset({"health"}),
    "pharmacy": frozenset({"medicines"}),
    "library": frozenset({"culture"}),
    "culture": frozenset({"culture"}),
    "museum": frozenset({"culture"}),
    "theatre": frozenset({"culture"}),
    "management_company": frozenset({"housing"}),
}
"""What an institution of this kind does on its own premises, so that a comment on its page about this topic is about
itself, competent or not in the registry: 83,000 schools will never each be given a competence."""


def route(registry: Registry, places: PlaceIndex, facts: Facts, rules: Sequence[RouteRule] = ()) -> Route:
    """The route; there always is one, in the end to `root`. Deterministic.

    In this order:

    1. The first operator's rule that names a known institution.
    2. The page's owner, for what it does on its own premises: it has no institutions below it and the topic is one of
       its kind's OWN_TOPICS. «Учитель кричит» under a school's page belongs to that school, wherever the family
       lives; «не чистят снег» does not, and goes on.
    3. Competence for the topic, from the territory up the tree; the nearest level that has any wins. Of several at
       one level the page's owner, else the one nearest to the owner in the tree of institutions, else the first in
       the imported order, else the smallest id. Nobody is competent for `other`. Under an unknown page competence
       counts only when the text itself names a place.
    4. The page's owner.
    5. The coordinator of the territory.

    The territory is the one that the text names, else the page's, else `root`; in the second case the page's.
    """
    page = registry.page(facts.page)
    place = places.find(facts.text, page.territory if page else None)
    territory = place.territory if place.territory in registry.territories else None
    at = territory or ROOT
    owner = page.institution if page and page.institution in registry.institutions else None
    lost: list[Candidate] = []

    def decided(institution: str, by: By, why: Why, territory: str = at) -> Route:
        return Route(
            institution=institution,
            territory=territory,
            by=by,
            why=why,
            place=place,
            lost=tuple(lost[:MAX_LOST]),
        )

    coordinator = registry.coordinator_of(at)
    fallback = _fallback(owner, coordinator, at)
    levels = _levels(registry, facts.topic, at) if page is not None or territory is not None else []
    for rule in rules:
        institution = rule.match(facts)
        if institution is not None and institution in registry.institutions:
            lost += _others(institution, levels, fallback)
            return decided(institution, "rule", Why(kind="rule", ids=(rule.id,), words="an operator's rule matches"))
    if page is not None and owner is not None and _own_topic(registry, owner, facts.topic):
        lost += _others(owner, levels, fallback)
        why = Why(kind="own_topic", ids=(owner, facts.topic), words="the page's owner does this on its own premises")
        # Where the institution is, whatever place its visitors come from.
        return decided(owner, "page_owner", why, page.territory)
    if levels:
        level, candidates = levels[0]
        chosen, beaten = _choose(registry, candidates, owner)
        lost += beaten
        lost += _others(chosen, levels[1:], fallback)
        why = Why(kind="competence", ids=(chosen, facts.topic, level), words="competent for the topic, nearest level")
        return decided(chosen, "competence", why)
    if owner is not None:
        lost += _others(owner, [], fallback)
        why = Why(kind="page_owner", ids=(owner, facts.page), words="nobody is competent; the page's owner answers")
        return decided(owner, "page_owner", why)
    words = "the page is not registered" if page is None else "nobody is competent and the page has no owner"
    return decided(coordinator, "coordinator", Why(kind="coordinator", ids=(at,), words=words))


def _levels(registry: Registry, topic: str, territory: str) -> list[tuple[str, tuple[str, ...]]]:
    """The territories with a competence for the topic, nearest first, each with those competent."""
    if topic == OTHER:
        return []
    found = ((level, registry.competent(topic, level)) for level in registry.ancestors(territory))
    return [(level, competent) for level, competent in found if competent]


def _own_topic(registry: Registry, owner: str, topic: str) -> bool:
    institution = registry.institutions[owner]
    return topic in OWN_TOPICS.get(institution.kind, ()) and not registry.has_below(owner)


def _choose(registry: Registry, candidates: tuple[str, ...], owner: str | None) -> tuple[str, list[Candidate]]:
    """The one of those competent at the same level, and why the others lost."""
    if len(candidates) == 1:
        return candidates[0], []
    if owner in candidates:
        kind, words, chosen = "owner_preferred", "as competent, but the page belongs to another one", owner
    else:
        steps = {one: _steps(registry, one, owner) for one in candidates}
        # `candidates` come in order of rank and id, and min keeps the first of equals.
        chosen = min(candidates, key=lambda one: steps[one])
        kind, words = "farther_in_tree", "as competent, but no nearer to the page's owner"
    beaten = [
        Candidate(institution=one, by="competence", why=Why(kind=kind, ids=(chosen,), words=words))
        for one in candidates
        if one != chosen
    ]
    return chosen, beaten


def _steps(registry: Registry, institution: str, owner: str | None) -> int:
    """Steps between two institutions in their tree; 0 when there is no owner to measure from."""
    if owner is None or institution not in registry.institutions:
        return 0
    ours, theirs = registry.above(institution), registry.above(owner)
    return next(up + theirs.index(one) for up, one in enumerate(ours) if one in theirs)


def _fallback(owner: str | None, coordinator: str, territory: str) -> list[Candidate]:
    """Who would answer if nobody were competent."""
    last = Candidate(
        institution=coordinator,
        by="coordinator",
        why=Why(kind="lower_in_order", ids=(territory,), words="coordinates the territory"),
    )
    if owner is None:
        return [last]
    why = Why(kind="lower_in_order", words="owns the page")
    return [Candidate(institution=owner, by="page_owner", why=why), last]


def _others(
    chosen: str, levels: Sequence[tuple[str, tuple[str, ...]]], fallback: Sequence[Candidate]
) -> list[Candidate]:
    """Those farther up and those who come after competence, the chosen one left out."""
    farther = [
        Candidate(
            institution=one,
            by="competence",
            why=Why(kind="farther", ids=(level,), words="competent in a territory farther up, or outranked"),
        )
        for level, competent in levels
        for one in competent
    ]
    found: dict[str, Candidate] = {}
    for candidate in (*farther, *fallback):
        if candidate.institution != chosen:
            found.setdefault(candidate.institution, candidate)
    return list(found.values())
