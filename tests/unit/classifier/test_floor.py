"""The gate of continuous integration: the packaged model on comments that no model learns from."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from services.classifier.model import Model
from services.classifier.training.evaluation.floor import (
    FREEZE,
    TOLERANCES,
    Comparison,
    Floor,
    compared,
    floor_of,
    held_out_set,
    identity,
    read_floor,
    write_floor,
)
from services.classifier.training.evaluation.sets import own_set
from tests.fixtures.variants import variant


@pytest.fixture(scope="module")
def now(packaged: Model) -> Floor:
    """The packaged model's figures."""
    return floor_of(packaged, held_out_set())


def test_the_figures_were_taken_on_these_comments(now: Floor) -> None:
    assert now.held_out == read_floor().held_out, f"the corpus has changed; after training anew: {FREEZE}"


@pytest.mark.parametrize("figure", TOLERANCES)
def test_the_packaged_model_is_no_worse_than_it_was(figure: str, now: Floor) -> None:
    (comparison,) = [one for one in compared(read_floor(), now) if one.name == figure]
    assert not comparison.below, f"{comparison}; if that is meant to be so: {FREEZE}"


def test_a_worse_model_falls_below(now: Floor, tmp_path: Path) -> None:
    variant(tmp_path / "a", towards="spam")
    worse = floor_of(Model.load(tmp_path / "a"), held_out_set())
    below = {one.name for one in compared(now, worse) if one.below}
    assert {"macro_f1", "false_spam"} <= below


@pytest.mark.parametrize(
    ("name", "frozen", "found", "below"),
    [
        ("macro_f1", 0.8, 0.785, False), ("macro_f1", 0.8, 0.784, True), ("macro_f1", 0.8, 0.9, False),
        ("false_spam", 0.01, 0.025, False), ("false_spam", 0.01, 0.026, True), ("false_spam", 0.01, 0.0, False),
    ],
)  # fmt: skip
def test_the_tolerance(name: str, frozen: float, found: float, below: bool) -> None:
    assert Comparison(name=name, frozen=frozen, now=found, tolerance=0.015).below is below


def test_it_is_written_as_it_is_read(now: Floor, tmp_path: Path) -> None:
    write_floor(now, tmp_path / "floor.json")
    assert read_floor(tmp_path / "floor.json") == now
    assert set(now.figures) == set(TOLERANCES)


def test_a_set_is_known_by_its_comments_and_labels() -> None:
    rows = held_out_set().rows
    assert identity(own_set("a", rows)) == identity(own_set("b", rows[::-1]))
    assert identity(own_set("a", rows)) != identity(own_set("a", rows[1:]))
    first = rows[0]
    for changed in (
        msgspec.structs.replace(first, tag="other" if first.tag == "spam" else "spam"),
        msgspec.structs.replace(first, personal_data=not first.personal_data),
        msgspec.structs.replace(first, text=f"{first.text}!"),
    ):
        assert identity(own_set("a", rows)) != identity(own_set("a", [changed, *rows[1:]]))
