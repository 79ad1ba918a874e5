"""What a reading of a set is worth, as plain dicts of numbers; `docs/evaluation.md` says in words what each means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from services.classifier.model import TAGS
from services.classifier.training.evaluation import measures
from services.classifier.training.evaluation.reading import FLAGS, Reading
from services.classifier.training.evaluation.sets import EvaluationSet

Figures = dict[str, Any]


def figures_of(measured: EvaluationSet, reading: Reading) -> Figures:
    """All that the set's labels can tell: a part for each kind of label that occurs, and `said` in any case."""
    figures: Figures = {
        "rows": len(measured.rows),
        "said": {tag: _share(reading.said.count(tag), len(measured.rows)) for tag in TAGS},
    }
    tagged = np.array([row.tag is not None for row in measured.rows])
    if tagged.any():
        figures["tag"] = tag_figures([row.tag for row in measured.rows if row.tag is not None], reading.part(tagged))
    if any(known is not None for known in measured.spam):
        figures["spam"] = spam_figures(measured.spam, reading)
    for name in FLAGS:
        known = np.array([getattr(row, name) is not None for row in measured.rows])
        if known.any() and name in reading.flags:
            truth = np.array([bool(getattr(row, name)) for row in measured.rows])
            figures[name] = hits_figures(truth[known], reading.flags[name][known])
    # Topics are given to what must be answered; of what is neither question nor complaint they are nobody's business.
    topical = np.array([row.topic is not None and row.tag in (None, "question", "complaint") for row in measured.rows])
    if topical.any() and reading.topics is not None:
        topics = [
            row.topic for row, chosen in zip(measured.rows, topical.tolist(), strict=True) if chosen and row.topic
        ]
        figures["topic"] = _topic(topics, reading.part(topical))
    return figures


def tag_figures(truth: Sequence[str], reading: Reading) -> Figures:
    """Of comments whose tag is known."""
    said = reading.said
    table = measures.confusion(truth, said, TAGS)
    low, high = measures.macro_f1_interval(table)
    right = np.array([true == called for true, called in zip(truth, said, strict=True)])
    figures: Figures = {
        "rows": len(truth),
        "macro_f1": round(measures.macro_f1(table), 4),
        "macro_f1_low": round(low, 4),
        "macro_f1_high": round(high, 4),
        "accuracy": _share(int(right.sum()), len(right)),
        "calibration_error": round(measures.calibration_error(reading.confidence, right), 4),
        "classes": {tag: _class(table, place) for place, tag in enumerate(TAGS)},
        "confusion": {
            tag: dict(zip(TAGS, map(int, row), strict=True)) for tag, row in zip(TAGS, table.tolist(), strict=True)
        },
    }
    if reading.unsure is not None:
        sure = ~reading.unsure
        figures["unsure"] = _share(int(reading.unsure.sum()), len(sure))
        figures["accuracy_when_sure"] = _share(int(right[sure].sum()), int(sure.sum()))
    return figures


def spam_figures(spam: Sequence[bool | None], reading: Reading) -> Figures:
    """Spam against everything else, by `tag`; where spam and ham are both there, also what a threshold could do."""
    known = np.array([one is not None for one in spam])
    truth = np.array([bool(one) for one in spam])[known]
    reading = reading.part(known)
    figures = hits_figures(truth, np.array(reading.said) == "spam")
    if truth.any() and not truth.all():
        widest = measures.band(reading.spam, truth)
        figures |= {
            "average_precision": round(float(average_precision_score(truth, reading.spam)), 4),
            "band_recall": round(widest.recall, 4),
            "band_threshold": round(widest.threshold, 4),
            "band_rows": widest.rows,
            "band_recall_at_tenth": round(measures.band(reading.spam, truth, share=measures.SPAM_SHARE).recall, 4),
        }
    return figures


def hits_figures(truth: NDArray[np.bool_], raised: NDArray[np.bool_]) -> Figures:
    """Of a yes or no: `precision`, `recall` and `false` (the share of what is not so that is called so)."""
    figures: Figures = {"rows": len(truth), "positive": int(truth.sum())}
    hits, positive, called = int((truth & raised).sum()), int(truth.sum()), int(raised.sum())
    if positive:
        figures |= _interval("recall", hits, positive)
    if 0 < positive < len(truth):
        figures |= _interval("precision", hits, called)
        figures["f1"] = _share(2 * hits, positive + called)
    if positive < len(truth):
        figures |= _interval("false", called - hits, len(truth) - positive)
    return figures


def _topic(truth: Sequence[str], reading: Reading) -> Figures:
    first = sum(bool(said) and said[0] == true for true, said in zip(truth, reading.topics or (), strict=True))
    among = sum(true in said for true, said in zip(truth, reading.topics or (), strict=True))
    return {"rows": len(truth)} | _interval("accuracy", first, len(truth)) | _interval("top3", among, len(truth))


def _class(table: NDArray[np.int64], place: int) -> Figures:
    hits, true, called = int(table[place, place]), int(table[place].sum()), int(table[:, place].sum())
    figures: Figures = {"rows": true, "f1": _share(2 * hits, true + called)}
    return figures | _interval("precision", hits, called) | _interval("recall", hits, true)


def _interval(name: str, hits: int, of: int) -> Figures:
    low, high = measures.wilson(hits, of)
    return {name: _share(hits, of), f"{name}_low": round(low, 4), f"{name}_high": round(high, 4)}


def _share(hits: int, of: int) -> float:
    return round(hits / of, 4) if of else 0.0
