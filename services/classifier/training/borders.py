"""Where the borders lie: thresholds chosen on rows that a head has not seen, by what an operator asks for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.classifier.judgement import Thresholds
from services.classifier.training.heads import Fitted

SURE_ACCURACY = 0.9
"""Of the tags that are not `unsure`, at least so many are to be right."""
MAX_UNSURE = 0.2
"""But no more than this share of comments is to be looked at by a person only because the machine was unsure."""


def choose_thresholds(tag: Fitted, toxic: Fitted, urgent: Fitted) -> Thresholds:
    """All three, from rows of the stream where there are any, else from all; in hundredths."""
    return Thresholds(unsure=_unsure(tag), toxic=_best_f1(toxic), urgent=_best_f1(urgent))


def judged_rows(head: Fitted) -> NDArray[np.bool_]:
    """The rows that thresholds and figures rest on."""
    stream = head.examples.streamlike
    return stream if stream.any() else np.ones(len(stream), dtype=bool)


def _unsure(tag: Fitted) -> float:
    rows = judged_rows(tag)
    confidence = tag.unseen[rows].max(axis=1)
    right = np.array(tag.classes)[tag.unseen[rows].argmax(axis=1)] == tag.examples.labels[rows]
    highest = 0.0
    for threshold in (hundredth / 100 for hundredth in range(25, 100)):
        sure = confidence >= threshold
        if sure.mean() < 1 - MAX_UNSURE:
            break
        highest = threshold
        if right[sure].mean() >= SURE_ACCURACY:
            break
    return highest


def _best_f1(flag: Fitted) -> float:
    rows = judged_rows(flag)
    probability = flag.unseen[rows, 1]
    truth = flag.examples.labels[rows] == "1"
    best, chosen = -1.0, 0.5
    for threshold in (hundredth / 100 for hundredth in range(5, 96)):
        raised = probability >= threshold
        score = 2 * float((raised & truth).sum()) / max(float(raised.sum() + truth.sum()), 1.0)
        if score > best:
            best, chosen = score, threshold
    return chosen
