"""Hashed features: the same everywhere, for a batch as for one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from services.classifier.features import SIGNALS, WORD_WEIGHT, CommentFeatures, fingerprint, width

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
    assert fingerprint(16) == "2cb18c15abc0a01c"


def test_shape_and_kind(features: CommentFeatures) -> None:
    matrix = features.transform(TEXTS)
    assert matrix.shape == (len(TEXTS), width(12)) == (8, 2 * 4096 + len(SIGNALS))
    assert matrix.dtype == np.float32
    assert matrix.has_canonical_format


def test_no_texts(features: CommentFeatures) -> None:
    assert features.transform([]).shape == (0, width(12))


def test_each_block_has_its_length(features: CommentFeatures) -> None:
    batch = features.batch(TEXTS)
    for block, length in ((batch.chars, 1.0), (batch.words, WORD_WEIGHT)):
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
    assert shouted[SIGNALS.index("capitals")] == 1.0
    assert plain[SIGNALS.index("capitals")] == 0.0
    assert shouted[SIGNALS.index("exclamations")] > plain[SIGNALS.index("exclamations")] == 0.0


def test_it_is_a_scikit_learn_transformer() -> None:
    assert clone(CommentFeatures(bits=10)).get_params() == {"bits": 10}
    assert CommentFeatures(10).fit_transform(TEXTS).shape == (len(TEXTS), width(10))
