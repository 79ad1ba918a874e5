"""What a model makes of its heads: two questions make a tag, and some things are never said."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any, cast, get_args

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.classifier.features import SIGNALS
from services.classifier.judgement import MAX_APPEAL, Border, Judgement
from services.classifier.manifest import ModelError
from services.classifier.model import CAREFUL, FOREIGN_SPAM, SLICE_TEXTS, TAGS, WORTH_A_TOPIC, Model
from services.classifier.training.run import Training
from shared.events import Tag
from shared.topics import OTHER
from tests.fixtures.careful import Words
from tests.fixtures.variants import pushed

TEXTS = [
    "Когда включат воду?",
    "Нет отопления второй день!",
    "Спасибо за праздник",
    "Заработок без вложений, пиши @name",
]
TATAR = "Безнең урамда юл бик начар, кайчан төзәтәсез инде? Балалар мәктәпкә йөри алмый"
HOSTILE = ["\ud800", "\udfff\ud800 нет воды", "а" * 100_000, "нет воды " * 11_112, "", " \n\t", "👍", "🇷🇺👨‍👩‍👧" * 50]
HOSTILE += [
    "\x00\x07\x1b[31mнет воды\x7f\u0085",
    "\u202eыдов тен\u202c",
    "и\u0306" * 3_000,
    "\ufdfa" * 500,
    "\ue000\uf8ff",
]
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=100)
SPAM = TAGS.index("spam")


@pytest.fixture(scope="module")
def model(careful_training: Training) -> Model:
    return careful_training.model()


def towards(training: Training, tag: Tag, by: float, borders: Sequence[Border] = ()) -> Model:
    """Both readers pushed towards one tag."""
    manifest = training.manifest
    heads: Any = pushed(pushed(manifest.heads, tag, by), tag, by, prefix=CAREFUL)
    thresholds = msgspec.structs.replace(manifest.thresholds, spam=tuple(borders))
    return Model(msgspec.structs.replace(manifest, heads=heads, thresholds=thresholds), training.arrays)


def output(model: Model, name: str, texts: Sequence[str], embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """What one head says, from its weights."""
    head, batch = model.heads[name], model.features.batch(texts)
    sums = np.tile(head.intercepts.astype(np.float64), (len(texts), 1))
    for weights, values in (
        (head.chars, batch.chars),
        (head.words, batch.words),
        (head.signals, batch.signals),
        (head.embedding, embeddings),
    ):
        if len(weights):
            sums += values @ weights
    return sums


def softmax(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(outputs)
    return cast("NDArray[np.float64]", powers / powers.sum(axis=1, keepdims=True))


def composed(model: Model, prefix: str, texts: Sequence[str], embeddings: NDArray[np.float32]) -> NDArray[np.float64]:
    """Both questions answered by one reader's heads: n x 4 in the order of TAGS."""
    spam = 1 / (1 + np.exp(-output(model, f"{prefix}spam", texts, embeddings)))
    rest = (1 - spam) * softmax(output(model, f"{prefix}tag", texts, embeddings))
    names = ["spam", *model.heads[f"{prefix}tag"].classes]
    return np.concatenate([spam, rest], axis=1)[:, [names.index(tag) for tag in TAGS]]


def test_two_questions_make_a_tag(model: Model) -> None:
    expected = composed(model, "", TEXTS, Words().embed(TEXTS))
    for judgement, scores in zip(model.judge(TEXTS), expected, strict=True):
        assert judgement.scores == pytest.approx(dict(zip(TAGS, scores.tolist(), strict=True)), abs=1e-3)
        assert judgement.tag == TAGS[scores.argmax()]


def test_read_carefully_it_is_the_mean_of_both_readers(model: Model) -> None:
    embeddings = Words().embed(TEXTS)
    expected = (composed(model, "", TEXTS, embeddings) + composed(model, CAREFUL, TEXTS, embeddings)) / 2
    for judgement, scores in zip(model.judge_carefully(TEXTS, embeddings), expected, strict=True):
        assert judgement.scores == pytest.approx(dict(zip(TAGS, scores.tolist(), strict=True)), abs=1e-3)
        assert judgement.tag == TAGS[scores.argmax()]


@pytest.mark.parametrize("flag", ["toxic", "urgent"])
def test_flags_are_raised_from_their_border_on(careful_training: Training, flag: str) -> None:
    texts = TEXTS
    embeddings = Words().embed(texts)
    plain = careful_training.model()
    fast, careful = (
        1 / (1 + np.exp(-output(plain, prefix + flag, texts, embeddings)[:, 0])) for prefix in ("", CAREFUL)
    )
    for place in range(len(texts)):
        for chance, carefully in ((fast[place], False), ((fast[place] + careful[place]) / 2, True)):
            for border, raised in ((chance - 1e-4, True), (chance + 1e-4, False)):
                model = bordered(careful_training, **{flag: float(border)})
                said = model.judge_carefully(texts, embeddings) if carefully else model.judge(texts)
                assert getattr(said[place].flags, flag) is raised


def bordered(training: Training, **thresholds: float) -> Model:
    changed = msgspec.structs.replace(training.manifest.thresholds, **thresholds)
    return Model(msgspec.structs.replace(training.manifest, thresholds=changed), training.arrays)


def test_the_careful_reader_reads_the_embedding(model: Model) -> None:
    texts = TEXTS[:2]
    embeddings = Words().embed(texts)
    carefully = model.judge_carefully(texts, embeddings)
    assert [one.scores for one in carefully] != [one.scores for one in model.judge(texts)]
    assert [one.scores for one in carefully] != [one.scores for one in model.judge_carefully(texts, -embeddings)]


def test_topics_are_what_both_readers_say_together(careful_training: Training) -> None:
    # Of complaints all topics are told; the small model knows four.
    sure = towards(careful_training, "complaint", 100)
    embeddings = Words().embed(TEXTS)
    fast = softmax(output(sure, "topic", TEXTS, embeddings))
    careful = softmax(output(sure, f"{CAREFUL}topic", TEXTS, embeddings))
    for said, chances in ((sure.judge(TEXTS), fast), (sure.judge_carefully(TEXTS, embeddings), (fast + careful) / 2)):
        for judgement, row in zip(said, chances, strict=True):
            told = {topic.topic: topic.score for topic in judgement.topics}
            known = dict(zip(sure.heads["topic"].classes, row.tolist(), strict=True))
            assert told == pytest.approx({name: known[name] for name in told}, abs=1e-3)
            assert judgement.topic == max(known, key=known.__getitem__)


def test_each_reader_has_its_own_border_of_sureness(careful_training: Training) -> None:
    manifest = careful_training.manifest
    thresholds = msgspec.structs.replace(manifest.thresholds, unsure=0.0)
    model = Model(msgspec.structs.replace(manifest, thresholds=thresholds, careful_unsure=1.0), careful_training.arrays)
    assert not any(one.unsure for one in model.judge(TEXTS))
    assert all(one.unsure for one in model.judge_carefully(TEXTS, Words().embed(TEXTS)))


def test_a_model_without_careful_heads_does_not_read_carefully(training: Training) -> None:
    model = training.model()
    assert model.careful_name is None
    with pytest.raises(ModelError, match=f"model {model.version} has no careful heads"):
        model.judge_carefully(["Нет воды"], np.zeros((1, 16), dtype=np.float32))


@pytest.mark.parametrize("shape", [(2, 15), (1, 16), (3, 16), (2, 16, 1), (32,), (0, 16)])
def test_embeddings_must_be_those_of_the_texts(model: Model, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2 texts need 2 x 16 numbers"):
        model.judge_carefully(TEXTS[:2], np.zeros(shape, dtype=np.float32))


def test_nothing_is_judged_to_nothing(model: Model) -> None:
    assert model.judge([]) == model.judge([], []) == []
    assert model.judge_carefully([], np.empty((0, Words.size), dtype=np.float32)) == []


def test_many_texts_keep_their_embeddings_and_replies(model: Model) -> None:
    texts = TEXTS * (SLICE_TEXTS // 2)
    replies = [place % 7 == 0 for place in range(len(texts))]
    embeddings = Words().embed(texts)
    fast, careful = model.judge(texts, replies), model.judge_carefully(texts, embeddings, replies)
    for place in (0, 1, SLICE_TEXTS - 1, SLICE_TEXTS, SLICE_TEXTS + 1, len(texts) - 1):
        text, reply, row = [texts[place]], [replies[place]], embeddings[[place]]
        assert fast[place].scores == pytest.approx(model.judge(text, reply)[0].scores, abs=2e-4)
        assert careful[place].scores == pytest.approx(model.judge_carefully(text, row, reply)[0].scores, abs=2e-4)


def test_a_reply_is_told_from_a_comment(model: Model) -> None:
    place = SIGNALS.index("reply")
    assert model.heads["spam"].signals[place, 0] < 0  # citizens answer one another, and spam answers nobody
    texts = ["Пишите в личные сообщения"]
    (alone,), (reply,) = model.judge(texts), model.judge(texts, [True])
    assert reply.scores["spam"] < alone.scores["spam"]
    assert model.judge(texts, [False]) == [alone]
    embeddings = Words().embed(texts)
    (alone,), (reply,) = model.judge_carefully(texts, embeddings), model.judge_carefully(texts, embeddings, [True])
    assert reply.scores["spam"] < alone.scores["spam"]
    # Whoever begins with a name answers somebody, known or not.
    named = ["[id1|Анна], пишите в личные сообщения"]
    assert model.judge(named) == model.judge(named, [True]) == model.judge(named, [False])


@pytest.mark.parametrize("carefully", [False, True])
def test_a_foreign_language_alone_is_no_spam(careful_training: Training, carefully: bool) -> None:
    spammy = towards(careful_training, "spam", 100)

    def judge(text: str) -> Judgement:
        (said,) = spammy.judge_carefully([text], Words().embed([text])) if carefully else spammy.judge([text])
        return said

    assert (judge("Как пройти в библиотеку").tag, judge("Как пройти в библиотеку").language) == ("spam", None)
    said = judge(TATAR)
    assert (said.tag, said.language, said.unsure) == ("other", "tt", True)
    assert said.scores["spam"] == FOREIGN_SPAM
    assert sum(said.scores.values()) == pytest.approx(1, abs=1e-3)
    for evidence in ("https://example.com", "a@example.com", "8 900 000-00-00", "@name", "5000 руб"):
        found = judge(f"{TATAR} {evidence}")
        assert (found.tag, found.language, found.unsure, found.spam_precision) == ("spam", "tt", True, None)


def test_a_language_near_to_russian_can_be_read(careful_training: Training) -> None:
    for text, language in (("На нашій вулиці вже третій день немає води", "uk"), ("Няма вады ўжо трэці дзень", "be")):
        (said,) = towards(careful_training, "spam", 100).judge([text])
        assert (said.tag, said.language, said.unsure, said.spam_precision) == ("spam", language, True, None)


@pytest.mark.parametrize(
    ("text", "tag"),
    [("", "other"), ("🔥🔥", "other"), ("ну", "other"), ("!!", "other"), ("5000 ₽", "spam"), ("+79000000000", "spam")],
)
def test_without_words_something_else_must_make_spam(careful_training: Training, text: str, tag: str) -> None:
    (said,) = towards(careful_training, "spam", 100, between(0.0, 0.001)).judge([text])
    assert said.tag == tag
    assert said.spam_precision == (0.99 if tag == "spam" else None)


@pytest.mark.parametrize("tag", get_args(Tag))
@pytest.mark.parametrize("by", [0.0, 2.0, 5.0, 100.0])
def test_whatever_the_heads_say_a_bare_foreign_text_is_no_spam(careful_training: Training, tag: Tag, by: float) -> None:
    (said,) = towards(careful_training, tag, by).judge([TATAR])
    assert said.tag != "spam"
    assert said.scores["spam"] <= FOREIGN_SPAM
    assert said.unsure


@pytest.mark.parametrize("tag", get_args(Tag))
def test_a_push_towards_a_tag_makes_every_text_that_tag(careful_training: Training, tag: Tag) -> None:
    sure = towards(careful_training, tag, 100)
    embeddings = Words().embed(TEXTS)
    for said in (sure.judge(TEXTS), sure.judge_carefully(TEXTS, embeddings)):
        assert [(one.tag, one.confidence) for one in said] == [(tag, 1.0)] * len(TEXTS)
        assert all(bool(one.topics) == (tag in ("complaint", "question")) for one in said)
        if tag in ("spam", "other"):
            assert {one.topic for one in said} == {OTHER}


def test_topics_are_told_where_something_may_be_asked(careful_training: Training) -> None:
    # Pushed a little towards "other", some of it may still ask, and some no more.
    told: dict[tuple[bool, bool], set[bool]] = {}
    for by in (0.0, 1.0, 2.0, 3.0, 5.0):
        for judgement in towards(careful_training, "other", by).judge(TEXTS):
            appeal = judgement.scores["question"] + judgement.scores["complaint"]
            told.setdefault((judgement.tag == "other", appeal >= WORTH_A_TOPIC), set()).add(bool(judgement.topics))
    assert told[(True, True)] == {True}
    assert told[(True, False)] == {False}


def between(low: float, high: float) -> list[Border]:
    return [Border(precision=0.9, threshold=low, recall=0.9), Border(precision=0.99, threshold=high, recall=0.5)]


def test_spam_is_as_clear_as_the_highest_border_it_reaches(careful_training: Training) -> None:
    text = ["Пишите мне"]
    spammy = towards(careful_training, "spam", 8)
    chance = float(spammy.probabilities(text)["tag"][0, SPAM])
    assert 0.9 < chance < 1
    for borders, expected in (
        ([], None),
        (between(chance + 1e-6, 1.0), None),
        (between(chance, 1.0), 0.9),
        (between(0.5, chance), 0.99),
        (between(0.5, 0.6), 0.99),
    ):
        (said,) = towards(careful_training, "spam", 8, borders).judge(text)
        assert (said.tag, said.spam_precision) == ("spam", expected)


def test_what_may_be_an_appeal_is_never_clearly_spam(careful_training: Training) -> None:
    seen = set()
    for by in np.arange(0, 8, 0.25):
        for said in towards(careful_training, "spam", float(by), between(0.0, 0.001)).judge(TEXTS):
            appeal = said.scores["question"] + said.scores["complaint"]
            if said.tag != "spam":
                assert said.spam_precision is None
            else:
                seen.add((appeal <= MAX_APPEAL, said.spam_precision))
    assert seen == {(True, 0.99), (False, None)}


@pytest.mark.parametrize("carefully", [False, True])
def test_any_text_is_judged(model: Model, carefully: bool) -> None:
    judgements = model.judge_carefully(HOSTILE, Words().embed(HOSTILE)) if carefully else model.judge(HOSTILE)
    for judgement in judgements:
        msgspec.convert(msgspec.to_builtins(judgement), Judgement)  # numbers are where they may be
        assert sum(judgement.scores.values()) == pytest.approx(1, abs=1e-3)
    # One of them judged alone is what it is among the others.
    alone = model.judge_carefully(HOSTILE[:1], Words().embed(HOSTILE[:1])) if carefully else model.judge(HOSTILE[:1])
    assert judgements[0] == alone[0]


@given(st.lists(ANY_TEXT, max_size=4), st.booleans())
@settings(max_examples=40)
def test_a_careful_judgement_is_whole(model: Model, texts: list[str], reply: bool) -> None:
    judgements = model.judge_carefully(texts, Words().embed(texts), [reply] * len(texts))
    for text, judgement in zip(texts, judgements, strict=True):
        assert set(judgement.scores) == set(TAGS)
        assert judgement.confidence == judgement.scores[judgement.tag] == max(judgement.scores.values())
        if judgement.confidence < model.careful_unsure or judgement.language is not None:
            assert judgement.unsure
        elif judgement.unsure:
            folded = unicodedata.normalize("NFKC", text)
            assert any(char.isalpha() and not "а" <= char.lower() <= "ё" for char in folded)
        msgspec.convert(msgspec.to_builtins(judgement), Judgement)
