"""Which rows a head learns from, what each says, and how much it weighs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from services.classifier.features import CommentFeatures
from services.classifier.training.records import TrainingError
from services.classifier.training.rows import Row
from services.classifier.training.specs import FOLDS, HeadSpec

VOCABULARY = Path(__file__).with_name("vocabulary.json")
"""Words that mean a topic and phrases that mean danger, written for this project, as they would stand in a comment."""

CORPUS_WEIGHT = 0.5
"""Of an invented comment beside a real one's 1: chosen in cross-validation over real ones."""
UNTAGGED_WEIGHT = 0.3
"""Of a real text of which only is known that it is no spam."""
SPAM_WEIGHT = 6.0
"""Of an invented spam comment when spam is learned: real pages show hardly any. Chosen so that most spam of a kind that
was kept aside is caught while false alarms on appeals stay far below one in three hundred."""


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
    asking: NDArray[np.bool_]
    """Which hold a question mark."""
    groups: NDArray[np.intp]
    """What has the same number is never on both sides of a fold."""
    hints: sparse.csr_matrix | None = None
    """Rows that only ever help to fit: those of the vocabulary."""
    hint_labels: NDArray[Any] | None = None


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
        asking=np.array(["?" in row.text for _, row, _ in chosen]),
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


def _weight(head: str, row: Row) -> float:
    if row.no_spam:
        return UNTAGGED_WEIGHT
    if row.streamlike:
        return 1.0
    return SPAM_WEIGHT if head == "spam" and row.tag == "spam" else CORPUS_WEIGHT
