"""The heads: which rows each learns from, fitting it, and what it says about rows it has not seen."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize_scalar
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits

from services.classifier.features import CommentFeatures
from services.classifier.training.records import TrainingError
from services.classifier.training.rows import Row

FOLDS = 5
SEED = 20_260_101
VOCABULARY = Path(__file__).with_name("vocabulary.json")
"""Words that mean a topic and phrases that mean danger, written for this project, as they would stand in a comment."""

CORPUS_WEIGHT = 0.5
"""Of an invented comment beside a real one's 1: chosen in cross-validation over real ones."""
UNTAGGED_WEIGHT = 0.3
"""Of a real text of which only is known that it is no spam."""
SPAM_WEIGHT = 5.0
"""Of an invented spam comment when spam is learned: real pages show hardly any. Chosen so that most spam of a kind that
was kept aside is caught while false alarms on appeals stay far below one in three hundred."""


class HeadSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How one head learns. `strengths` are the values of LogisticRegression's C that cross-validation chooses from."""

    name: str
    strengths: tuple[float, ...]
    careful: tuple[float, ...]
    """The same for the careful reader."""
    score: Literal["macro_f1", "average_precision", "accuracy"]
    """What it chooses by, on real comments where there are enough."""
    balanced: bool = False
    """Every class counts the same however rare it is."""
    hint_weight: float = 1.0
    """Of one entry of the vocabulary beside a comment's 1; chosen in cross-validation over the corpus."""
    tolerance: float = 1e-4
    """Where the optimiser stops."""
    chars_only: bool = False
    """Looks at characters alone (smaller, and no worse for topics); its careful twin at the embedding alone."""


SPECS = (
    HeadSpec(name="spam", strengths=(3.0, 10.0), careful=(3.0,), score="average_precision"),
    HeadSpec(name="tag", strengths=(3.0, 10.0), careful=(3.0,), score="macro_f1"),
    HeadSpec(name="toxic", strengths=(3.0, 10.0), careful=(3.0,), score="average_precision"),
    HeadSpec(name="urgent", strengths=(10.0, 30.0), careful=(3.0,), score="average_precision"),
    HeadSpec(
        name="topic",
        strengths=(100.0,),
        careful=(10.0,),
        score="accuracy",
        tolerance=1e-3,
        balanced=True,
        hint_weight=2.0,
        chars_only=True,
    ),
)


class Examples(msgspec.Struct, frozen=True, kw_only=True):
    """What one head learns from: feature rows, their labels and weights, and which of them come from the stream."""

    matrix: sparse.csr_matrix
    labels: NDArray[Any]
    weights: NDArray[np.float64]
    streamlike: NDArray[np.bool_]
    real: NDArray[np.bool_]
    """Written by citizens, whatever is known of it."""
    places: NDArray[np.intp]
    """Which of all rows each is."""
    groups: NDArray[np.intp]
    """What has the same number is never on both sides of a fold."""
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
    strength: float
    temperature: float
    examples: Examples
    unseen: NDArray[np.float64]
    folds: tuple[NDArray[np.intp], ...]


def label_of(head: str, row: Row) -> str | None:
    """What `row` says about a head; None where it says nothing."""
    match head:
        case "spam":
            return "0" if row.no_spam else None if row.tag is None else str(int(row.tag == "spam"))
        case "tag":
            return None if row.tag == "spam" else row.tag
        case "topic":
            return None if row.tag == "spam" else row.topic
        case _:
            value = getattr(row, head)
            return None if value is None else str(int(value))


def examples_for(
    spec: HeadSpec,
    rows: Sequence[Row],
    features: CommentFeatures,
    embeddings: NDArray[np.float32] | None = None,
    *,
    origins: Sequence[int] | None = None,
) -> Examples:
    """The rows that say something about this head, with their embeddings behind the features where they are given.

    `origins` names for each row the one that it is a copy of, or itself.
    """
    chosen = [(place, row, label) for place, row in enumerate(rows) if (label := label_of(spec.name, row)) is not None]
    labels = [label for _, _, label in chosen]
    places = np.array([place for place, _, _ in chosen], dtype=np.intp)
    groups = places if origins is None else np.array(origins)[places]
    # A copy stands on the same side of a fold as its row: it makes nothing more frequent.
    counts = Counter(label for label, _ in set(zip(labels, groups.tolist(), strict=True)))
    if len(counts) < 2 or min(counts.values()) < FOLDS:
        raise TrainingError(f"{spec.name}: at least two values, each {FOLDS} times, are needed to learn it")
    matrix = features.transform([row.text for _, row, _ in chosen])
    if spec.chars_only:
        matrix = matrix[:, : 2**features.bits]
    if embeddings is not None:
        beside = sparse.csr_matrix(embeddings[places])
        matrix = beside if spec.chars_only else sparse.hstack([matrix, beside], format="csr")
    examples = Examples(
        matrix=matrix,
        labels=np.array(labels),
        weights=np.array([_weight(spec.name, row) for _, row, _ in chosen]),
        streamlike=np.array([row.streamlike for _, row, _ in chosen]),
        real=np.array([row.streamlike or row.no_spam for _, row, _ in chosen]),
        places=places,
        groups=groups,
    )
    return examples if embeddings is not None else _with_hints(examples, spec, features)


def _with_hints(examples: Examples, spec: HeadSpec, features: CommentFeatures) -> Examples:
    vocabulary: dict[str, dict[str, list[str]]] = json.loads(VOCABULARY.read_text(encoding="utf-8"))
    meanings = vocabulary.get(spec.name, {})
    known = set(examples.labels.tolist())
    words = [(label, word) for label in sorted(meanings) for word in meanings[label] if label in known]
    if not words:
        return examples
    hints = features.transform([word for _, word in words])
    return msgspec.structs.replace(
        examples,
        hints=hints[:, : 2**features.bits] if spec.chars_only else hints,
        hint_labels=np.array([label for label, _ in words]),
    )


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


def _weight(head: str, row: Row) -> float:
    if row.no_spam:
        return UNTAGGED_WEIGHT
    if row.streamlike:
        return 1.0
    return SPAM_WEIGHT if head == "spam" and row.tag == "spam" else CORPUS_WEIGHT


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
