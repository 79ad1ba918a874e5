"""Heads as they are applied: arrays of a model made ready, and what they say of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier.features import FeatureBatch, width
from services.classifier.manifest import Head, ModelError

Floats = NDArray[np.float32]


class Weights(msgspec.Struct, frozen=True):
    """A head as it is applied: a row for each column of its kind, a column for each output; a kind that weighs nothing
    has no rows."""

    classes: tuple[str, ...]
    chars: Floats
    words: Floats
    signals: Floats
    intercepts: Floats
    embedding: Floats


class Stack:
    """Heads side by side, so that a batch meets them all at once."""

    def __init__(self, heads: Sequence[Weights], rows: tuple[int, int, int, int]) -> None:
        """`rows` are those of the four kinds."""
        kinds = zip(
            rows,
            zip(*((head.chars, head.words, head.signals, head.embedding) for head in heads), strict=True),
            strict=True,
        )
        self._chars, self._words, self._signals, self._embedding = (_beside(*kind) for kind in kinds)
        self._intercepts = np.concatenate([head.intercepts for head in heads])

    def apply(self, batch: FeatureBatch, embeddings: Floats | None) -> Floats:
        """n x outputs, before any softmax."""
        outputs: Floats = batch.chars @ self._chars
        outputs += batch.words @ self._words
        outputs += batch.signals @ self._signals
        if embeddings is not None:
            outputs += embeddings @ self._embedding
        outputs += self._intercepts
        return outputs


def _beside(rows: int, parts: Sequence[Floats]) -> Floats:
    filled = [part if len(part) else np.zeros((rows, part.shape[1]), dtype=np.float32) for part in parts]
    return np.ascontiguousarray(np.concatenate(filled, axis=1))


def expect(arrays: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    array = arrays.get(name)
    if array is None or array.shape != shape:
        raise ModelError(f"array {name}: expected the shape {shape}, found {None if array is None else array.shape}")
    if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
        raise ModelError(f"array {name}: expected finite floating-point numbers, found {array.dtype}")
    return array


def weights_of(head: Head, arrays: dict[str, NDArray[Any]], bits: int, size: int) -> Weights:
    """The head with a weight for every column; columns not stored weigh nothing."""
    features = width(bits) + size
    outputs = len(head.intercepts)
    if outputs != (1 if len(head.classes) == 2 else len(head.classes)):
        raise ModelError(f"array {head.weights}: {outputs} outputs for {len(head.classes)} classes")
    columns = arrays.get(head.columns, np.empty(0))
    if (
        columns.dtype != np.int32
        or columns.ndim != 1
        or (columns.size and not 0 <= columns.min() <= columns.max() < features)
    ):
        raise ModelError(f"array {head.columns}: not a list of columns below {features}")
    stored = expect(arrays, head.weights, (len(columns), outputs))
    dense = np.zeros((features, outputs), dtype=np.float32)
    dense[columns] = stored
    parts = (part if part.any() else part[:0] for part in np.split(dense, [2**bits, 2 << bits, width(bits)]))
    chars, words, signals, embedding = (np.array(part) for part in parts)
    intercepts = np.array(head.intercepts, dtype=np.float32)
    return Weights(head.classes, chars, words, signals, intercepts, embedding)


def softmax(outputs: Floats) -> Floats:
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return cast("Floats", powers / powers.sum(axis=1, keepdims=True))


def logistic(output: Floats) -> Floats:
    return cast("Floats", 1.0 / (1.0 + np.exp(-np.clip(output, -60, 60))))
