"""What a model learned from, and what a refused one lacks."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.classifier.life.provenance import LearnedFile, learned_files, likely_cause, not_learned
from services.classifier.life.registry import load_folder
from services.classifier.model import DEFAULT_MODEL

OWN = LearnedFile(name="corpus/a.jsonl", sha256="1")
GOLD = LearnedFile(name="gold/train.csv", sha256="2")
LABELS = LearnedFile(name="LABELS", sha256="3")


def test_the_card_of_a_model_tells() -> None:
    names = [file.name for file in learned_files(DEFAULT_MODEL)]
    assert {"corpus/appeals.jsonl", "gold/train.csv"} <= set(names)
    assert [file.name for file in load_folder(DEFAULT_MODEL).learned] == names


@pytest.mark.parametrize("card", [None, b"", b"\xff", b"[]", b"{}", b'{"data": [{"name": "a"}]}'])
def test_without_a_card_nothing_is_known(card: bytes | None, tmp_path: Path) -> None:
    if card is not None:
        (tmp_path / "card.json").write_bytes(card)
    assert learned_files(tmp_path) == ()


def test_another_version_of_a_file_or_another_name_for_it_is_not_missing() -> None:
    later = [LearnedFile(name="corpus/a.jsonl", sha256="9"), LearnedFile(name="elsewhere/gold.csv", sha256="2")]
    assert not_learned([OWN, GOLD, LABELS], later) == ("LABELS",)
    assert likely_cause([OWN, GOLD], later) == ""
    assert likely_cause([], later) == ""


def test_what_is_not_ours_is_named_first_and_not_everything() -> None:
    own = [LearnedFile(name=f"corpus/{number}.jsonl", sha256=f"c{number}") for number in range(7)]
    said = likely_cause([*own, GOLD, LABELS], [])
    assert said.startswith(
        "the live model learned from 9 files that this one did not: gold/train.csv, LABELS, corpus/0"
    )
    assert "corpus/3.jsonl and 3 more. Train with them too (--data, --untagged; --labels for LABELS)" in said
    assert likely_cause([GOLD], []).startswith(
        "the live model learned from a file that this one did not: gold/train.csv. "
    )
