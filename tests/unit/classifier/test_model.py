"""A stored model: whole or refused; and what it says."""

from __future__ import annotations

import hashlib
import io
import json
import unicodedata
from contextlib import closing
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classifier.careful.reading import careful_reader, read_carefully
from services.classifier.judgement import MAX_APPEAL, MAX_TOPICS
from services.classifier.manifest import MANIFEST, MAX_BYTES, ModelError, read_model
from services.classifier.model import (
    APPEALS,
    CAREFUL,
    DEFAULT_MODEL,
    HEADS,
    SLICE_CHARACTERS,
    SLICE_TEXTS,
    TAGS,
    WORTH_A_TOPIC,
    Model,
)
from services.classifier.training.run import Training
from shared.topics import OTHER, TOPIC_IDS

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=100)


@pytest.fixture
def stored(training: Training, tmp_path: Path) -> Path:
    """A folder with a model of this test's own."""
    training.write(tmp_path)
    return tmp_path


def test_a_stored_model_is_the_trained_one(training: Training, stored: Path) -> None:
    texts = ["Нет отопления", "Спасибо", ""]
    loaded = Model.load(stored)
    for name, values in training.model().probabilities(texts).items():
        np.testing.assert_array_equal(values, loaded.probabilities(texts)[name])
    assert loaded.version.startswith("fast-")


def test_every_file_is_guarded(stored: Path) -> None:
    files = sorted(stored.glob("*.npy"))
    assert {file.stem for file in files} == set(read_model(stored)[0].arrays)
    for file in files:
        content = file.read_bytes()
        for damaged in (content[:-1], content[:-1] + bytes([content[-1] ^ 1]), b""):
            file.write_bytes(damaged)
            with pytest.raises(ModelError, match=f"{file.name}: damaged"):
                Model.load(stored)
        file.write_bytes(content)
    files[0].unlink()
    with pytest.raises(ModelError, match=r"cannot be read"):
        Model.load(stored)


def test_a_huge_file_is_refused_unread(stored: Path) -> None:
    with (stored / "tag_weights.npy").open("r+b") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ModelError, match=r"tag_weights\.npy: larger than"):
        Model.load(stored)


def test_the_manifest_is_guarded(stored: Path) -> None:
    path = stored / MANIFEST
    manifest = json.loads(path.read_text())
    manifest["thresholds"]["unsure"] = 0.0
    path.write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="damaged or edited"):
        Model.load(stored)
    path.write_text("{")
    with pytest.raises(ModelError, match="not a manifest"):
        Model.load(stored)
    path.unlink()
    with pytest.raises(ModelError, match="cannot be read"):
        Model.load(stored)


def test_another_feature_code_is_refused(training: Training, tmp_path: Path) -> None:
    other = msgspec.structs.replace(training, manifest=msgspec.structs.replace(training.manifest, fingerprint="0" * 16))
    other.write(tmp_path)
    with pytest.raises(ModelError, match="another version of the text features"):
        Model.load(tmp_path)


def test_arrays_must_fit(training: Training, tmp_path: Path) -> None:
    for name, wrong in (
        ("char_weights", np.zeros(3, dtype=np.float32)),
        ("judgement_columns", training.arrays["judgement_columns"] + np.int32(10**6)),
        ("judgement_columns", training.arrays["judgement_columns"].reshape(1, -1)),
        ("judgement_columns", np.array(3, dtype=np.int32)),
        ("tag_weights", training.arrays["tag_weights"][:, :2]),
        ("spam_weights", training.arrays["spam_weights"][:-1]),
        ("spam_weights", np.repeat(training.arrays["spam_weights"], 2, axis=1)),
        ("tag_weights", training.arrays["tag_weights"].astype("<U8")),
        ("tag_weights", training.arrays["tag_weights"].astype(bool)),
        ("topic_weights", np.full_like(training.arrays["topic_weights"], np.nan)),
        ("word_weights", training.arrays["word_weights"].astype("<U8")),
        ("word_weights", np.full_like(training.arrays["word_weights"], np.inf)),
    ):
        msgspec.structs.replace(training, arrays=training.arrays | {name: wrong}).write(tmp_path)
        with pytest.raises(ModelError, match="array"):
            Model.load(tmp_path)


def _archive() -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, a=np.zeros(3, dtype=np.float32))
    return buffer.getvalue()


def _endless() -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": (1 << 60,)})
    return buffer.getvalue()


@pytest.mark.parametrize("content", [_archive(), _endless(), b"\x80\x04."], ids=["archive", "endless", "pickle"])
def test_what_is_no_array_is_refused(training: Training, tmp_path: Path, content: bytes) -> None:
    manifest = training.write(tmp_path)
    (tmp_path / "tag_weights.npy").write_bytes(content)
    array = msgspec.structs.replace(manifest.arrays["tag_weights"], sha256=hashlib.sha256(content).hexdigest())
    changed = msgspec.structs.replace(manifest, arrays=manifest.arrays | {"tag_weights": array})
    changed = msgspec.structs.replace(changed, version=changed.true_version())
    (tmp_path / MANIFEST).write_bytes(msgspec.json.encode(changed))
    with pytest.raises(ModelError, match=r"tag_weights\.npy: not an array"):
        Model.load(tmp_path)


@pytest.mark.parametrize("missing", [*HEADS, *(CAREFUL + name for name in HEADS)])
def test_a_missing_head_is_named(careful_training: Training, tmp_path: Path, missing: str) -> None:
    heads = {name: head for name, head in careful_training.manifest.heads.items() if name != missing}
    manifest = msgspec.structs.replace(careful_training.manifest, heads=heads)
    msgspec.structs.replace(careful_training, manifest=manifest).write(tmp_path)
    with pytest.raises(ModelError, match=f"no head {missing}$"):
        Model.load(tmp_path)


@pytest.mark.parametrize(
    ("head", "classes", "complaint"),
    [
        ("tag", (*APPEALS, "spam"), "the classes of tag are not complaint, other, question"),
        ("tag", TAGS[:3], "the classes of tag are not complaint, other, question"),
        ("careful_tag", TAGS, "the classes of careful_tag are not"),
        ("spam", ("ham", "spam"), "spam does not say"),
        ("spam", ("0", "1", "2"), "spam does not say"),
        ("careful_spam", ("1", "0"), "careful_spam does not say"),
        ("toxic", ("1", "0"), "toxic does not say"),
        ("urgent", ("0", "1", "2"), "urgent does not say"),
        ("topic", ("health", "heating", "other", "weather"), "careful_topic has other topics than topic"),
        ("careful_topic", ("heating", "other", "health", "water"), "careful_topic has other topics than topic"),
    ],
)
def test_a_head_must_say_what_is_asked(
    careful_training: Training, tmp_path: Path, head: str, classes: tuple[str, ...], complaint: str
) -> None:
    changed = with_classes(careful_training, head, classes)
    changed.write(tmp_path)
    with pytest.raises(ModelError, match=complaint):
        Model.load(tmp_path)


@pytest.mark.parametrize(
    ("classes", "complaint"),
    [
        (("heating", "water"), "at least 3 different topics are needed, its are heating, water$"),
        (("heating", "water", "water"), "at least 3 different topics"),
        (("heating", "water", "weather"), "unknown topics weather$"),
    ],
)
def test_topics_must_be_ours_and_enough(
    training: Training, tmp_path: Path, classes: tuple[str, ...], complaint: str
) -> None:
    with_classes(training, "topic", classes).write(tmp_path)
    with pytest.raises(ModelError, match=complaint):
        Model.load(tmp_path)


def with_classes(training: Training, head: str, classes: tuple[str, ...]) -> Training:
    """With other answers in one head, which weighs nothing then."""
    heads = training.manifest.heads
    outputs = 1 if len(classes) == 2 else len(classes)
    heads = heads | {head: msgspec.structs.replace(heads[head], classes=classes, intercepts=(0.0,) * outputs)}
    weights = np.zeros((len(training.arrays[heads[head].columns]), outputs), dtype=np.float16)
    return msgspec.structs.replace(
        training,
        manifest=msgspec.structs.replace(training.manifest, heads=heads),
        arrays=training.arrays | {heads[head].weights: weights},
    )


def test_the_packaged_model_is_small() -> None:
    assert sum(file.stat().st_size for file in DEFAULT_MODEL.iterdir()) < 16 * 1024 * 1024


OBVIOUS = [
    ("Подскажите, пожалуйста, до скольки работает поликлиника в субботу?", "question"),
    ("Где можно узнать расписание автобуса до дачного посёлка?", "question"),
    ("Третий день нет горячей воды, никто ничего не делает!", "complaint"),
    ("Почему до сих пор не чистят снег во дворе? Не пройти с коляской", "complaint"),
    ("Заработок на дому от 5000 рублей в день, без вложений, пиши в личку https://example.com", "spam"),
    ("Зaрaбoтoк бeз влoжeний! Kрeдит бeз oткaзa, пиши @rabota_online", "spam"),
    ("Спасибо большое за праздник!", "other"),
    ("С днём рождения, любимый город ❤", "other"),
]


@pytest.mark.parametrize(("text", "tag"), OBVIOUS)
def test_obvious_comments(packaged: Model, text: str, tag: str) -> None:
    assert packaged.judge([text])[0].tag == tag


def test_obvious_comments_read_carefully(packaged: Model) -> None:
    embedder, reason = careful_reader(packaged)
    if embedder is None:
        assert "on this machine" in reason
        pytest.skip(reason)
    with closing(embedder):
        judgements = read_carefully(packaged, embedder, [text for text, _ in OBVIOUS])
    assert [one.tag for one in judgements] == [tag for _, tag in OBVIOUS]
    assert judgements != packaged.judge([text for text, _ in OBVIOUS])


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("Батареи холодные, когда дадут отопление?", "heating"),
        ("Не могу записаться к терапевту в поликлинику", "health"),
        ("Автобус опять не пришёл по расписанию", "transport"),
        ("Мусор не вывозят вторую неделю, контейнеры переполнены", "waste"),
    ],
)
def test_obvious_topics(packaged: Model, text: str, topic: str) -> None:
    assert packaged.judge([text])[0].topic == topic


def test_obvious_flags(packaged: Model) -> None:
    flags = packaged.judge(["Вы дебилы и твари", "В подъезде сильно пахнет газом!", "мой номер 8 900 000-00-00"])
    assert [(item.flags.toxic, item.flags.urgent, item.flags.personal_data) for item in flags] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


@given(st.lists(ANY_TEXT, max_size=5))
@settings(max_examples=60)
def test_a_judgement_is_whole(packaged: Model, texts: list[str]) -> None:
    judgements = packaged.judge(texts)
    assert len(judgements) == len(texts)
    for text, judgement in zip(texts, judgements, strict=True):
        assert set(judgement.scores) == set(TAGS)
        assert sum(judgement.scores.values()) == pytest.approx(1, abs=0.001)
        assert judgement.confidence == judgement.scores[judgement.tag] == max(judgement.scores.values())
        if judgement.confidence < packaged.thresholds.unsure or judgement.language is not None:
            assert judgement.unsure
        elif judgement.unsure:
            assert any(
                char.isalpha() and not "а" <= char.lower() <= "ё" for char in unicodedata.normalize("NFKC", text)
            )
        scores = [item.score for item in judgement.topics]
        assert scores == sorted(scores, reverse=True)
        assert {item.topic for item in judgement.topics} | {judgement.topic} <= TOPIC_IDS
        appeal = judgement.scores["question"] + judgement.scores["complaint"]
        assert len(judgement.topics) == (MAX_TOPICS if judgement.tag != "spam" and appeal >= WORTH_A_TOPIC else 0)
        assert judgement.topic == (judgement.topics[0].topic if judgement.topics else OTHER)
        if judgement.spam_precision is not None:
            assert judgement.tag == "spam"
            assert appeal <= MAX_APPEAL
            assert judgement.language is None
        msgspec.json.encode(judgement)


@given(st.lists(ANY_TEXT, max_size=5))
@settings(max_examples=40)
def test_neighbours_do_not_matter(packaged: Model, texts: list[str]) -> None:
    together = packaged.probabilities(texts)
    for index, text in enumerate(texts):
        for name, alone in packaged.probabilities([text]).items():
            np.testing.assert_allclose(together[name][index], alone[0], atol=1e-5)


def test_many_and_long_texts_are_sliced(packaged: Model) -> None:
    texts = ["Спасибо"] * (2 * SLICE_TEXTS + 1) + ["а" * (SLICE_CHARACTERS + 1), "Спасибо"]
    judgements = packaged.judge(texts)
    assert len(judgements) == len(texts)
    assert judgements[0] == judgements[-1] == judgements[SLICE_TEXTS]


def test_the_tags_alone_are_the_same(packaged: Model) -> None:
    texts = ["Нет воды", "Спасибо", ""]
    np.testing.assert_allclose(packaged.tag_scores(texts), packaged.probabilities(texts)["tag"], atol=1e-6)


@pytest.mark.parametrize("text", ["", " ", ".", "+1", "5", "?!", "👍👍", "🔥🔥🔥", "ну", "\x00", "\ud800"])
def test_a_text_without_words_is_neither_urgent_nor_toxic_nor_spam(packaged: Model, text: str) -> None:
    (judged,) = packaged.judge([text])
    assert (judged.flags.urgent, judged.flags.toxic) == (False, False)
    assert judged.tag != "spam"
    assert judged.spam_precision is None


@pytest.mark.parametrize(
    "text",
    [
        "Qachon maktab ochiladi, aytingizlar iltimos",
        "Zer moduz, noiz irekiko da liburutegia",
        "Ndege itafika saa ngapi leo",
    ],
)
def test_what_is_in_other_letters_is_unsure_and_no_spam_even_where_its_language_is_not_named(
    packaged: Model, text: str
) -> None:
    (judged,) = packaged.judge([text])
    assert judged.unsure
    assert judged.tag != "spam"
    assert judged.spam_precision is None
