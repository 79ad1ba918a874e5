"""Drift: how far the last comments, and what the model says of them, are from its reference."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from services.classifier.judgement import Judgement
from services.classifier.life.reference import EDGES, Lexicon, Reference, Values, binned, measured
from shared.obs import metrics

WINDOW = 2_000
"""Comments that are looked back on."""
ENOUGH = 200
"""Comments from which on an index says something: below, chance alone exceeds 0.1."""
SHARES = {"disguised": 0.5, "foreign": 0.5}
"""Measures of which the share of comments above this value is told."""
MEANS = ("unknown", "confidence")


def stability_index(expected: Sequence[float], seen: Sequence[float]) -> float:
    """The population stability index of two sets of counts over the same bins: 0 for the same shares.

    The sum of (q - p) ln(q / p); half a comment is added to each bin, so that an empty one costs no infinity. By custom
    (credit scoring, since the 1990s) 0.1 is worth a look and 0.25 a change.
    """
    total_expected = sum(expected) + 0.5 * len(expected)
    total_seen = sum(seen) + 0.5 * len(seen)
    index = 0.0
    for one, other in zip(expected, seen, strict=True):
        p, q = (one + 0.5) / total_expected, (other + 0.5) / total_seen
        index += (q - p) * math.log(q / p)
    return index


class Drift:
    """The last WINDOW comments held against the live model's reference; without one, nothing is measured."""

    def __init__(self) -> None:
        self._reference: Reference | None = None
        self._lexicon: Lexicon | None = None
        self._model = ""
        self._places: dict[str, NDArray[np.uint8]] = {}
        self._values: dict[str, NDArray[np.float32]] = {}
        self._count = 0

    def switch(self, model: str, reference: Reference | None) -> None:
        """Begins anew, for another model."""
        self._model = model
        self._reference = reference
        self._lexicon = None if reference is None else Lexicon(reference.words)
        self._places = {name: np.zeros(WINDOW, dtype=np.uint8) for name in EDGES}
        self._values = {name: np.zeros(WINDOW, dtype=np.float32) for name in (*SHARES, *MEANS)}
        self._count = 0
        metrics.DRIFT_INDEX.clear()
        metrics.DRIFT_INPUT.clear()

    def lexicon_for(self, model: str) -> Lexicon | None:
        """What `measure` needs; None where comments judged by `model` are not to be measured."""
        return self._lexicon if model == self._model else None

    @staticmethod
    def measure(texts: Sequence[str], judgements: Sequence[Judgement], lexicon: Lexicon) -> Values:
        """The part that takes time; may be done in another thread."""
        return measured(texts, judgements, lexicon)

    def add(self, model: str, values: Values) -> None:
        """Takes in what was measured; forgets what was judged by another model than the present one."""
        if model != self._model or self._reference is None:
            return
        size = len(values["length"])
        slots = (self._count + np.arange(size)) % WINDOW
        for name, places in binned(values).items():
            self._places[name][slots] = places
        for name, kept in self._values.items():
            kept[slots] = values[name]
        self._count += size

    def indices(self) -> dict[str, float]:
        """The index of each measure; empty until ENOUGH comments were seen, or without a reference."""
        filled = min(self._count, WINDOW)
        if self._reference is None or filled < ENOUGH or self._reference.rows < ENOUGH:
            return {}
        found = {}
        for name, expected in self._reference.bins.items():
            seen = np.bincount(self._places[name][:filled], minlength=len(expected))
            found[name] = round(stability_index(expected, seen.tolist()), 4)
        return found

    def tell(self) -> None:
        """Brings the metrics up to date."""
        for name, index in self.indices().items():
            metrics.DRIFT_INDEX.labels(measure=name).set(index)
        filled = min(self._count, WINDOW)
        if not filled:
            return
        for name in MEANS:
            metrics.DRIFT_INPUT.labels(measure=name).set(float(self._values[name][:filled].mean()))
        for name, border in SHARES.items():
            metrics.DRIFT_INPUT.labels(measure=name).set(float((self._values[name][:filled] > border).mean()))
