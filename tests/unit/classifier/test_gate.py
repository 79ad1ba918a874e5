"""Which model may succeed which, and what is never learned."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from services.classifier.judgement import Judgement
from services.classifier.model import Model
from services.classifier.training.frozen import CORPUS_SET, frozen_sets, is_held_out, learnable
from services.classifier.training.gate import Finding, Tolerance, compare, quality
from services.classifier.training.records import TrainingError
from services.classifier.training.rows import Row, read_corpus
from shared.events import Tag
from tests.fixtures.careful import judgement
from tests.fixtures.variants import variant


@pytest.fixture(scope="module")
def sets() -> dict[str, list[Row]]:
    return frozen_sets()


def test_the_held_out_part_is_always_the_same_sixth() -> None:
    rows = [row for source in read_corpus() for row in source.rows]
    aside = [row for row in rows if is_held_out(row)]
    assert 0.12 < len(aside) / len(rows) < 0.2
    assert {row.tag for row in aside} == {"question", "complaint", "spam", "other"}
    assert not is_held_out(Row(text="Когда включат отопление?"))
    for text in ("когда  включат отопление", "КОГДА ВКЛЮЧАТ… отопление!"):
        assert is_held_out(Row(text=text)) == is_held_out(Row(text="Когда включат отопление?"))


def test_what_is_measured_on_is_not_learned(sets: dict[str, list[Row]]) -> None:
    rows = [row for source in read_corpus() for row in source.rows]
    left = learnable(rows, sets.values())
    assert len(left) == sum(not is_held_out(row) for row in rows)
    again = Row(text=sets[CORPUS_SET][0].text.upper() + "!!")
    assert learnable([again], sets.values()) == []


def test_a_model_is_no_worse_than_itself(packaged: Model, sets: dict[str, list[Row]]) -> None:
    verdict = compare(packaged, packaged, sets)
    assert {finding.figure for finding in verdict.findings} == {"macro_f1", "spam_recall", "false_spam"}
    assert verdict.worse == ()
    assert all(finding.loss == 0 for finding in verdict.findings)


def test_a_worse_one_is_named_figure_by_figure(packaged: Model, sets: dict[str, list[Row]], tmp_path: Path) -> None:
    variant(tmp_path / "a", towards="spam")
    verdict = compare(packaged, Model.load(tmp_path / "a"), sets)
    assert {finding.figure for finding in verdict.worse} == {"macro_f1", "false_spam"}
    lines = verdict.lines()
    assert sum(line.startswith("worse corpus/held-out") for line in lines) == 2
    assert all(packaged.version in line for line in lines)
    # The way back is a gain.
    assert [finding.figure for finding in compare(Model.load(tmp_path / "a"), packaged, sets).worse] == ["spam_recall"]


def test_the_tolerance() -> None:
    finding = Finding(set="a", figure="macro_f1", rows=100, live=0.8, candidate=0.79, allowed=0.01)
    assert not finding.worse
    assert finding.difference == "worse by 0.0100, 0.0100 allowed"
    assert msgspec.structs.replace(finding, candidate=0.82).difference == "better by 0.0200"
    assert msgspec.structs.replace(finding, candidate=0.80001).difference == "no difference"
    finding = Finding(set="a", figure="false_spam", rows=100, live=0.0, candidate=0.02, allowed=0.01)
    assert finding.worse
    assert finding.difference == "worse by 0.0200, 0.0100 allowed"
    assert msgspec.structs.replace(finding, live=0.05).difference == "better by 0.0300"
    assert finding.loss == pytest.approx(0.02)


def test_one_comment_is_always_within_it(packaged: Model) -> None:
    rows = [Row(text="Спасибо", tag="other"), Row(text="Нет воды третий день", tag="complaint")]
    strict = Tolerance(macro_f1=0, spam_recall=0, false_spam=0)
    allowed = {finding.figure: finding.allowed for finding in compare(packaged, packaged, {"a": rows}, strict).findings}
    # From 1.0 for both tags to 0 for the one and 2/3 for the other.
    assert allowed == {"macro_f1": pytest.approx(2 / 3), "false_spam": 0.5}
    assert quality(packaged, [Row(text="без метки")]).macro_f1 is None
    assert compare(packaged, packaged, {"a": [Row(text="без метки")]}).findings == ()


@pytest.mark.parametrize("lost", ["question", "complaint", "spam", "other"])
@pytest.mark.parametrize("taken_for", ["question", "complaint", "spam", "other"])
def test_of_a_rare_tag_one_comment_is_within_it_too(lost: Tag, taken_for: Tag) -> None:
    """A set of many comments of one tag and a few of the others, of which a new model misjudges one."""
    strict = Tolerance(macro_f1=0, spam_recall=0, false_spam=0)
    counts: dict[Tag, int] = {"other": 50, "question": 2, "complaint": 3, "spam": 2}
    tags = [tag for tag, many in counts.items() for _ in range(many)]
    rows = [Row(text=str(number), tag=tag) for number, tag in enumerate(tags)]
    place = tags.index(lost)
    live, candidate = Saying(tags), Saying([*tags[:place], taken_for, *tags[place + 1 :]])
    verdict = compare(live, candidate, {"a": rows}, strict)
    assert verdict.worse == ()
    if lost == "question" and taken_for != lost:
        two = Saying([taken_for if tag == lost else tag for tag in tags])
        assert "macro_f1" in {finding.figure for finding in compare(live, two, {"a": rows}, strict).worse}


class Saying(Model):
    """Gives its `tags` one after the other."""

    def __init__(self, tags: list[Tag]) -> None:
        self.version = "saying"
        self.tags = tags

    def judge(self, texts: Sequence[str], replies: Sequence[bool] | None = None) -> list[Judgement]:
        return [judgement(tag) for tag, _ in zip(self.tags, texts, strict=True)]


def test_two_files_of_one_name_are_two_sets(tmp_path: Path) -> None:
    paths = [tmp_path / folder / "gold" / "dev.csv" for folder in "ab"]
    for path, text in zip(paths, ("Спасибо", "Нет воды"), strict=True):
        path.parent.mkdir(parents=True)
        path.write_text(f"text,tag\n{text},other\n", encoding="utf-8")
    found = frozen_sets(paths)
    assert set(found) == {CORPUS_SET, "gold/dev.csv", str(paths[1].resolve())}
    assert learnable([Row(text="спасибо!"), Row(text="нет воды!")], found.values()) == []


def test_files_that_are_only_measured_on(tmp_path: Path) -> None:
    (tmp_path / "gold.csv").write_text("text,tag\nСпасибо,other\n", encoding="utf-8")
    found = frozen_sets([tmp_path / "gold.csv"])
    assert set(found) == {CORPUS_SET, f"{tmp_path.name}/gold.csv"}
    with pytest.raises(TrainingError):
        frozen_sets([tmp_path / "nowhere.csv"])
