"""How good a model is on rows it has not seen, as its card says it: of the figures of `evaluation` those that people
compare, without intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from services.classifier.judgement import Thresholds
from services.classifier.model import Model
from services.classifier.training.borders import TagsUnseen
from services.classifier.training.evaluation import measures
from services.classifier.training.evaluation.figures import Figures, figures_of, hits_figures, tag_figures
from services.classifier.training.evaluation.reading import Reading
from services.classifier.training.evaluation.sets import EvaluationSet
from services.classifier.training.examples import CORPUS_WEIGHT
from services.classifier.training.heads import Fitted, judged_rows
from services.classifier.training.rows import Row


def cross_validated(fitted: Mapping[str, Fitted], tags: TagsUnseen, thresholds: Thresholds) -> Figures:
    """Of each head, every row judged by a model that has not seen it; `on_pages` counts rows of real pages alone.

    Thresholds, and therefore flags and sureness, are measured where they were chosen: on rows of real pages, if any.
    """
    truth, scores = tags.judged()
    unsure = scores.max(axis=1) < thresholds.unsure
    on_pages = tag_figures(truth.tolist(), Reading(scores=scores, unsure=unsure))
    figures: Figures = {"tag": _tag(tag_figures(tags.truth.tolist(), Reading(scores=tags.scores)))}
    figures["tag"] |= {"on_pages": _tag(on_pages)} | _sureness(on_pages)
    for name in ("toxic", "urgent"):
        head = fitted[name]
        rows = judged_rows(head.examples)
        truth, probability = head.examples.labels[rows] == "1", head.unseen[rows, 1]
        figures[name] = _flag(hits_figures(truth, probability >= getattr(thresholds, name)))
        if truth.any():
            figures[name]["average_precision"] = _rounded(average_precision_score(truth, probability))
    topic = fitted["topic"]
    figures["topic"] = _topics(topic.examples.labels, topic.unseen, topic.classes)
    own = topic.examples.weights >= CORPUS_WEIGHT
    if own.any() and not own.all():
        on_corpus = _topics(topic.examples.labels[own], topic.unseen[own], topic.classes)
        figures["topic"]["on_corpus"] = {name: value for name, value in on_corpus.items() if name != "top3"}
    figures["settings"] = {
        name: {"strength": head.strength, "temperature": head.temperature, "rows": len(head.examples.labels)}
        for name, head in fitted.items()
    }
    return figures


def read_figures(measured: EvaluationSet, reading: Reading) -> Figures:
    """Of a whole model that has read a set: what `evaluate` says of it, as the card says it."""
    found = figures_of(measured, reading)
    figures: Figures = {"rows": found["rows"]}
    if "tag" in found:
        figures["tag"] = _tag(found["tag"]) | _sureness(found["tag"])
    figures |= {name: _flag(found[name]) for name in ("toxic", "urgent") if name in found}
    if "topic" in found:
        figures["topic"] = {name: found["topic"][name] for name in ("rows", "accuracy", "top3")}
    return figures


def called_spam(model: Model, rows: Sequence[Row]) -> Figures:
    """The share of texts, none of which is spam, that a model calls so."""
    said = [judgement.tag == "spam" for judgement in model.judge([row.text for row in rows])]
    return {"rows": len(rows), "false_spam": round(sum(said) / max(len(said), 1), 5)}


def _tag(found: Figures) -> Figures:
    figures = {name: found[name] for name in ("rows", "macro_f1", "accuracy")}
    return figures | {"f1": {tag: part["f1"] for tag, part in found["classes"].items()}}


def _sureness(found: Figures) -> Figures:
    return {
        "unsure_share": found["unsure"],
        "accuracy_when_sure": found["accuracy_when_sure"],
        "calibration_error": found["calibration_error"],
    }


def _flag(found: Figures) -> Figures:
    return {name: found[name] for name in ("rows", "positive", "precision", "recall", "f1") if name in found}


def _topics(truth: NDArray[Any], scores: NDArray[np.float64], classes: Sequence[str]) -> Figures:
    ranked = np.array(classes)[np.argsort(-scores, axis=1, kind="stable")]
    table = measures.confusion(truth.tolist(), ranked[:, 0].tolist(), classes)
    f1 = 2 * table.diagonal() / np.maximum(table.sum(axis=0) + table.sum(axis=1), 1)
    return {
        "rows": len(truth),
        "macro_f1": _rounded(measures.macro_f1(table)),
        "accuracy": _rounded((ranked[:, 0] == truth).mean()),
        "f1": {name: _rounded(score) for name, score in zip(classes, f1, strict=True)},
        "top3": _rounded((ranked[:, :3] == truth[:, None]).any(axis=1).mean()),
    }


def _rounded(value: float) -> float:
    return round(float(value), 4)
