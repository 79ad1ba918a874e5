"""Training from files to a written model and its card."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier.features import CommentFeatures, fingerprint, width
from services.classifier.manifest import Head, Manifest, write_model
from services.classifier.model import Model
from services.classifier.training.borders import choose_thresholds
from services.classifier.training.figures import Figures, cross_validated
from services.classifier.training.heads import SPECS, Fitted, examples_for, fit_head
from services.classifier.training.rows import Row, distinct

BITS = 16
"""Of a model in production; tests take fewer."""

Report = Callable[[str], None]


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """A model in memory, ready to be written, and how it did in cross-validation."""

    manifest: Manifest
    arrays: dict[str, NDArray[Any]]
    figures: Figures
    rows: int

    def model(self) -> Model:
        """As it will judge once written."""
        return Model(self.manifest, self.arrays)

    def write(self, folder: Path) -> Manifest:
        """Writes it; the manifest returned carries the version."""
        return write_model(folder, self.manifest, self.arrays)


def train(rows: Sequence[Row], *, bits: int = BITS, report: Report = lambda _: None) -> Training:
    """Fits every head on `rows`; the same rows in the same order give the same model.

    Raises TrainingError when the rows do not show enough of something.
    """
    rows = distinct(rows)
    # How rare an n-gram is, is learned from comments under pages alone: those whose tag is known.
    features = CommentFeatures(bits).fit([row.text for row in rows if row.tag is not None])
    fitted = []
    for spec in SPECS:
        report(f"{spec.name}: fitting")
        fitted.append(fit_head(spec, examples_for(spec, rows, features)))
    thresholds = choose_thresholds(*(head for head in fitted if head.spec.name != "topic"))
    arrays: dict[str, NDArray[Any]] = {"char_weights": features.char_weights_, "word_weights": features.word_weights_}
    heads = _pack([head for head in fitted if not head.spec.chars_only], "judgement_columns", arrays, bits)
    heads |= _pack([head for head in fitted if head.spec.chars_only], "topic_columns", arrays, bits)
    manifest = Manifest(
        version="",
        bits=bits,
        fingerprint=fingerprint(bits),
        heads=heads,
        thresholds=thresholds,
        arrays={},
    )
    return Training(manifest=manifest, arrays=arrays, figures=cross_validated(fitted, thresholds), rows=len(rows))


def _pack(heads: Iterable[Fitted], columns_name: str, arrays: dict[str, NDArray[Any]], bits: int) -> dict[str, Head]:
    """Adds the heads' arrays: their columns in common, without those that weigh nothing, as half-precision numbers."""
    heads = list(heads)
    halves = {head.spec.name: _full(head, bits).astype(np.float16) for head in heads}
    columns = np.flatnonzero(np.any([half.any(axis=1) for half in halves.values()], axis=0)).astype(np.int32)
    arrays[columns_name] = columns
    packed = {}
    for head in heads:
        name = head.spec.name
        arrays[f"{name}_weights"] = halves[name][columns]
        packed[name] = Head(
            classes=head.classes,
            intercepts=tuple(round(float(value), 5) for value in head.intercepts),
            columns=columns_name,
            weights=f"{name}_weights",
        )
    return packed


def _full(head: Fitted, bits: int) -> NDArray[np.float64]:
    full = np.zeros((width(bits), len(head.intercepts)))
    full[: head.coefficients.shape[1]] = head.coefficients.T
    return full
