"""Foreign names of topics, and which of ours they mean."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from services.classifier.training.records import MAX_FIELD
from services.classifier.training.taxonomy import Mixed, Taxonomy, UnknownTaxonomyError, our_topic, plain, taxonomies
from shared.topics import OTHER, TOPIC_IDS, TOPICS

FEDERAL, CITY, REGION = "incident-management", "reports-spb", "appeals-kursk"
UPKEEP, MIXED = "Ненадлежащее содержание и эксплуатация МКД", "ЖКХ прочее"
GUIDE = Path(__file__).parents[3] / "docs/topics.md"


def ids(taxonomy: Taxonomy) -> set[str | None]:
    found = set(taxonomy.categories.values())
    for meaning in taxonomy.names.values():
        found |= {meaning.topic, *meaning.exceptions.values()} if isinstance(meaning, Mixed) else {meaning}
    return found


def rows_of(path: Path) -> list[dict[str, str]]:
    csv.field_size_limit(MAX_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def groups_of(folder: Path) -> dict[str, str]:
    """Of the federal system: name -> group."""
    path = folder / "taxonomy" / "incident-management-topics.json"
    if not path.exists():
        pytest.skip(f"no {path}")
    return msgspec.json.decode(path.read_bytes(), type=dict[str, str])


@pytest.mark.parametrize("taxonomy", [FEDERAL, CITY, REGION])
def test_every_id_is_one_of_ours_and_what_fits_none_is_null(taxonomy: str) -> None:
    assert ids(taxonomies()[taxonomy]) - {None} <= TOPIC_IDS - {OTHER}


@pytest.mark.parametrize("taxonomy", [FEDERAL, CITY, REGION])
def test_names_stand_as_they_are_looked_up(taxonomy: str) -> None:
    known = taxonomies()[taxonomy]
    assert all(name == plain(name) for name in (*known.names, *known.categories))
    for meaning in known.names.values():
        if isinstance(meaning, Mixed):
            assert set(meaning.exceptions) <= set(known.categories)


def test_a_name_decides() -> None:
    assert our_topic(FEDERAL, "Отсутствие горячей воды") == "heating"
    assert our_topic(FEDERAL, "Волонтерство") is None
    assert our_topic(CITY, "Отсутствие отопления в МКД", UPKEEP) == "heating"


def test_stars_and_spaces_make_no_difference() -> None:
    assert our_topic(FEDERAL, "★ Ямы  во дворах") == our_topic(FEDERAL, "Ямы во дворах") == "yards"


def test_the_category_decides_where_everything_was_filed_under_one_name() -> None:
    systems = "Проблемы с инженерными системами и оборудованием"
    assert our_topic(CITY, systems, "★ Прорыв трубы/трубопровода") == "water"
    assert our_topic(CITY, systems, "Лифт неисправен или отключен") == our_topic(CITY, systems) == "housing"
    assert our_topic(CITY, MIXED, "Плата за ЖКУ и работа ЕИРЦ") == "bills"
    assert our_topic(CITY, MIXED, "Предложение по благоустройству") is None
    assert our_topic(CITY, MIXED, "какой-то ещё") == our_topic(CITY, MIXED) == "housing"


def test_a_category_stands_in_for_a_name_that_is_missing() -> None:
    assert our_topic(CITY, "", UPKEEP) == "housing"
    assert our_topic(FEDERAL, "Общественный транспорт") == "transport"
    assert our_topic(REGION, "какая-то ещё", "8") == our_topic(REGION, "8") == "transport"
    assert our_topic(REGION, "какая-то ещё") is None


def test_an_unknown_taxonomy_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownTaxonomyError, match="no taxonomy 'moscow'; there are appeals-kursk, incident-"):
        our_topic("moscow", "Дороги")


def test_every_name_and_group_of_the_federal_system_is_there(shared_data: Path) -> None:
    groups, known = groups_of(shared_data), taxonomies()[FEDERAL]
    assert {plain(name) for name in groups} == set(known.names)
    assert set(groups.values()) == set(known.categories)


@pytest.mark.parametrize("taxonomy", [CITY, REGION])
def test_every_name_and_category_of_the_collections_is_there(shared_data: Path, taxonomy: str) -> None:
    rows, known = rows_of(shared_data / taxonomy / "train.csv"), taxonomies()[taxonomy]
    assert {plain(row["topic"]) for row in rows} - {""} == set(known.names)
    assert {plain(row["category"]) for row in rows} - {""} == set(known.categories)


def test_the_guide_shows_the_federal_groups_of_each_topic(shared_data: Path) -> None:
    expected: dict[str, set[str]] = defaultdict(set)
    for name, group in groups_of(shared_data).items():
        expected[our_topic(FEDERAL, name) or OTHER].add(group)
    text = GUIDE.read_text(encoding="utf-8")
    shown = dict(re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", text, re.MULTILINE))
    for topic in TOPICS:
        groups = "; ".join(sorted(expected[topic.id])) if topic.id != OTHER else ""
        assert shown[topic.id].strip() == groups, f"{topic.id}: {groups}"
