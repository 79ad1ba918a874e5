"""Figures from counts and probabilities, each with how far chance may have moved it; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import precision_recall_curve

BINS = 15
Z = 1.959964
"""Standard deviations that hold 95 % of a normal distribution."""
ROUNDS = 2_000
"""Resamplings of the bootstrap."""
SEED = 20_260_101
BAND_PRECISION = 0.995
"""Of the automatic band: what is spam without a person having looked."""
SPAM_SHARE = 0.1
"""Of a stream, for the band on files that hold far more spam than a page does."""

Interval = tuple[float, float]


def wilson(hits: int, of: int) -> Interval:
    """The 95 % interval of a share (Wilson, 1927); the whole of 0 to 1 where nothing was counted."""
    if of == 0:
        return 0.0, 1.0
    share, square = hits / of, Z * Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = Z / (1 + square / of) * math.sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)


def confusion(truth: Sequence[str], said: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """How often each true class (rows) was called each class (columns)."""
    place = {name: index for index, name in enumerate(classes)}
    table = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for true, called in zip(truth, said, strict=True):
        table[place[true], place[called]] += 1
    return table


def macro_f1(table: NDArray[np.int64]) -> float:
    """The mean F1 of the classes that occur in truth."""
    return float(_macro_f1(table[np.newaxis])[0])


def macro_f1_interval(table: NDArray[np.int64], *, seed: int = SEED) -> Interval:
    """The middle 95 % of macro-F1 over bootstrap resamples of the comments; the same for the same table and seed.

    Drawing comments with replacement is drawing the cells of the confusion from their multinomial distribution.
    """
    total = int(table.sum())
    if total == 0:
        return 0.0, 1.0
    draws = np.random.default_rng(seed).multinomial(total, table.ravel() / total, size=ROUNDS)
    low, high = np.quantile(_macro_f1(draws.reshape(-1, *table.shape)), [0.025, 0.975])
    return float(low), float(high)


def _macro_f1(tables: NDArray[np.int64]) -> NDArray[np.float64]:
    right = np.diagonal(tables, axis1=1, axis2=2)
    true, called = tables.sum(axis=2), tables.sum(axis=1)
    f1 = 2 * right / np.maximum(true + called, 1)
    present = true > 0
    return cast("NDArray[np.float64]", (f1 * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1))


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """The judgements whose confidence lies between `low` and `high`: how sure they were and how often right."""

    low: float
    high: float
    rows: int
    confidence: float
    right: float


def reliability(confidence: NDArray[Any], right: NDArray[np.bool_], bins: int = BINS) -> list[Bin]:
    """Bins of equal width that have any judgement; a confidence on an edge belongs to the bin above, 1 to the last."""
    places = np.minimum((np.asarray(confidence) * bins).astype(int), bins - 1)
    found = []
    for place in range(bins):
        inside = places == place
        if inside.any():
            found.append(
                Bin(
                    low=place / bins,
                    high=(place + 1) / bins,
                    rows=int(inside.sum()),
                    confidence=float(np.mean(confidence[inside])),
                    right=float(np.mean(right[inside])),
                )
            )
    return found


def calibration_error(confidence: NDArray[Any], right: NDArray[np.bool_], bins: int = BINS) -> float:
    """ECE: how far confidence and share of right judgements lie apart, on average over all (Guo et al., 2017)."""
    total = len(confidence)
    return sum(bin.rows / total * abs(bin.confidence - bin.right) for bin in reliability(confidence, right, bins))


class Band(msgspec.Struct, frozen=True, kw_only=True):
    """From `threshold` on the share of spam is at least what was asked; `recall` of all spam lies there.

    Where no threshold does it, `recall` is 0 and `threshold` above 1.
    """

    threshold: float
    recall: float
    precision: float
    rows: int


def band(
    score: NDArray[Any], spam: NDArray[np.bool_], precision: float = BAND_PRECISION, *, share: float | None = None
) -> Band:
    """The widest band at `precision`; `score` is the probability of spam. Chosen and measured on the same rows.

    `share` is how much of a real stream is spam, where these rows have more or less of it.
    """
    if not spam.any():
        return Band(threshold=2.0, recall=0.0, precision=0.0, rows=0)
    weights = None
    if share is not None and not spam.all():
        weights = np.where(spam, share / spam.sum(), (1 - share) / (~spam).sum())
    precisions, recalls, thresholds = precision_recall_curve(spam, score, sample_weight=weights)
    fit = np.flatnonzero(precisions[:-1] >= precision)
    if not fit.size or recalls[fit[0]] == 0:
        return Band(threshold=2.0, recall=0.0, precision=0.0, rows=0)
    best = fit[0]  # thresholds rise, recalls fall
    return Band(
        threshold=float(thresholds[best]),
        recall=float(recalls[best]),
        precision=float(precisions[best]),
        rows=int((score >= thresholds[best]).sum()),
    )
