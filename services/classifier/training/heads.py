"""The four heads: which rows each learns from, fitting it, and what it says about rows it has not seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from services.classifier.features import CommentFeatures
from services.classifier.training.rows import Row, TrainingError

FOLDS = 5
SEED = 20_260_101
VOCABULARY = Path(__file__).with_name("vocabulary.json")
"""Words that mean a topic and phrases that mean danger, written for this project, as they would stand in a comment."""


class HeadSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How one head learns. `strength` is LogisticRegression's C."""

    name: str
    strength: float
    hint_weight: float = 1.0
    """Of one entry of the vocabulary beside a comment's 1; chosen in cross-validation over the corpus."""
    chars_only: bool = False
    """Looks at characters alone (smaller, and no worse for topics)."""


SPECS = (
    HeadSpec(name="tag", strength=10.0),
    HeadSpec(name="toxic", strength=10.0),
    HeadSpec(name="urgent", strength=30.0),
    HeadSpec(name="topic", strength=300.0, hint_weight=2.0, chars_only=True),
)


class Examples(msgspec.Struct, frozen=True, kw_only=True):
    """What one head learns from: feature rows, their labels, and which of them come from the stream."""

    matrix: sparse.csr_matrix
    labels: NDArray[Any]
    streamlike: NDArray[np.bool_]
    hints: sparse.csr_matrix | None = None
    """Rows that only ever help to fit: those of the vocabulary."""
    hint_labels: NDArray[Any] | None = None


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """A fitted head and what it said, in cross-validation, about each of its examples.

    `unseen` are probabilities of the classes, calibrated with `temperature`, which the coefficients already contain.
    """

    spec: HeadSpec
    classes: tuple[str, ...]
    coefficients: NDArray[np.float64]
    """outputs x features"""
    intercepts: NDArray[np.float64]
    temperature: float
    examples: Examples
    unseen: NDArray[np.float64]
    folds: tuple[NDArray[np.intp], ...]


def examples_for(spec: HeadSpec, rows: Sequence[Row], features: CommentFeatures) -> Examples:
    """The rows that say something about this head; topics are learned from what is not spam."""
    chosen = [
        row for row in rows if getattr(row, spec.name) is not None and not (spec.name == "topic" and row.tag == "spam")
    ]
    labels = [_label(getattr(row, spec.name)) for row in chosen]
    if len(set(labels)) < 2 or min(labels.count(label) for label in set(labels)) < FOLDS:
        raise TrainingError(f"{spec.name}: at least two values, each {FOLDS} times, are needed to learn it")
    examples = Examples(
        matrix=_seen(spec, features.transform([row.text for row in chosen]), features.bits),
        labels=np.array(labels),
        streamlike=np.array([row.streamlike for row in chosen]),
    )
    vocabulary: dict[str, dict[str, list[str]]] = json.loads(VOCABULARY.read_text(encoding="utf-8"))
    meanings = vocabulary.get(spec.name, {})
    words = [(label, word) for label in sorted(meanings) for word in meanings[label] if label in set(labels)]
    if not words:
        return examples
    return msgspec.structs.replace(
        examples,
        hints=_seen(spec, features.transform([word for _, word in words]), features.bits),
        hint_labels=np.array([label for label, _ in words]),
    )


def fit_head(spec: HeadSpec, examples: Examples) -> Fitted:
    """Fits on everything, and FOLDS times on what leaves a fold out; deterministic on one machine."""
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED)
    folds = tuple(test for _, test in splitter.split(examples.matrix, examples.labels))
    whole = _estimator(spec, examples, np.arange(len(examples.labels)))
    outputs = np.zeros((len(examples.labels), len(whole.intercept_)))
    for test in folds:
        train = np.setdiff1d(np.arange(len(examples.labels)), test)
        part = _estimator(spec, examples, train)
        outputs[test] = examples.matrix[test] @ part.coef_.T + part.intercept_
    classes = tuple(str(label) for label in whole.classes_)
    truth = np.searchsorted(whole.classes_, examples.labels)
    judged = examples.streamlike if examples.streamlike.sum() >= 10 * len(classes) else np.ones(len(truth), dtype=bool)
    temperature = _temperature(outputs[judged], truth[judged])
    return Fitted(
        spec=spec,
        classes=classes,
        coefficients=whole.coef_ / temperature,
        intercepts=whole.intercept_ / temperature,
        temperature=temperature,
        examples=examples,
        unseen=_probabilities(outputs / temperature),
        folds=folds,
    )


def _estimator(spec: HeadSpec, examples: Examples, chosen: NDArray[np.intp]) -> LogisticRegression:
    matrix, labels = examples.matrix[chosen], examples.labels[chosen]
    weights = np.ones(len(labels))
    if examples.hints is not None and examples.hint_labels is not None:
        matrix = sparse.vstack([matrix, examples.hints], format="csr")
        labels = np.concatenate([labels, examples.hint_labels])
        weights = np.concatenate([weights, np.full(len(examples.hint_labels), spec.hint_weight)])
    # Balanced, because the rare classes (spam, question, danger) are the ones that matter.
    estimator = LogisticRegression(C=spec.strength, class_weight="balanced", max_iter=1000, tol=1e-3)
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


def _seen(spec: HeadSpec, matrix: sparse.csr_matrix, bits: int) -> sparse.csr_matrix:
    return matrix[:, : 2**bits] if spec.chars_only else matrix


def _label(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)
