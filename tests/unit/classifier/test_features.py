"""Hashed features: the same everywhere, for a batch as for one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.classifier.features import (
    CHAR_WEIGHT,
    SIGNAL_WEIGHT,
    SIGNALS,
    WORD_WEIGHT,
    CommentFeatures,
    fingerprint,
    width,
)
from services.classifier.spelling.letters import BREAK
from services.classifier.text import clean_batch

TEXTS = [
    "Когда включат воду?",
    "Спасибо!",
    "",
    "Третий день нет воды, нет воды совсем!!!",
    "Зaрaбoток 5000 руб https://example.ru",
    "🙂",
    "а",
    "слово" * 40,
]
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=80)


@pytest.fixture(scope="module")
def features() -> CommentFeatures:
    return CommentFeatures(12).fit(TEXTS)


def test_the_columns_are_those_of_every_machine() -> None:
    # Changing this number makes every trained model useless: train the packaged one anew in the same commit.
    assert fingerprint(16) == "3eb063096228493c"


def test_shape_and_kind(features: CommentFeatures) -> None:
    matrix = features.transform(TEXTS)
    assert matrix.shape == (len(TEXTS), width(12)) == (8, 2 * 4096 + len(SIGNALS))
    assert matrix.dtype == np.float32
    assert matrix.has_canonical_format


def test_no_texts(features: CommentFeatures) -> None:
    assert features.transform([]).shape == (0, width(12))


def test_each_block_has_its_length(features: CommentFeatures) -> None:
    batch = features.batch(TEXTS)
    for block, length in ((batch.chars, CHAR_WEIGHT), (batch.words, WORD_WEIGHT)):
        for row in range(len(TEXTS)):
            values = block.data[block.indptr[row] : block.indptr[row + 1]]
            assert values.size == 0 or np.linalg.norm(values) == pytest.approx(length, rel=1e-5)


def test_ngrams_are_counted_by_hand(features: CommentFeatures) -> None:
    batch = features.batch(["дом", "дом дом", "да нет"])
    # " до", "дом", "ом ", " дом", "дом ", " дом " are the six of one word of three letters.
    assert np.diff(batch.chars.indptr).tolist() == [6, 12, 3 + 6]
    # Words, and pairs of which the edges of the text are part: 1 + 2, 2 + 3, 2 + 3.
    assert np.diff(batch.words.indptr).tolist() == [3, 5, 5]


def test_words_do_not_reach_over_texts(features: CommentFeatures) -> None:
    apart = features.transform(["вода", "дом"])
    other = features.transform(["вода", "снег"])
    assert (apart[0] != other[0]).nnz == 0


def test_neighbours_make_a_difference(features: CommentFeatures) -> None:
    first, second = features.batch(["нет воды", "воды нет"]).words
    assert (first != second).nnz > 0


@given(st.lists(ANY_TEXT, max_size=6))
@settings(max_examples=60)
def test_a_batch_is_its_texts(features: CommentFeatures, texts: list[str]) -> None:
    whole = features.transform(texts)
    for row, text in enumerate(texts):
        alone = features.transform([text])
        assert abs(whole[row] - alone).max() < 1e-6 if whole.shape[1] else True
        assert np.array_equal(whole[row].indices, alone.indices)


@given(st.lists(ANY_TEXT, max_size=4))
@settings(max_examples=40)
def test_blocks_say_what_the_matrix_says(features: CommentFeatures, texts: list[str]) -> None:
    batch, matrix = features.batch(texts), features.transform(texts).toarray()
    size = 2**12
    np.testing.assert_allclose(batch.chars.toarray(), matrix[:, :size], atol=1e-6)
    np.testing.assert_allclose(batch.words.toarray(), matrix[:, size : 2 * size], atol=1e-6)
    np.testing.assert_allclose(batch.signals, matrix[:, 2 * size :], atol=1e-6)
    assert np.isfinite(matrix).all()


def test_rare_ngrams_weigh_more() -> None:
    features = CommentFeatures(16).fit(["снег"] * 50 + ["люк"])
    common, rare = features.batch(["снег", "люк"]).chars.indices[[0, -1]]
    assert features.char_weights_[rare] > features.char_weights_[common]


def test_signals(features: CommentFeatures) -> None:
    shouted, plain = features.batch(["ВОДЫ НЕТ!!!", "воды нет"]).signals
    assert shouted[SIGNALS.index("capitals")] == SIGNAL_WEIGHT
    assert plain[SIGNALS.index("capitals")] == 0.0
    assert shouted[SIGNALS.index("exclamations")] > plain[SIGNALS.index("exclamations")] == 0.0


def test_a_reply_is_known_or_begins_with_a_name(features: CommentFeatures) -> None:
    texts = ["нет воды", "нет воды", "[id1|Анна], нет воды", "нет воды, [id1|Анна]"]
    told = features.batch(texts, [False, True, False, False]).signals[:, SIGNALS.index("reply")]
    assert told.tolist() == [0.0, SIGNAL_WEIGHT, SIGNAL_WEIGHT, 0.0]
    assert features.batch(texts).signals[:, SIGNALS.index("reply")].tolist() == [0.0, 0.0, SIGNAL_WEIGHT, 0.0]


def test_what_was_disguised_is_counted(features: CommentFeatures) -> None:
    signals = features.batch(["ищу работу, займ", "ищу рaбoту, займ", "ищу работу, з а й м"]).signals
    assert (signals[:, SIGNALS.index("disguised")] > 0).tolist() == [False, True, False]
    assert (signals[:, SIGNALS.index("joined")] > 0).tolist() == [False, False, True]


@given(st.sampled_from(TEXTS) | ANY_TEXT)
@settings(max_examples=60)
def test_the_ngrams_of_a_text_are_those_of_the_batch(features: CommentFeatures, text: str) -> None:
    cleaned, batch = clean_batch([text]), features.batch([text])
    for grams, block in zip(features.grams(cleaned), (batch.chars, batch.words), strict=True):
        assert np.array_equal(grams.columns, block.indices)
        assert np.array_equal(grams.values, block.data)
        assert ((grams.starts >= 0) & (grams.starts < grams.stops) & (grams.stops <= len(cleaned.codes))).all()


def test_the_ngrams_stand_where_they_say(features: CommentFeatures) -> None:
    cleaned = clean_batch(["да, снег"])
    text = "".join(map(chr, cleaned.codes.tolist())).replace(BREAK, "|")
    chars, words = (
        [text[start:stop] for start, stop in zip(grams.starts.tolist(), grams.stops.tolist(), strict=True)]
        for grams in features.grams(cleaned)
    )
    assert chars[:6] == ["|да", "|да,", "|да, ", "да,", "да, ", "а, "]
    assert chars[-1] == "ег|"
    assert words == ["да", "|да", "снег", "да, снег", "снег|"]
