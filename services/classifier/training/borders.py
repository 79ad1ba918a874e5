"""Where the borders lie: thresholds chosen on rows that a head has not seen, by what an operator asks for."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np
from numpy.typing import NDArray

from services.classifier.judgement import Border, Thresholds
from services.classifier.model import TAGS
from services.classifier.training.heads import Fitted, as_on_pages, judged_rows
from services.classifier.training.rows import Row

SURE_ACCURACY = 0.9
"""Of the tags that are not `unsure`, at least so many are to be right."""
MAX_UNSURE = 0.2
"""But no more than this share of comments is to be looked at by a person only because the machine was unsure."""
FLAG_PRECISION = {"toxic": 0.35, "urgent": 0.25}
"""Of the comments that a flag is raised for, at least so many are to deserve it: a flag costs somebody a look, and a
missed danger costs more than a needless look."""
SPAM_PRECISIONS = (0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
"""What an operator can ask of a machine that acts on spam alone."""
SPAM_SHARE = 0.05
"""Of comments under pages: what precision is reckoned for. Our rows have five times as much."""
_HAM_NEEDED = 200
"""Rows that are no spam, at least, for a border to be told at all."""


class TagsUnseen:
    """What spam and tag heads together say of rows with a known tag that neither had seen: `scores` is n x 4 in the
    order of TAGS, `truth` the right tags, `streamlike` tells which rows are real ones."""

    def __init__(self, spam: Fitted, tag: Fitted, rows: Sequence[Row]) -> None:
        known = np.array([rows[place].tag is not None for place in spam.examples.places])
        places = spam.examples.places[known]
        self.truth = np.array([rows[place].tag for place in places])
        self.streamlike = spam.examples.streamlike[known]
        self._asking = spam.examples.asking[known]
        likely = np.zeros((len(rows), len(tag.classes)))
        # What is spam was never shown to the tag head.
        outputs = spam.examples.matrix[known] @ tag.coefficients.T + tag.intercepts
        powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        likely[places] = powers / powers.sum(axis=1, keepdims=True)
        likely[tag.examples.places] = tag.unseen
        chance = spam.unseen[known, 1]
        self.scores = np.zeros((len(places), len(TAGS)))
        for column, name in enumerate(tag.classes):
            self.scores[:, TAGS.index(name)] = likely[places, column] * (1 - chance)
        self.scores[:, TAGS.index("spam")] = chance

    def mean_with(self, other: TagsUnseen) -> TagsUnseen:
        """The same rows with the mean of both scores: what the careful reader says is the mean with the fast one."""
        if not np.array_equal(self.truth, other.truth):
            raise ValueError("not the same rows")
        mean = copy(self)
        mean.scores = (self.scores + other.scores) / 2
        return mean

    def judged(self) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
        """Truth and scores of real rows, or of all where there are none."""
        rows = self._real()
        return self.truth[rows], self.scores[rows]

    def weights(self) -> NDArray[np.float64]:
        """Of the rows that `judged` returns, for questions to be as rare among them as under real pages."""
        return as_on_pages(self._asking[self._real()])

    def _real(self) -> NDArray[np.bool_]:
        return self.streamlike if self.streamlike.any() else np.ones(len(self.truth), dtype=bool)


def choose_thresholds(tags: TagsUnseen, spam: Fitted, toxic: Fitted, urgent: Fitted) -> Thresholds:
    """All of them, from rows of the stream where there are enough, else from all."""
    return Thresholds(
        unsure=choose_unsure(*tags.judged(), tags.weights()),
        toxic=_flag(toxic),
        urgent=_flag(urgent),
        spam=_spam_borders(spam),
    )


def choose_unsure(
    truth: NDArray[np.str_], scores: NDArray[np.float64], weights: NDArray[np.float64] | None = None
) -> float:
    """The lowest confidence from which on SURE_ACCURACY is reached, or the one that MAX_UNSURE still allows; `weights`
    rescale the rows to another population."""
    weights = np.ones(len(truth)) if weights is None else weights
    confidence = scores.max(axis=1)
    right = np.array(TAGS)[scores.argmax(axis=1)] == truth
    highest = 0.0
    for threshold in (hundredth / 100 for hundredth in range(25, 100)):
        sure = confidence >= threshold
        if weights[sure].sum() < (1 - MAX_UNSURE) * weights.sum():
            break
        highest = threshold
        if weights[sure & right].sum() >= SURE_ACCURACY * weights[sure].sum():
            break
    return highest


def highest_recall(
    truth: NDArray[np.bool_],
    probability: NDArray[np.float64],
    precision: float,
    weights: NDArray[np.float64] | None = None,
) -> Border | None:
    """The lowest threshold, of four places, from which on at least `precision` of what lies above is true, hence the
    highest recall; None where there is none. `weights` rescale the rows to another population."""
    weights = np.ones(len(truth)) if weights is None else weights
    thresholds = np.unique(np.floor(probability * 10_000) / 10_000)
    order = np.argsort(probability, kind="stable")
    above = np.searchsorted(probability[order], thresholds)
    good = _left(np.where(truth, weights, 0.0)[order])[above]
    everything = _left(weights[order])[above]
    met = np.flatnonzero((good > 0) & (good >= precision * everything))
    if not met.size:
        return None
    recall = float(good[met[0]] / weights[truth].sum())
    return Border(precision=precision, threshold=float(thresholds[met[0]]), recall=round(min(recall, 1.0), 4))


def _left(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum from each place to the end, and behind the end."""
    return np.append(np.cumsum(values[::-1])[::-1], 0.0)


def _flag(flag: Fitted) -> float:
    rows = judged_rows(flag.examples)
    truth, probability = flag.examples.labels[rows] == "1", flag.unseen[rows, 1]
    border = highest_recall(truth, probability, FLAG_PRECISION.get(flag.spec.name, 0.5))
    return _best_f1(truth, probability) if border is None else border.threshold


def _best_f1(truth: NDArray[np.bool_], probability: NDArray[np.float64]) -> float:
    best, chosen = -1.0, 0.5
    for threshold in (hundredth / 100 for hundredth in range(5, 96)):
        raised = probability >= threshold
        score = 2 * float((raised & truth).sum()) / max(float(raised.sum() + truth.sum()), 1.0)
        if score > best:
            best, chosen = score, threshold
    return chosen


def _spam_borders(spam: Fitted) -> tuple[Border, ...]:
    truth = spam.examples.labels == "1"
    real = spam.examples.real & ~truth
    # The corpus is full of what only looks like spam: as many of them as no page has.
    rows = truth | real if real.sum() >= _HAM_NEEDED else np.ones(len(truth), dtype=bool)
    truth, probability = truth[rows], spam.unseen[rows, 1]
    if (~truth).sum() < _HAM_NEEDED:
        return ()
    wanted = SPAM_SHARE / (1 - SPAM_SHARE) * (~truth).sum() / truth.sum()
    weights = np.where(truth, wanted, 1.0)
    found = (highest_recall(truth, probability, precision, weights) for precision in SPAM_PRECISIONS)
    return tuple(border for border in found if border is not None)
