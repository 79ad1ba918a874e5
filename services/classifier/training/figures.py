"""How good a model is: figures on rows it has not seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, precision_recall_fscore_support

from services.classifier.judgement import Thresholds
from services.classifier.model import Model
from services.classifier.training.borders import judged_rows
from services.classifier.training.heads import Fitted
from services.classifier.training.rows import Row

Figures = dict[str, Any]
BINS = 10


def cross_validated(fitted: Sequence[Fitted], thresholds: Thresholds) -> Figures:
    """Of each head, every row judged by a model that has not seen it; `on_pages` counts rows of real pages alone.

    Thresholds, and therefore flags and sureness, are measured where they were chosen: on rows of real pages, if any.
    """
    figures: Figures = {}
    for head in fitted:
        rows = np.ones(len(head.unseen), dtype=bool) if head.spec.name == "topic" else judged_rows(head)
        truth = head.examples.labels[rows]
        unseen = head.unseen[rows]
        if head.spec.name in ("toxic", "urgent"):
            border = thresholds.toxic if head.spec.name == "toxic" else thresholds.urgent
            figures[head.spec.name] = _flag(truth == "1", unseen[:, 1], unseen[:, 1] >= border)
        else:
            figures[head.spec.name] = _classes(head.examples.labels, head.unseen, head.classes)
        if head.spec.name == "tag":
            figures["tag"]["on_pages"] = _classes(truth, unseen, head.classes)
            figures["tag"] |= _sureness(truth, unseen, head.classes, thresholds.unsure)
    return figures


def held_out(model: Model, rows: Sequence[Row]) -> Figures:
    """Of a whole model, on rows that it was not trained on."""
    judgements = model.judge([row.text for row in rows])
    figures: Figures = {"rows": len(rows)}
    tagged = [(row, judgement) for row, judgement in zip(rows, judgements, strict=True) if row.tag is not None]
    if tagged:
        classes = tuple(sorted(tagged[0][1].scores))
        truth = np.array([row.tag for row, _ in tagged])
        unseen = np.array([[judgement.scores[name] for name in classes] for _, judgement in tagged])
        figures["tag"] = _classes(truth, unseen, classes)
        figures["tag"] |= _sureness(truth, unseen, classes, model.thresholds.unsure)
    probabilities = model.probabilities([row.text for row in rows])
    for name in ("toxic", "urgent"):
        known = np.array([getattr(row, name) is not None for row in rows])
        if known.any():
            labels = np.array([bool(getattr(row, name)) for row in rows])[known]
            raised = np.array([bool(getattr(judgement.flags, name)) for judgement in judgements])[known]
            figures[name] = _flag(labels, probabilities[name][known], raised)
    return figures


def _classes(truth: NDArray[Any], unseen: NDArray[np.float64], classes: tuple[str, ...]) -> Figures:
    said = np.array(classes)[unseen.argmax(axis=1)]
    each = f1_score(truth, said, average=None, labels=list(classes), zero_division=0.0)
    return {
        "rows": len(truth),
        "macro_f1": _rounded(np.mean(each)),
        "accuracy": _rounded((said == truth).mean()),
        "f1": {name: _rounded(score) for name, score in zip(classes, each, strict=True)},
    }


def _flag(truth: NDArray[np.bool_], probability: NDArray[Any], raised: NDArray[np.bool_]) -> Figures:
    precision, recall, f1, _ = precision_recall_fscore_support(truth, raised, average="binary", zero_division=0.0)
    average = average_precision_score(truth, probability) if truth.any() else 0.0
    return {
        "rows": len(truth),
        "positive": int(truth.sum()),
        "precision": _rounded(precision),
        "recall": _rounded(recall),
        "f1": _rounded(f1),
        "average_precision": _rounded(average),
    }


def _sureness(truth: NDArray[Any], unseen: NDArray[np.float64], classes: tuple[str, ...], threshold: float) -> Figures:
    confidence = unseen.max(axis=1)
    right = np.array(classes)[unseen.argmax(axis=1)] == truth
    sure = confidence >= threshold
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [
        (bins == which).mean() * abs(confidence[bins == which].mean() - right[bins == which].mean())
        for which in range(BINS)
        if (bins == which).any()
    ]
    return {
        "unsure_share": _rounded(1 - sure.mean()),
        "accuracy_when_sure": _rounded(right[sure].mean() if sure.any() else 0.0),
        "calibration_error": _rounded(sum(gaps)),
    }


def _rounded(value: Any) -> float:
    return round(float(value), 3)
