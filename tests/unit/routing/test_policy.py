from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.routing.domain.places import PlaceIndex
from services.routing.domain.policy import MAX_LOST, OWN_TOPICS, Facts, route
from services.routing.domain.registry import ROOT, Competence, Institution, Page, Registry, Territory
from services.routing.domain.route import Route
from shared.topics import TOPIC_IDS

UNKNOWN = "vk:-1"


def facts(page: str, topic: str, text: str = "Сколько можно", **changes: Any) -> Facts:
    return msgspec.structs.replace(Facts(page=page, tag="complaint", topic=topic, text=text), **changes)


class Rule(msgspec.Struct, frozen=True):
    """Sends one topic to one institution."""

    id: str
    topic: str
    institution: str

    def match(self, facts: Facts) -> str | None:
        return self.institution if facts.topic == self.topic else None


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        # A school's own business is the school's, snow before its door the town's.
        (("vk:-990027", "schools", "Учитель кричит"), ("school-7-sv", "72701305", "page_owner")),
        (("vk:-990027", "snow", "Не чищено"), ("gorhoz-sv", "72701305", "competence")),
        (("vk:-990027", "schools", "Возим сына из Заречья"), ("school-7-sv", "72701305", "page_owner")),
        (("vk:-990040", "health", "Я из Заречья, грубят"), ("hospital-region", "72000000", "page_owner")),
        # A ministry is no hospital: there the place decides.
        (("vk:-990003", "health", "В Заречье нет врача"), ("crb-zar", "72604101001", "competence")),
        (("vk:-990003", "health", "Нет врача"), ("min-health", "72000000", "competence")),
        # Under somebody else's page.
        (("vk:-990016", "lighting", "На Садовой в Заречье темно"), ("adm-zarechye", "72604101001", "competence")),
        (("vk:-990016", "yards", "Мусор на Литейщиков"), ("adm-zavodskoy", "72701310", "competence")),
        # Up the tree until somebody is competent.
        (("vk:-990075", "heating", "Холодно"), ("kom-zar", "72604405101", "competence")),
        (("vk:-990075", "medicines", "Нет инсулина"), ("pharmacy", "72604405101", "competence")),
        # Several at one level: the owner, the nearest to the owner, the first in order.
        (("vk:-990065", "transport", "Автобуса нет"), ("bus-sv", "72000000", "competence")),
        (("vk:-990002", "transport", "Автобуса нет"), ("min-transport", "72000000", "competence")),
        (("vk:-990001", "safety", "Страшно ходить"), ("police", "72000000", "competence")),
        # Nobody is competent for other.
        (("vk:-990027", "other", "Сколько можно"), ("school-7-sv", "72701305", "page_owner")),
        # An unknown page.
        ((UNKNOWN, "snow", "Не чищено"), (ROOT, ROOT, "coordinator")),
        ((UNKNOWN, "snow", "Не чищено в Заречье"), ("adm-zarechye", "72604101001", "competence")),
        ((UNKNOWN, "other", "Привет из Заречья"), ("adm-zarechye", "72604101001", "coordinator")),
    ],
)
def test_who_must_answer(
    sample: Registry, sample_places: PlaceIndex, asked: tuple[str, str, str], expected: tuple[str, str, str]
) -> None:
    found = route(sample, sample_places, facts(*asked))
    assert (found.institution, found.territory, found.by) == expected


@pytest.mark.parametrize("topic", sorted(TOPIC_IDS))
def test_every_page_and_topic_has_an_answerer_and_a_reason(
    sample: Registry, sample_places: PlaceIndex, topic: str
) -> None:
    for page in [*sample.pages, UNKNOWN]:
        found = route(sample, sample_places, facts(page, topic))
        assert found.institution in sample.institutions
        assert found.territory in sample.territories
        assert found.why.kind
        assert found.institution not in {candidate.institution for candidate in found.lost}
        assert len(found.lost) <= MAX_LOST
        assert found == route(sample, sample_places, facts(page, topic))


def test_the_route_names_who_lost_and_why(sample: Registry, sample_places: PlaceIndex) -> None:
    found = route(sample, sample_places, facts("vk:-990027", "snow"))
    assert found.why.ids == ("gorhoz-sv", "snow", "72701000")
    assert [(lost.institution, lost.why.kind) for lost in found.lost] == [
        ("roads", "farther"),
        ("school-7-sv", "lower_in_order"),
        ("adm-central", "lower_in_order"),
    ]
    several = route(sample, sample_places, facts("vk:-990002", "transport"))
    assert ("bus-sv", "farther_in_tree") in {(lost.institution, lost.why.kind) for lost in several.lost}
    own = route(sample, sample_places, facts("vk:-990065", "transport"))
    assert ("min-transport", "owner_preferred") in {(lost.institution, lost.why.kind) for lost in own.lost}


def test_a_rule_goes_first_unless_it_names_nobody(sample: Registry, sample_places: PlaceIndex) -> None:
    rules = [Rule("r-1", "roads", "police"), Rule("r-2", "snow", "gone"), Rule("r-3", "snow", "fire")]
    found = route(sample, sample_places, facts("vk:-990027", "snow"), rules)
    assert (found.institution, found.by, found.why.ids) == ("fire", "rule", ("r-3",))
    assert "gorhoz-sv" in {lost.institution for lost in found.lost}
    assert route(sample, sample_places, facts("vk:-990027", "yards"), rules).by == "competence"


def small(**changes: Any) -> Registry:
    rows: dict[str, Any] = {
        "territories": [Territory("town", "settlement", "Ладинск", ROOT, "adm")],
        "institutions": [
            Institution("adm", "Администрация", "Администрация", "administration", ROOT),
            Institution("school", "Школа", "Школа", "school", "adm"),
            Institution("a", "А", "А", "utility", ROOT),
            Institution("b", "Б", "Б", "utility", ROOT),
        ],
        "pages": [Page("vk:-7", "school", "town", "Школа")],
    }
    return Registry(**{**rows, **changes})


def routed(registry: Registry, page: str, topic: str) -> Route:
    return route(registry, PlaceIndex(registry), facts(page, topic))


def test_a_school_needs_no_competence_for_itself() -> None:
    registry = small(competences=[Competence("adm", "schools", "town")])
    assert routed(registry, "vk:-7", "schools").institution == "school"


def test_who_has_institutions_below_is_no_such_unit() -> None:
    branch = Institution("branch", "Филиал", "Филиал", "school", "school")
    registry = small(competences=[Competence("adm", "schools", "town")])
    registry = small(
        institutions=[*registry.institutions.values(), branch], competences=[Competence("adm", "schools", "town")]
    )
    assert routed(registry, "vk:-7", "schools").institution == "adm"


def test_equals_are_told_apart_by_rank_and_then_by_id() -> None:
    equals = [Competence("b", "water", "town"), Competence("a", "water", "town")]
    assert routed(small(competences=equals), "vk:-7", "water").institution == "a"
    ranked = [Competence("b", "water", "town", 0), Competence("a", "water", "town", 1)]
    assert routed(small(competences=ranked), "vk:-7", "water").institution == "b"


def test_without_competence_the_pages_owner_answers() -> None:
    found = routed(small(), "vk:-7", "water")
    assert (found.institution, found.by) == ("school", "page_owner")
    assert [(lost.institution, lost.by) for lost in found.lost] == [("adm", "coordinator")]


def test_a_page_whose_owner_is_gone_falls_to_the_coordinator() -> None:
    registry = small(pages=[Page("vk:-7", "gone", "town", "Школа")])
    found = routed(registry, "vk:-7", "water")
    assert (found.institution, found.by, found.territory) == ("adm", "coordinator", "town")


def test_an_empty_registry_sends_everything_to_the_root() -> None:
    found = routed(Registry(), UNKNOWN, "snow")
    assert (found.institution, found.territory, found.by) == (ROOT, ROOT, "coordinator")


def test_own_topics_are_topics() -> None:
    assert frozenset().union(*OWN_TOPICS.values()) <= TOPIC_IDS
