"""A loaded model: judges comments. Pure; any number of threads may use one model at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from services.classifier.features import CommentFeatures, FeatureBatch, fingerprint, width
from services.classifier.judgement import MAX_TOPICS, Judgement, Thresholds
from services.classifier.letters import Kind
from services.classifier.manifest import Head, Manifest, ModelError, read_model
from services.classifier.personal import personal_data
from shared.events import Flags, Tag, TopicScore
from shared.topics import OTHER, TOPIC_IDS

DEFAULT_MODEL = Path(__file__).parent / "models" / "default"
"""The model that comes with the program."""

SLICE_TEXTS = 256
SLICE_CHARACTERS = 262_144
"""What is judged at once, at most: more would not be faster, and this bounds the memory: 100 MB for what people write,
250 MB where every character is one that NFKC takes apart into eighteen (U+FDFA)."""

HEADS = ("tag", "toxic", "urgent", "topic")
TAGS: tuple[Tag, ...] = get_args(Tag)

Floats = NDArray[np.float32]


MIN_LETTERS = 3
"""Letters from which on a text can be toxic or urgent: the shortest such words have as many."""
_LETTERS = [Kind.LOWER, Kind.UPPER, Kind.LATIN, Kind.LATIN_UPPER]


class Model:
    """`version` names it in every event. Build one with `load`."""

    def __init__(self, manifest: Manifest, arrays: dict[str, NDArray[Any]]) -> None:
        """Raises ModelError where the parts do not fit one another or this program."""
        self.version = manifest.version
        self.thresholds: Thresholds = manifest.thresholds
        _check(manifest)
        bits = manifest.bits
        self.features = CommentFeatures(bits)
        self.features.char_weights_ = _expect(arrays, "char_weights", (2**bits,))
        self.features.word_weights_ = _expect(arrays, "word_weights", (2**bits,))
        weights = [_dense(manifest.heads[name], arrays, width(bits)) for name in HEADS]
        self._outputs = np.cumsum([0, *(part.shape[1] for part in weights)])
        # Of all heads side by side; topics come last and look at characters alone, so that words need not carry them.
        self._chars = np.ascontiguousarray(np.concatenate([part[: 2**bits] for part in weights], axis=1))
        few = int(self._outputs[-1]) if weights[-1][2**bits :].any() else int(self._outputs[-2])
        rest = np.concatenate([part[2**bits :] for part in weights], axis=1)[:, :few]
        self._words = np.ascontiguousarray(rest[: 2**bits])
        self._signals = np.ascontiguousarray(rest[2**bits :])
        self._few = few
        self._intercepts = np.concatenate(
            [np.array(manifest.heads[name].intercepts, dtype=np.float32) for name in HEADS]
        )
        self._tag_chars = np.ascontiguousarray(self._chars[:, : self._outputs[1]])
        self._tag_words = np.ascontiguousarray(self._words[:, : self._outputs[1]])
        self._tags = cast("list[Tag]", list(manifest.heads["tag"].classes))
        self._topics = list(manifest.heads["topic"].classes)

    @classmethod
    def load(cls, folder: Path = DEFAULT_MODEL) -> Model:
        """The model in `folder`, every array's hash checked; raises ModelError, which names what is wrong."""
        manifest, arrays = read_model(folder)
        return cls(manifest, arrays)

    def judge(self, texts: Sequence[str]) -> list[Judgement]:
        """One judgement for each text, in order. Takes any `str`; a text's judgement does not depend on the others."""
        judgements: list[Judgement] = []
        for part in _slices(texts):
            judgements.extend(self._judge(part))
        return judgements

    def probabilities(self, texts: Sequence[str]) -> dict[str, Floats]:
        """For each head the probability of each class (of the second one alone, where there are two)."""
        return self._probabilities(self.features.batch(texts))

    def tag_scores(self, texts: Sequence[str]) -> Floats:
        """The tag head alone, for measuring: n x 4 outputs before the softmax."""
        batch = self.features.batch(texts)
        last = int(self._outputs[1])
        outputs: Floats = batch.chars @ self._tag_chars + batch.words @ self._tag_words
        outputs += batch.signals @ self._signals[:, :last] + self._intercepts[:last]
        return outputs

    def _probabilities(self, batch: FeatureBatch) -> dict[str, Floats]:
        outputs = batch.chars @ self._chars
        outputs[:, : self._few] += batch.words @ self._words
        outputs[:, : self._few] += batch.signals @ self._signals
        outputs += self._intercepts
        parts = np.split(outputs, self._outputs[1:-1], axis=1)
        return {
            name: _softmax(part) if part.shape[1] > 1 else _logistic(part[:, 0])
            for name, part in zip(HEADS, parts, strict=True)
        }

    def _judge(self, texts: Sequence[str]) -> list[Judgement]:
        batch = self.features.batch(texts)
        probabilities = self._probabilities(batch)
        scores = np.round(probabilities["tag"].astype(np.float64), 4)
        best = scores.argmax(axis=1)
        topics = np.round(probabilities["topic"].astype(np.float64), 4)
        likeliest = np.argsort(-topics, axis=1, kind="stable")[:, :MAX_TOPICS]
        certainty = np.take_along_axis(topics, likeliest, axis=1)
        toxic = probabilities["toxic"] >= self.thresholds.toxic
        # Of a text without words the heads know nothing but how short it is; that must not put it before all others.
        worded = batch.counts[:, _LETTERS].sum(axis=1) >= MIN_LETTERS
        toxic &= worded
        urgent = (probabilities["urgent"] >= self.thresholds.urgent) & worded
        personal = personal_data(texts, batch.counts)
        flags = [
            Flags(toxic=row[0], urgent=row[1], personal_data=row[2])
            for row in np.stack([toxic, urgent, personal], axis=1).tolist()
        ]
        rows = zip(best.tolist(), scores.tolist(), self._named(likeliest, certainty), flags, strict=True)
        return [self._judgement(*row) for row in rows]

    def _named(self, places: NDArray[np.intp], scores: NDArray[Any]) -> Iterator[tuple[TopicScore, ...]]:
        for row, values in zip(places.tolist(), scores.tolist(), strict=True):
            yield tuple(
                TopicScore(topic=self._topics[place], score=score) for place, score in zip(row, values, strict=True)
            )

    def _judgement(self, best: int, scores: list[float], topics: tuple[TopicScore, ...], flags: Flags) -> Judgement:
        tag = self._tags[best]
        if tag == "spam":
            topics = ()
        return Judgement(
            tag=tag,
            scores=dict(zip(self._tags, scores, strict=True)),
            confidence=scores[best],
            unsure=scores[best] < self.thresholds.unsure,
            topic=topics[0].topic if topics else OTHER,
            topics=topics,
            flags=flags,
        )


def _check(manifest: Manifest) -> None:
    name = f"model {manifest.version}" if manifest.version else "this model"
    missing = [head for head in HEADS if head not in manifest.heads]
    if missing:
        raise ModelError(f"{name}: no head {', '.join(missing)}")
    if sorted(manifest.heads["tag"].classes) != sorted(TAGS):
        raise ModelError(f"{name}: its tags are not {', '.join(TAGS)}")
    for flag in ("toxic", "urgent"):
        if manifest.heads[flag].classes != ("0", "1"):
            raise ModelError(f"{name}: {flag} does not say no or yes, 0 or 1")
    topics = manifest.heads["topic"].classes
    if len(set(topics)) != len(topics) or len(topics) < MAX_TOPICS:
        raise ModelError(f"{name}: at least {MAX_TOPICS} different topics are needed, its are {', '.join(topics)}")
    unknown = set(topics) - TOPIC_IDS
    if unknown:
        raise ModelError(f"{name}: unknown topics {', '.join(sorted(unknown))}")
    if manifest.fingerprint != fingerprint(manifest.bits):
        raise ModelError(
            f"{name}: trained with another version of the text features; train it anew with "
            "`python -m services.classifier train`"
        )


def _expect(arrays: dict[str, NDArray[Any]], name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    array = arrays.get(name)
    if array is None or array.shape != shape:
        raise ModelError(f"array {name}: expected the shape {shape}, found {None if array is None else array.shape}")
    if not np.issubdtype(array.dtype, np.floating) or not np.isfinite(array).all():
        raise ModelError(f"array {name}: expected finite floating-point numbers, found {array.dtype}")
    return array


def _dense(head: Head, arrays: dict[str, NDArray[Any]], features: int) -> Floats:
    """The head's weights for every column; columns not stored weigh nothing."""
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
    weights = _expect(arrays, head.weights, (len(columns), outputs))
    dense = np.zeros((features, outputs), dtype=np.float32)
    dense[columns] = weights
    return dense


def _slices(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start, size = 0, 0
    for index, text in enumerate(texts):
        if index > start and (index - start >= SLICE_TEXTS or size + len(text) > SLICE_CHARACTERS):
            yield texts[start:index]
            start, size = index, 0
        size += len(text)
    if start < len(texts):
        yield texts[start:]


def _softmax(outputs: Floats) -> Floats:
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return cast("Floats", powers / powers.sum(axis=1, keepdims=True))


def _logistic(output: Floats) -> Floats:
    return cast("Floats", 1.0 / (1.0 + np.exp(-np.clip(output, -60, 60))))
