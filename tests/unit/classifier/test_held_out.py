"""What a new model is measured on is judged once, and everything that is told of it agrees."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from services.classifier.judgement import Judgement
from services.classifier.life.reference import read_reference
from services.classifier.model import Model
from services.classifier.training import run as training_run
from services.classifier.training.command import Material, train_model
from services.classifier.training.embedded import Embedded
from services.classifier.training.evaluation.figures import figures_of
from services.classifier.training.evaluation.reading import judged
from services.classifier.training.evaluation.sets import own_set
from services.classifier.training.held_out import judge_held_out
from services.classifier.training.rows import CORPUS, Row
from services.classifier.training.run import Training
from tests.fixtures.careful import Words
from tests.unit.classifier.conftest import BITS, some_rows

FOREIGN = "Доброго дня, коли вже буде тепла вода в нашому будинку, скажіть будь ласка"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that any model judges fast."""
    texts: list[str] = []
    judge = Model.judge

    def noted(self: Model, part: Sequence[str], replies: Sequence[bool] | None = None) -> list[Judgement]:
        texts.extend(part)
        return judge(self, part, replies)

    monkeypatch.setattr(Model, "judge", noted)
    return texts


def test_each_is_judged_once_by_each_reader(careful_training: Training, read: list[str]) -> None:
    sets = {"a": some_rows()[:40], "b": [Row(text=FOREIGN, tag="question")]}
    words = Words()
    held_out = judge_held_out(careful_training.model(), sets, Embedded(words))
    figures = held_out.figures()
    assert held_out.texts == read == words.read == [row.text for rows in sets.values() for row in rows]
    assert len(held_out.judgements) == 41
    assert {name: set(readings) for name, readings in held_out.readings.items()} == {
        "a": {"fast", "careful"}, "b": {"fast", "careful"},
    }  # fmt: skip
    assert [figures[name]["rows"] for name in sets] == [figures[name]["careful"]["rows"] for name in sets] == [40, 1]


def test_the_card_says_what_an_evaluation_says(packaged: Model) -> None:
    rows = [*some_rows()[:200], Row(text=FOREIGN, tag="question")]
    found = figures_of(own_set("a", rows), judged(packaged.judge([row.text for row in rows])))
    told = judge_held_out(packaged, {"a": rows}).figures()["a"]
    assert "careful" not in told
    for name in ("rows", "macro_f1", "accuracy", "calibration_error", "accuracy_when_sure"):
        assert told["tag"][name] == found["tag"][name]
    assert told["tag"]["f1"] == {tag: part["f1"] for tag, part in found["tag"]["classes"].items()}
    # What is in another language goes to a person too, however sure the model is.
    assert told["tag"]["unsure_share"] == found["tag"]["unsure"]
    assert packaged.judge([FOREIGN])[0].unsure
    for flag in ("toxic", "urgent"):
        assert told[flag].items() <= found[flag].items()
        assert told[flag]["positive"] > 0
    assert told["topic"].items() <= found["topic"].items()


def test_of_what_is_not_known_nothing_is_told(packaged: Model) -> None:
    assert judge_held_out(packaged, {}).figures() == {}
    told = judge_held_out(packaged, {"none": [], "bare": [Row(text="Спасибо")]}).figures()
    assert told == {"none": {"rows": 0}, "bare": {"rows": 1}}


def test_a_training_judges_what_it_is_measured_on_once(
    tmp_path: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        training_run.train, "__kwdefaults__", (training_run.train.__kwdefaults__ or {}) | {"bits": BITS}
    )
    (tmp_path / "corpus").mkdir()
    for name in ("questions.jsonl", "spam.jsonl", "appeals.jsonl", "talk.jsonl"):
        shutil.copy(CORPUS / name, tmp_path / "corpus")
    version = train_model(Material(corpus=tmp_path / "corpus"), out=tmp_path / "out")
    reference = read_reference(tmp_path / "out")
    assert reference is not None
    assert (reference.model, reference.rows) == (version, len(read))
    assert len(read) == len(set(read)) > 100
    # And it is the model that was written which judged.
    again = Model.load(tmp_path / "out").judge(list(read))
    assert sum(reference.bins["confidence"][-2:]) == sum(judgement.confidence >= 0.9 for judgement in again)
