"""Fitting a head, and what it says about rows that it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
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


def fit_head(spec: HeadSpec, examples: Examples, strengths: Sequence[float]) -> Fitted:
    """Fits on everything, and FOLDS times for each strength on what leaves a fold out; keeps the best of them.

    Deterministic on one machine.
    """
    folds = _folds(examples)
    tried = {strength: _left_out(spec, examples, strength, folds) for strength in strengths}
    judged = judged_rows(examples)
    strength = max(tried, key=lambda one: (_score(spec, examples, judged, tried[one]), -one))
    whole = _estimator(spec, examples, np.arange(len(examples.labels)), strength)
    outputs = tried[strength]
    temperature = _temperature(outputs[judged], np.searchsorted(whole.classes_, examples.labels)[judged])
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


def _left_out(
    spec: HeadSpec, examples: Examples, strength: float, folds: Sequence[NDArray[np.intp]]
) -> NDArray[np.float64]:
    """Outputs for every example by an estimator that has not seen it."""
    parts = []
    for test in folds:
        train = np.setdiff1d(np.arange(len(examples.labels)), test)
        part = _estimator(spec, examples, train, strength)
        parts.append((test, examples.matrix[test] @ part.coef_.T + part.intercept_))
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
    if examples.hints is not None and examples.hint_labels is not None:
        matrix = sparse.vstack([matrix, examples.hints], format="csr")
        labels = np.concatenate([labels, examples.hint_labels])
        weights = np.concatenate([weights, np.full(len(examples.hint_labels), spec.hint_weight * CORPUS_WEIGHT)])
    balance = "balanced" if spec.balanced else None
    estimator = LogisticRegression(C=strength, class_weight=balance, max_iter=1000, tol=spec.tolerance)
    # Threads would wait for one another many times longer than they reckon, and add up in another order.
    with threadpool_limits(1):
        return estimator.fit(matrix, labels, sample_weight=weights)


def _temperature(outputs: NDArray[np.float64], truth: NDArray[np.intp]) -> float:
    """What outputs must be divided by for their probabilities to fit unseen rows best (Guo et al., 2017)."""

    def loss(log_temperature: float) -> float:
        probabilities = _probabilities(outputs / np.exp(log_temperature))
        return float(-np.log(np.maximum(probabilities[np.arange(len(truth)), truth], 1e-12)).mean())

    found = minimize_scalar(loss, bounds=(-2.5, 2.5), method="bounded", options={"xatol": 1e-4})
    # Rounded, so that the last bits of an optimiser do not make another model.
    return round(float(np.exp(found.x)), 3)


def _probabilities(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    if outputs.shape[1] == 1:
        outputs = np.concatenate([np.zeros_like(outputs), outputs], axis=1)
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return cast("NDArray[np.float64]", powers / powers.sum(axis=1, keepdims=True))
