"""Training: deterministic, honest about what it was given, and the same mathematics as scikit-learn's."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from services.classifier.features import CommentFeatures, width
from services.classifier.manifest import read_model
from services.classifier.model import DEFAULT_MODEL, Model
from services.classifier.training.command import train_model
from services.classifier.training.figures import held_out
from services.classifier.training.rows import CORPUS, Row, TrainingError, distinct, read_corpus, read_source
from services.classifier.training.run import Training, train
from tests.unit.classifier.conftest import BITS, some_rows


def test_the_same_rows_give_the_same_version(training: Training, tmp_path: Path) -> None:
    first = training.write(tmp_path / "a")
    second = train(some_rows(), bits=BITS).write(tmp_path / "b")
    assert first.version == second.version
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_other_rows_give_another_version(training: Training, tmp_path: Path) -> None:
    first = training.write(tmp_path / "a")
    second = train(some_rows()[1:], bits=BITS).write(tmp_path / "b")
    assert first.version != second.version


def test_a_stored_head_is_a_scikit_learn_pipeline(training: Training, tmp_path: Path) -> None:
    training.write(tmp_path)
    manifest, arrays = read_model(tmp_path)
    features = CommentFeatures(manifest.bits)
    features.char_weights_, features.word_weights_ = arrays["char_weights"], arrays["word_weights"]
    texts = [row.text for row in some_rows()[:50]]
    judged = Model.load(tmp_path).probabilities(texts)
    for name, head in manifest.heads.items():
        estimator = LogisticRegression()
        estimator.classes_ = np.array(head.classes)
        estimator.coef_ = np.zeros((len(head.intercepts), width(manifest.bits)))
        estimator.coef_[:, arrays[head.columns]] = arrays[head.weights].T
        estimator.intercept_ = np.array(head.intercepts)
        expected = make_pipeline(features, estimator).predict_proba(texts)
        found = judged[name] if len(head.classes) > 2 else np.stack([1 - judged[name], judged[name]], axis=1)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_pipeline_learns(training: Training) -> None:
    assert training.figures["tag"]["macro_f1"] > 0.5
    judged = held_out(training.model(), some_rows())
    assert judged["tag"]["macro_f1"] > 0.9


def test_copies_count_once() -> None:
    rows = [
        Row(text="Нет воды!", tag="complaint"),
        Row(text="нет ВОДЫ!", tag="other"),
        Row(text="Нет воды!", toxic=False),
    ]
    assert distinct(rows) == [rows[0], rows[2]]


def test_too_little_to_learn_from() -> None:
    with pytest.raises(TrainingError, match="at least two values"):
        train([Row(text=f"текст {number}", tag="other") for number in range(9)])


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.csv", "text,tag\nтекст,praise\n", "line 2: tag 'praise' is none of"),
        ("a.csv", "text,topic\nтекст,weather\n", "line 2: topic 'weather'"),
        ("a.csv", "comment,tag\nтекст,spam\n", "line 2: no text"),
        ("a.csv", "text,source\nтекст,vk\n", "line 2: none of the labels"),
        ("a.csv", "text,toxic\nтекст,maybe\n", "line 2: toxic is 'maybe'"),
        ("a.csv", 'text,tag\n"а\nб",spam\n\nв,praise\n', "line 5: tag 'praise'"),
        ("a.csv", "text,tag\nа,spam\nб, в,spam\n", "line 3: 3 fields where the header has 2"),
        ("a.jsonl", '{"text": "а", "tag": "spam"}\n\n{', "a.jsonl, line 3: not a JSON object"),
        ("a.jsonl", '\n{"text": "а", "tag": ["spam"]}', "a.jsonl, line 2: tag"),
        ("a.jsonl", "[" * 5_000, "a.jsonl, line 1: not a JSON object"),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TrainingError, match=re.escape(complaint)):
        read_source(path, streamlike=True)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="cannot be read"):
        read_source(tmp_path / "absent.csv", streamlike=True)
    with pytest.raises(TrainingError, match=r"no \*\.jsonl"):
        read_corpus(tmp_path)


def test_an_empty_cell_is_not_known(tmp_path: Path) -> None:
    path = tmp_path / "a.CSV"
    path.write_text("text,tag,topic,toxic\nа,spam,,\nб,,heating,1\n", encoding="utf-8-sig")
    rows = read_source(path, streamlike=True).rows
    assert [(row.tag, row.topic, row.toxic) for row in rows] == [("spam", None, None), (None, "heating", True)]
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "а", "tag": "spam", "topic": null}\n', encoding="utf-8-sig")
    assert read_source(path, streamlike=True).rows[0].tag == "spam"


def test_what_makes_no_whole_model_leaves_the_one_there_alone(training: Training, tmp_path: Path) -> None:
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    corpus.mkdir()
    records = [
        {
            "text": f"{word} {'абвгдежзиклм'[number]}я",
            "tag": tag,
            "topic": topic,
            "toxic": number % 2 == 0,
            "urgent": number % 3 == 0,
        }
        for number in range(12)
        for word, tag, topic in (("вода", "complaint", "water"), ("вопрос", "question", "heating"))
    ]
    (corpus / "a.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    before = training.write(out)
    with pytest.raises(TrainingError, match="the labels do not suffice for a model: this model: its tags are not"):
        train_model(data=[], licences=[], evaluate=[], corpus=corpus, out=out)
    assert read_model(out)[0] == before


def test_masks_are_read_as_what_they_hide(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,tag\nтел. <PHONE> и [EMAIL],spam\n", encoding="utf-8")
    (row,) = read_source(path, streamlike=True).rows
    assert row.text == "тел. +7 000 000-00-00 и name@example.ru"


def test_the_corpus_is_well_formed() -> None:
    records = [
        json.loads(line) for path in sorted(CORPUS.glob("*.jsonl")) for line in path.read_text("utf-8").splitlines()
    ]
    assert len({record["id"] for record in records}) == len(records)
    assert sum(len(source.rows) for source in read_corpus()) == len(records)


def test_the_card_belongs_to_the_model() -> None:
    card = json.loads((DEFAULT_MODEL / "card.json").read_text("utf-8"))
    assert card["version"] == Model.load().version
    assert card["version"] in (DEFAULT_MODEL / "card.md").read_text("utf-8")
    assert all(file["licence"] and len(file["sha256"]) == 64 for file in card["data"])


def test_the_packaged_model_knows_the_whole_corpus() -> None:
    card = json.loads((DEFAULT_MODEL / "card.json").read_text("utf-8"))
    trained = {file["name"]: file["sha256"] for file in card["data"]}
    for path, source in zip(sorted(CORPUS.glob("*.jsonl")), read_corpus(), strict=True):
        assert trained[f"corpus/{path.name}"] == source.sha256, "train the packaged model anew"


def test_real_comments(packaged: Model, shared_data: Path) -> None:
    figures = held_out(packaged, read_source(shared_data / "gold" / "dev.csv", streamlike=True).rows)
    assert figures["tag"]["macro_f1"] > 0.72
    assert figures["tag"]["accuracy_when_sure"] > figures["tag"]["accuracy"]
    assert figures["tag"]["calibration_error"] < 0.05
