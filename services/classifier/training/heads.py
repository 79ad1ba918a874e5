"""Fitting a head, and what it says about rows that it has not seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import cast

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from services.classifier.training.examples import CORPUS_WEIGHT, Examples
from services.classifier.training.specs import FOLDS, HeadSpec

SEED = 20_260_101
MIN_TEXTS = 2
"""Learned texts that a column must occur in to weigh anything: what occurs once teaches nothing about other texts."""
QUESTION_MARKS = 0.24
"""The share of comments under real pages that hold a question mark, as counted in five years of one district's page
(4,143 of 17,120). Labelled rows are gathered where questions are likelier: `gold/train.csv` has twice as many."""


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted head and what it said, in cross-validation, about each of its examples.

    `unseen` are probabilities of the classes, calibrated with `temperature`, which the coefficients already contain.
    """

    spec: HeadSpec
    classes: tuple[str, ...]
    coefficients: NDArray[np.float64]
    """outputs x features"""
    intercepts: NDArray[np.float64]
    strength: float
    temperature: float
    examples: Examples
    unseen: NDArray[np.float64]
    folds: tuple[NDArray[np.intp], ...]


Done = Callable[[int, int], None]
"""Told how many fits are done, and of how many."""


def fit_head(
    spec: HeadSpec, examples: Examples, strengths: Sequence[float], done: Done = lambda _done, _of: None
) -> Fitted:
    """Fits on everything, and FOLDS times for each strength on what leaves a fold out; keeps the best of them.

    Deterministic on one machine.
    """
    folds = _folds(examples)
    counted, fits = count(1), len(folds) * len(strengths) + 1
    tried = {
        strength: _left_out(spec, examples, strength, folds, lambda: done(next(counted), fits))
        for strength in strengths
    }
    judged = judged_rows(examples)
    strength = max(tried, key=lambda one: (_score(spec, examples, judged, tried[one]), -one))
    whole = _estimator(spec, examples, np.arange(len(examples.labels)), strength)
    outputs = tried[strength]
    truth = np.searchsorted(whole.classes_, examples.labels)
    temperature = _temperature(outputs[judged], truth[judged], as_on_pages(examples.asking[judged]))
    return Fitted(
        spec=spec,
        classes=tuple(str(label) for label in whole.classes_),
        coefficients=whole.coef_ / temperature,
        intercepts=whole.intercept_ / temperature,
        strength=strength,
        temperature=temperature,
        examples=examples,
        unseen=_probabilities(outputs / temperature),
        folds=folds,
    )


def _folds(examples: Examples) -> tuple[NDArray[np.intp], ...]:
    """The places left out in each: divided by label among the rows themselves, copies with their row."""
    firsts, which = np.unique(examples.groups, return_inverse=True)
    begins = np.full(len(firsts), len(which))
    np.minimum.at(begins, which, np.arange(len(which)))
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    parts = [test for _, test in splitter.split(begins, examples.labels[begins])]
    return tuple(np.flatnonzero(np.isin(which, part)) for part in parts)


def judged_rows(examples: Examples) -> NDArray[np.bool_]:
    """The rows that calibration, thresholds and figures rest on: those of the stream, where they show every class."""
    stream = examples.streamlike
    counts = [int((examples.labels[stream] == label).sum()) for label in set(examples.labels.tolist())]
    return stream if counts and min(counts) >= 4 * FOLDS else np.ones(len(stream), dtype=bool)


def as_on_pages(asking: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What rows must weigh for as many of them to hold a question mark as under real pages (QUESTION_MARKS); their mean
    is 1. Where none or all do, they weigh the same."""
    share = asking.mean()
    if not 0 < share < 1:
        return np.ones(len(asking))
    weights: NDArray[np.float64] = np.where(asking, QUESTION_MARKS / share, (1 - QUESTION_MARKS) / (1 - share))
    return weights


def _left_out(
    spec: HeadSpec,
    examples: Examples,
    strength: float,
    folds: Sequence[NDArray[np.intp]],
    done: Callable[[], None],
) -> NDArray[np.float64]:
    """Outputs for every example by an estimator that has not seen it."""
    parts = []
    for test in folds:
        train = np.setdiff1d(np.arange(len(examples.labels)), test)
        part = _estimator(spec, examples, train, strength)
        parts.append((test, examples.matrix[test] @ part.coef_.T + part.intercept_))
        done()
    outputs = np.zeros((len(examples.labels), parts[0][1].shape[1]))
    for test, values in parts:
        outputs[test] = values
    return outputs


def _score(spec: HeadSpec, examples: Examples, judged: NDArray[np.bool_], outputs: NDArray[np.float64]) -> float:
    classes = np.unique(examples.labels)
    truth = examples.labels[judged]
    if spec.score == "average_precision":
        return float(average_precision_score(truth == "1", outputs[judged, 0]))
    said = classes[_probabilities(outputs[judged]).argmax(axis=1)]
    if spec.score == "accuracy":
        return float((said == truth).mean())
    return float(f1_score(truth, said, average="macro"))


def _estimator(spec: HeadSpec, examples: Examples, chosen: NDArray[np.intp], strength: float) -> LogisticRegression:
    matrix, labels, weights = examples.matrix[chosen], examples.labels[chosen], examples.weights[chosen]
    seen = _occurrences(matrix)
    if examples.hints is not None and examples.hint_labels is not None:
        matrix = sparse.vstack([matrix, examples.hints], format="csr")
        labels = np.concatenate([labels, examples.hint_labels])
        weights = np.concatenate([weights, np.full(len(examples.hint_labels), spec.hint_weight * CORPUS_WEIGHT)])
        seen = seen + MIN_TEXTS * _occurrences(examples.hints)
    balance = "balanced" if spec.balanced else None
    estimator = LogisticRegression(C=strength, class_weight=balance, max_iter=1000, tol=spec.tolerance)
    # Threads would wait for one another many times longer than they reckon, and add up in another order.
    with threadpool_limits(1):
        estimator.fit(matrix, labels, sample_weight=weights)
    estimator.coef_[:, seen < MIN_TEXTS] = 0
    return estimator


def _occurrences(matrix: sparse.csr_matrix) -> NDArray[np.int64]:
    """In how many rows each column is not nought."""
    return np.asarray((matrix != 0).sum(axis=0), dtype=np.int64).ravel()


def _temperature(outputs: NDArray[np.float64], truth: NDArray[np.intp], weights: NDArray[np.float64]) -> float:
    """What outputs must be divided by for their probabilities to fit unseen rows best (Guo et al., 2017)."""

    def loss(log_temperature: float) -> float:
        probabilities = _probabilities(outputs / np.exp(log_temperature))
        likelihoods = np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12))
        return float(-np.average(likelihoods, weights=weights))

    found = minimize_scalar(loss, bounds=(-2.5, 2.5), method="bounded", options={"xatol": 1e-4})
    # Rounded, so that the last bits of an optimiser do not make another model.
    return round(float(np.exp(found.x)), 3)


def _probabilities(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    if outputs.shape[1] == 1:
        outputs = np.concatenate([np.zeros_like(outputs), outputs], axis=1)
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return cast("NDArray[np.float64]", powers / powers.sum(axis=1, keepdims=True))
