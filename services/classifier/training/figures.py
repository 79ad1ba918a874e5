"""How good a model is: figures on rows it has not seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, f1_score, precision_recall_fscore_support

from services.classifier.judgement import Judgement, Thresholds
from services.classifier.model import TAGS, Model
from services.classifier.training.borders import TagsUnseen
from services.classifier.training.embedded import Embedded
from services.classifier.training.heads import CORPUS_WEIGHT, Fitted, judged_rows
from services.classifier.training.rows import Row

Figures = dict[str, Any]
BINS = 15


def cross_validated(fitted: Mapping[str, Fitted], tags: TagsUnseen, thresholds: Thresholds) -> Figures:
    """Of each head, every row judged by a model that has not seen it; `on_pages` counts rows of real pages alone.

    Thresholds, and therefore flags and sureness, are measured where they were chosen: on rows of real pages, if any.
    """
    truth, scores = tags.judged()
    figures: Figures = {"tag": _classes(tags.truth, tags.scores, TAGS)}
    figures["tag"]["on_pages"] = _classes(truth, scores, TAGS)
    figures["tag"] |= _sureness(truth, scores, TAGS, thresholds.unsure)
    for name in ("toxic", "urgent"):
        head = fitted[name]
        rows = judged_rows(head.examples)
        probability = head.unseen[rows, 1]
        raised = probability >= getattr(thresholds, name)
        figures[name] = _flag(head.examples.labels[rows] == "1", probability, raised)
    topic = fitted["topic"]
    figures["topic"] = _classes(topic.examples.labels, topic.unseen, topic.classes)
    figures["topic"]["top3"] = _rounded(_among(topic.examples.labels, topic.unseen, topic.classes, 3))
    own = topic.examples.weights >= CORPUS_WEIGHT
    if own.any() and not own.all():
        figures["topic"]["on_corpus"] = _classes(topic.examples.labels[own], topic.unseen[own], topic.classes)
    figures["settings"] = {
        name: {"strength": head.strength, "temperature": head.temperature, "rows": len(head.examples.labels)}
        for name, head in fitted.items()
    }
    return figures


def held_out(model: Model, rows: Sequence[Row], embedded: Embedded | None = None) -> Figures:
    """Of a whole model, on rows that it was not trained on; with `embedded` its careful reader's beside."""
    texts = [row.text for row in rows]
    figures = _judged(rows, model.judge(texts), model.thresholds.unsure)
    if embedded is not None and model.careful_name == embedded.name:
        judgements = model.judge_carefully(texts, embedded.embed(texts))
        figures["careful"] = _judged(rows, judgements, model.careful_unsure)
    return figures


def _judged(rows: Sequence[Row], judgements: Sequence[Judgement], unsure: float) -> Figures:
    figures: Figures = {"rows": len(rows)}
    tagged = [(row, judgement) for row, judgement in zip(rows, judgements, strict=True) if row.tag is not None]
    if tagged:
        truth = np.array([row.tag for row, _ in tagged])
        scores = np.array([[judgement.scores[name] for name in TAGS] for _, judgement in tagged])
        figures["tag"] = _classes(truth, scores, TAGS) | _sureness(truth, scores, TAGS, unsure)
    for name in ("toxic", "urgent"):
        known = np.array([getattr(row, name) is not None for row in rows])
        if known.any():
            labels = np.array([bool(getattr(row, name)) for row in rows])[known]
            raised = np.array([bool(getattr(judgement.flags, name)) for judgement in judgements])[known]
            figures[name] = _flag(labels, None, raised)
    topics = [
        (row.topic, judgement.topics)
        for row, judgement in zip(rows, judgements, strict=True)
        if row.topic is not None and row.tag in ("complaint", "question")
    ]
    if topics:
        first = [bool(told) and told[0].topic == topic for topic, told in topics]
        among = [topic in {one.topic for one in told} for topic, told in topics]
        figures["topic"] = {
            "rows": len(topics), "accuracy": _rounded(np.mean(first)), "top3": _rounded(np.mean(among))
        }  # fmt: skip
    return figures


def _classes(truth: NDArray[Any], unseen: NDArray[np.float64], classes: Sequence[str]) -> Figures:
    said = np.array(classes)[unseen.argmax(axis=1)]
    each = f1_score(truth, said, average=None, labels=list(classes), zero_division=0.0)
    present = np.isin(classes, truth)
    return {
        "rows": len(truth),
        "macro_f1": _rounded(each[present].mean()),
        "accuracy": _rounded((said == truth).mean()),
        "f1": {name: _rounded(score) for name, score in zip(classes, each, strict=True)},
    }


def called_spam(model: Model, rows: Sequence[Row]) -> Figures:
    """The share of texts, none of which is spam, that a model calls so."""
    said = [judgement.tag == "spam" for judgement in model.judge([row.text for row in rows])]
    return {"rows": len(rows), "false_spam": round(sum(said) / max(len(said), 1), 5)}


def _among(truth: NDArray[Any], scores: NDArray[np.float64], classes: tuple[str, ...], first: int) -> float:
    best = np.array(classes)[np.argsort(-scores, axis=1, kind="stable")[:, :first]]
    return float((best == truth[:, None]).any(axis=1).mean())


def _flag(truth: NDArray[np.bool_], probability: NDArray[Any] | None, raised: NDArray[np.bool_]) -> Figures:
    precision, recall, f1, _ = precision_recall_fscore_support(truth, raised, average="binary", zero_division=0.0)
    figures = {
        "rows": len(truth),
        "positive": int(truth.sum()),
        "precision": _rounded(precision),
        "recall": _rounded(recall),
        "f1": _rounded(f1),
    }
    if probability is not None and truth.any():
        figures["average_precision"] = _rounded(average_precision_score(truth, probability))
    return figures


def _sureness(truth: NDArray[Any], unseen: NDArray[np.float64], classes: Sequence[str], threshold: float) -> Figures:
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
