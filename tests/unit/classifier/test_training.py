"""Training: deterministic, honest about what it was given, and the same mathematics as scikit-learn's."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from services.classifier.features import CommentFeatures, width
from services.classifier.manifest import read_model
from services.classifier.model import APPEALS, CAREFUL, DEFAULT_MODEL, HEADS, TAGS, Model
from services.classifier.training.command import Material, train_model
from services.classifier.training.copies import with_copies
from services.classifier.training.embedded import Embedded
from services.classifier.training.examples import examples_for, label_of
from services.classifier.training.heads import fit_head
from services.classifier.training.held_out import judge_held_out
from services.classifier.training.records import TrainingError
from services.classifier.training.rows import (
    CORPUS,
    UNTAGGED_ROWS,
    Row,
    distinct,
    read_corpus,
    read_source,
    read_untagged,
)
from services.classifier.training.run import Training, train
from services.classifier.training.specs import SPECS
from services.classifier.training.taxonomy import UnknownTaxonomyError, our_topic, taxonomies
from tests.fixtures.careful import Words
from tests.unit.classifier.conftest import BITS, some_rows


def test_the_same_rows_give_the_same_version(training: Training, tmp_path: Path) -> None:
    first = training.write(tmp_path / "a")
    second = train(some_rows(), bits=BITS).write(tmp_path / "b")
    assert first.version == second.version
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_the_careful_reader_is_trained_alike_every_time(careful_training: Training, tmp_path: Path) -> None:
    first = careful_training.write(tmp_path / "a")
    embedder = Words()
    second = train(some_rows()[::2], bits=BITS, embedded=Embedded(embedder)).write(tmp_path / "b")
    assert first == second
    assert (first.embedder, first.embedding_size) == (Words.name, Words.size)
    assert set(first.heads) == {*HEADS, *(CAREFUL + name for name in HEADS)}
    assert 0 < first.careful_unsure < 1
    assert {row.text for row in some_rows()[::2]} <= set(embedder.read)
    assert len(embedder.read) == len(set(embedder.read))


def test_the_fast_heads_do_not_depend_on_the_careful_ones(careful_training: Training) -> None:
    alone = train(some_rows()[::2], bits=BITS)
    assert alone.manifest.embedder is None
    assert set(alone.manifest.heads) == set(HEADS)
    assert alone.manifest.thresholds == careful_training.manifest.thresholds
    for name, head in alone.manifest.heads.items():
        assert head == careful_training.manifest.heads[name]
    for name, array in alone.arrays.items():
        np.testing.assert_array_equal(array, careful_training.arrays[name])


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
        spam = judged["tag"][:, [TAGS.index("spam")]]
        match name:
            case "spam":
                found = np.concatenate([1 - spam, spam], axis=1)
            case "tag":
                found = judged["tag"][:, [TAGS.index(tag) for tag in APPEALS]] / (1 - spam)
            case "topic":
                found = judged["topic"]
            case _:
                found = np.stack([1 - judged[name], judged[name]], axis=1)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_pipeline_learns(training: Training) -> None:
    assert training.figures["tag"]["macro_f1"] > 0.5
    judged = judge_held_out(training.model(), {"a": some_rows()}).figures()["a"]
    assert judged["tag"]["macro_f1"] > 0.9


def test_the_careful_reader_learns(careful_training: Training) -> None:
    rows, embedded = some_rows()[::2], Embedded(Words())
    assert careful_training.figures["careful"]["tag"]["macro_f1"] > 0.5
    judged = judge_held_out(careful_training.model(), {"a": rows}, embedded).figures()["a"]
    assert judged["careful"]["tag"]["macro_f1"] > 0.9
    assert judged["careful"]["tag"] != judged["tag"]

    class Other(Words):
        name = "other/1"

    assert set(judge_held_out(careful_training.model(), {"a": rows}, Embedded(Other())).readings["a"]) == {"fast"}


@pytest.mark.parametrize(
    ("head", "row", "label"),
    [
        ("spam", Row(text="", tag="spam"), "1"),
        ("spam", Row(text="", tag="other"), "0"),
        ("spam", Row(text="", no_spam=True), "0"),
        ("spam", Row(text="", topic="water"), None),
        ("tag", Row(text="", tag="complaint"), "complaint"),
        ("tag", Row(text="", tag="spam"), None),
        ("tag", Row(text="", no_spam=True), None),
        ("topic", Row(text="", tag="complaint", topic="water"), "water"),
        ("topic", Row(text="", topic="water"), "water"),
        ("topic", Row(text="", no_spam=True, topic="water"), "water"),
        ("topic", Row(text="", tag="spam", topic="water"), None),
        ("topic", Row(text="", tag="question"), None),
        ("toxic", Row(text="", toxic=True), "1"),
        ("toxic", Row(text="", tag="spam", toxic=False), "0"),
        ("toxic", Row(text="", urgent=True), None),
        ("urgent", Row(text="", no_spam=True, urgent=True), "1"),
        ("urgent", Row(text="", toxic=True), None),
    ],
)
def test_what_a_row_says_about_a_head(head: str, row: Row, label: str | None) -> None:
    assert label_of(head, row) == label


def test_what_is_no_spam_keeps_its_words_from_being_spam() -> None:
    rows = some_rows()
    text = "Приглашаем на субботник, перчатки выдадим, пишите в личные сообщения"
    untagged = [Row(text=f"{text} {number}", no_spam=True) for number in range(40)]
    before, after = train(rows, bits=BITS).model(), train(rows + untagged, bits=BITS).model()
    assert after.judge([text])[0].scores["spam"] < before.judge([text])[0].scores["spam"]
    # How rare an n-gram is, they do not say.
    np.testing.assert_array_equal(before.features.char_weights_, after.features.char_weights_)


def test_a_copy_in_disguise_is_never_on_the_other_side() -> None:
    rows = [Row(text=row.text, tag=row.tag) for row in some_rows()[::4]]
    complete, origins = with_copies(rows)
    copies = range(len(rows), len(complete))
    assert 0.2 < len(copies) / len(rows) < 0.5
    assert complete[: len(rows)] == rows
    assert origins[: len(rows)] == list(range(len(rows)))
    for place in copies:
        before, after = rows[origins[place]], complete[place]
        assert after.text != before.text
        assert (after.tag, after.topic, after.streamlike) == (before.tag, None, False)
    features = CommentFeatures(BITS).fit([row.text for row in rows])
    (spec,) = [spec for spec in SPECS if spec.name == "spam"]
    head = fit_head(spec, examples_for(spec, complete, features, origins=origins), spec.strengths[:1])
    fold_of = np.full(len(complete), -1)
    for number, fold in enumerate(head.folds):
        fold_of[fold] = number
    assert (fold_of >= 0).all()
    assert all(fold_of[place] == fold_of[origins[place]] for place in copies)


def test_only_what_is_known_to_be_no_spam_or_tagged_is_copied() -> None:
    texts = [f"Во дворе нет света {number}" for number in range(60)]
    assert len(with_copies([Row(text=text, toxic=False) for text in texts])[0]) == 60
    complete, _ = with_copies([Row(text=text, no_spam=True, toxic=True, topic="water") for text in texts])
    assert len(complete) > 60
    assert {(row.no_spam, row.toxic, row.topic) for row in complete[60:]} == {(True, None, None)}
    # Which, is decided by the text alone.
    assert with_copies([Row(text=text, no_spam=True) for text in texts[::-1]])[0][60:] != []
    assert {row.text for row in with_copies([Row(text=text, tag="other") for text in texts[::-1]])[0][60:]} == {
        row.text for row in complete[60:]
    }


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


def test_copies_do_not_make_enough_to_learn_from() -> None:
    spam = [Row(text=row.text, tag="spam") for row in some_rows() if row.tag == "spam"]
    copied = [row for row in spam if len(with_copies([row])[0]) == 2][:4]
    rows = copied + [Row(text=row.text, tag="other") for row in some_rows() if row.tag == "other"]
    assert sum(row.tag == "spam" for row in with_copies(distinct(rows))[0]) == 8
    with pytest.raises(TrainingError, match="spam: at least two values, each 5 times"):
        train(rows, bits=BITS)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.csv", "text,tag\nтекст,praise\n", "line 2: tag 'praise' is none of"),
        ("a.csv", "text,topic\nтекст,weather\n", "line 2: topic 'weather'"),
        ("a.csv", "comment,tag\nтекст,spam\n", "a.csv: no column `text`; it has comment, tag"),
        ("a.csv", "comment,tag\n", "a.csv: no column `text`; it has comment, tag"),
        ("a.csv", "", "a.csv: the file is empty"),
        ("a.xlsx", "PK\x03\x04", "a.xlsx: a spreadsheet's own file; save it as “CSV UTF-8”"),
        ("a.csv", "text,tag\n", "a.csv: no comments in it"),
        ("a.csv", "\n", "a.csv: no comments in it"),
        ("a.jsonl", "\n \n", "a.jsonl: no comments in it"),
        ("a.jsonl", '{"comment": "а", "tag": "spam"}', "a.jsonl: no column `text`; it has comment, tag"),
        ("a.jsonl", "{}", "a.jsonl: no column `text`; it has nothing"),
        ("a.jsonl", '{"text": "а", "tag": "spam"}\n{"tag": "spam"}', "a.jsonl, line 2: no text"),
        ("a.csv", "text,source\nтекст,vk\n", "line 2: none of the labels"),
        ("a.csv", "text,toxic\nтекст,maybe\n", "line 2: toxic is 'maybe'"),
        ("a.csv", 'text,tag\n"а\nб",spam\n\nв,praise\n', "line 5: tag 'praise'"),
        ("a.csv", "text,tag\nа,spam\nб, в,spam\n", "line 3: 3 fields where the header has 2"),
        ("a.csv", 'tag,text\nspam,а\nspam,"б\nother,в\n', "line 3: a quotation mark that opens"),
        ("a.jsonl", '{"text": "а", "tag": "spam"}\n\n{', "a.jsonl, line 3: not a JSON object"),
        ("a.jsonl", '\n{"text": "а", "tag": ["spam"]}', "a.jsonl, line 2: tag"),
        ("a.jsonl", '{"text": "а", "topic": ["water"]}', "a.jsonl, line 1: topic ['water'] is not in"),
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


def test_what_has_no_tags_is_read_as_no_spam(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "text,topic,category,toxic,urgent\nЛюк открыт,Повреждения или неисправность элементов,Дороги,1,0\n"
        "Тел. <PHONE>,,,,\nТел. <PHONE>,,,1,\n",
        encoding="utf-8",
    )
    source, rest = read_untagged(path)
    assert rest == []
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert {row.text for row in source.rows} == {"Люк открыт", "Тел. +7 000 000-00-00"}  # a copy counts once
    by_text = {row.text: row for row in source.rows}
    assert by_text["Люк открыт"] == Row(text="Люк открыт", toxic=True, urgent=False, no_spam=True)
    assert by_text["Тел. +7 000 000-00-00"] == Row(text="Тел. +7 000 000-00-00", no_spam=True)


def test_topics_are_told_in_the_words_of_a_taxonomy(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    known = next(name for name, meaning in taxonomies()["appeals-kursk"].names.items() if isinstance(meaning, str))
    records = [
        {"text": "а", "topic": known, "category": 7},
        {"text": "б", "topic": "нет такой темы"},
        {"text": "в", "topic": 5},
    ]
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    told = {row.text: row.topic for row in read_untagged(path, "appeals-kursk")[0].rows}
    assert told == {"а": our_topic("appeals-kursk", known), "б": None, "в": None}
    assert told["а"] is not None
    assert {row.topic for row in read_untagged(path)[0].rows} == {None}
    with pytest.raises(UnknownTaxonomyError, match="no taxonomy 'moon'; there are appeals-kursk, incident"):
        read_untagged(path, "moon")


def test_of_many_without_tags_always_the_same_are_learned(tmp_path: Path) -> None:
    texts = [f"Обращение {number}" for number in range(UNTAGGED_ROWS + 300)]
    one, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    for path, order in ((one, texts), (other, texts[::-1] + texts[:100])):
        path.write_text("\n".join(json.dumps({"text": text}) for text in order), encoding="utf-8")
    source, rest = read_untagged(one)
    assert (len(source.rows), len(rest)) == (UNTAGGED_ROWS, 300)
    assert {row.text for row in source.rows} | {row.text for row in rest} == set(texts)
    again, rest_again = read_untagged(other)
    assert (again.rows, rest_again) == (source.rows, rest)
    assert [row.text for row in source.rows] != texts[:UNTAGGED_ROWS]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("a.csv", "comment\nтекст\n", "a.csv: no column `text`; it has comment"),
        ("a.jsonl", '{"text": "а"}\n{"text": null}', "a.jsonl, line 2: no text"),
        ("a.csv", "text,toxic\nтекст,maybe\n", "line 2: toxic is 'maybe'"),
        ("a.jsonl", "{", "a.jsonl, line 1: not a JSON object"),
    ],
)
def test_what_is_wrong_without_tags_is_named(tmp_path: Path, name: str, content: str, complaint: str) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    with pytest.raises(TrainingError, match=re.escape(complaint)):
        read_untagged(path)
    with pytest.raises(TrainingError, match="cannot be read"):
        read_untagged(tmp_path / "absent.csv")


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
        for word, tag, topic in (
            ("вода", "complaint", "water"),
            ("вопрос", "question", "heating"),
            ("заработок", "spam", "other"),
        )
    ]
    (corpus / "a.jsonl").write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    before = training.write(out)
    with pytest.raises(
        TrainingError, match="the labels do not suffice for a model: this model: the classes of tag are"
    ):
        train_model(Material(corpus=corpus), out=out)
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
    rows = read_source(shared_data / "gold" / "dev.csv", streamlike=True).rows
    figures = judge_held_out(packaged, {"dev": rows}).figures()["dev"]
    assert figures["tag"]["macro_f1"] > 0.72
    assert figures["tag"]["accuracy_when_sure"] > figures["tag"]["accuracy"]
    assert figures["tag"]["calibration_error"] < 0.05
