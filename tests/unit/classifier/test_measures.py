"""Figures against scikit-learn's, and against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, f1_score, precision_score, recall_score

from services.classifier.model import TAGS
from services.classifier.training.evaluation.figures import hits_figures, spam_figures, tag_figures
from services.classifier.training.evaluation.measures import (
    band,
    calibration_error,
    confusion,
    macro_f1,
    macro_f1_interval,
    reliability,
    wilson,
)
from services.classifier.training.evaluation.reading import Reading


def some(count: int = 400) -> tuple[list[str], Reading]:
    """Truth and a reading that is right about two times in three."""
    chance = np.random.default_rng(3)
    truth = chance.integers(0, 4, count)
    scores = chance.dirichlet(np.ones(4), count)
    scores[np.arange(count), truth] += 0.5
    reading = Reading(scores=scores / scores.sum(axis=1, keepdims=True), unsure=scores.max(axis=1) < 0.8)
    return [TAGS[place] for place in truth], reading


def test_macro_f1_and_classes_are_those_of_scikit_learn() -> None:
    truth, reading = some()
    figures = tag_figures(truth, reading)
    assert figures["macro_f1"] == pytest.approx(f1_score(truth, reading.said, average="macro"), abs=1e-4)
    matrix = confusion_matrix(truth, reading.said, labels=list(TAGS))
    assert [list(row.values()) for row in figures["confusion"].values()] == matrix.tolist()
    for tag in TAGS:
        part = figures["classes"][tag]
        for name, score in (("precision", precision_score), ("recall", recall_score), ("f1", f1_score)):
            expected = score(truth, reading.said, labels=[tag], average=None)[0]
            assert part[name] == pytest.approx(expected, abs=1e-4)
        assert part["precision_low"] < part["precision"] < part["precision_high"]
    assert figures["accuracy"] == pytest.approx(np.trace(matrix) / matrix.sum(), abs=1e-4)


def test_a_tag_that_does_not_occur_does_not_count() -> None:
    truth, said = ["spam", "spam", "other"], ["spam", "other", "question"]
    assert macro_f1(confusion(truth, said, TAGS)) == pytest.approx((2 / 3 + 0) / 2)


def test_the_interval_of_macro_f1() -> None:
    truth, reading = some()
    table = confusion(truth, reading.said, TAGS)
    low, high = macro_f1_interval(table)
    assert (low, high) == macro_f1_interval(table)
    assert low < macro_f1(table) < high
    # As wide as resampling the comments themselves makes it.
    chance = np.random.default_rng(0)
    drawn = []
    for _ in range(300):
        rows = chance.integers(0, len(truth), len(truth))
        drawn.append(f1_score(np.array(truth)[rows], np.array(reading.said)[rows], average="macro"))
    np.testing.assert_allclose([low, high], np.quantile(drawn, [0.025, 0.975]), atol=0.01)
    narrow = macro_f1_interval(table * 100)
    assert narrow[1] - narrow[0] < (high - low) / 5


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # From the closed form; 0 of 10 and 10 of 10 are the textbook's examples of where the usual interval fails.
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (95, 100, 0.8882, 0.9785), (0, 0, 0.0, 1.0)],
)
def test_wilson(hits: int, of: int, low: float, high: float) -> None:
    assert wilson(hits, of) == pytest.approx((low, high), abs=1e-4)


def test_calibration_error_by_hand() -> None:
    confidence = np.array([0.95, 0.95, 0.95, 0.95, 0.55, 0.55])
    right = np.array([True, True, True, False, False, False])
    # Two bins: |0.95 - 0.75| on four of six, |0.55 - 0| on two of six.
    assert calibration_error(confidence, right) == pytest.approx(4 / 6 * 0.2 + 2 / 6 * 0.55)
    assert [bin.rows for bin in reliability(confidence, right)] == [2, 4]
    assert calibration_error(np.ones(5), np.ones(5, dtype=bool)) == 0
    assert reliability(np.array([1.0]), np.array([True]))[0].high == 1


def test_the_band_by_hand() -> None:
    score = np.array([0.99, 0.98, 0.97, 0.96, 0.95, 0.5])
    spam = np.array([True, True, False, True, False, True])
    widest = band(score, spam, 0.75)
    assert (widest.threshold, widest.recall, widest.precision, widest.rows) == (0.96, 0.75, 0.75, 4)
    strict = band(score, spam, 0.995)
    assert (strict.threshold, strict.recall) == (0.98, 0.5)
    assert band(np.array([0.9, 0.9]), np.array([True, False])).recall == 0, "equal scores cannot be told apart"
    assert band(score, np.zeros(6, dtype=bool)).rows == 0
    assert band(np.array([0.9, 0.1]), np.array([False, True])).threshold > 1


def test_the_band_of_a_stream_with_less_spam() -> None:
    score = np.array([0.9, 0.8, 0.8, 0.7, 0.1, 0.1])
    spam = np.array([True, True, True, True, True, False])
    # At 0.1 five of six are spam; in a stream with one in ten spam only what lies above all ham will do.
    assert band(score, spam, 0.8).recall == 1
    assert band(score, spam, 0.8, share=0.1).recall == pytest.approx(0.8)


def test_hits() -> None:
    truth = np.array([True, True, False, False, False])
    figures = hits_figures(truth, np.array([True, False, True, False, False]))
    assert (figures["precision"], figures["recall"], figures["f1"]) == (0.5, 0.5, 0.5)
    assert figures["false"] == pytest.approx(1 / 3, abs=1e-4)
    ham = hits_figures(np.zeros(4, dtype=bool), np.array([True, False, False, False]))
    assert ham["false"] == 0.25
    assert "recall" not in ham
    assert "false" not in hits_figures(np.ones(2, dtype=bool), np.ones(2, dtype=bool))


def test_spam_where_some_rows_do_not_know() -> None:
    scores = np.array([[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
    figures = spam_figures([True, False, None], Reading(scores=scores))
    assert (figures["rows"], figures["recall"], figures["false"], figures["band_recall"]) == (2, 1, 0, 1)


def test_sureness() -> None:
    truth, reading = some()
    figures = tag_figures(truth, reading)
    assert reading.unsure is not None
    assert figures["unsure"] == pytest.approx(reading.unsure.mean(), abs=1e-4)
    assert figures["accuracy_when_sure"] > figures["accuracy"]
