"""Whoever reads comments, seen alike: our fast and careful readers, and the baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier.careful.embedding import Embedder
from services.classifier.careful.reading import read_carefully
from services.classifier.judgement import Judgement
from services.classifier.model import TAGS, Model

Advance = Callable[[int], None]
"""Told how many comments more have been read."""

FLAGS = ("toxic", "urgent", "personal_data")


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader says about n comments: `scores` is n x 4, the probabilities of TAGS in their order.

    The rest is empty where a reader knows nothing but tags.
    """

    scores: NDArray[np.float64]
    unsure: NDArray[np.bool_] | None = None
    flags: dict[str, NDArray[np.bool_]] = {}
    topics: tuple[tuple[str, ...], ...] | None = None
    """The likeliest ones, best first."""

    @property
    def said(self) -> list[str]:
        """The tag of each comment."""
        return [TAGS[place] for place in self.scores.argmax(axis=1).tolist()]

    @property
    def confidence(self) -> NDArray[np.float64]:
        """The probability of that tag."""
        highest: NDArray[np.float64] = self.scores.max(axis=1)
        return highest

    @property
    def spam(self) -> NDArray[np.float64]:
        """The probability of spam."""
        return self.scores[:, TAGS.index("spam")]

    def part(self, chosen: NDArray[Any]) -> Reading:
        """Of the comments chosen by index or mask."""
        topics = None
        if self.topics is not None:
            topics = tuple(self.topics[place] for place in np.arange(len(self.scores))[chosen].tolist())
        return Reading(
            scores=self.scores[chosen],
            unsure=None if self.unsure is None else self.unsure[chosen],
            flags={name: raised[chosen] for name, raised in self.flags.items()},
            topics=topics,
        )


class Reader(Protocol):
    """`name` stands over its column; `at_once` texts are read between two signs of progress."""

    @property
    def name(self) -> str:
        """Short."""

    @property
    def at_once(self) -> int:
        """At least 1."""

    def read(self, texts: Sequence[str]) -> Reading:
        """One line of the reading for each text."""


def read_all(reader: Reader, texts: Sequence[str], advance: Advance = lambda _: None) -> Reading:
    """All `texts`, part by part."""
    parts = []
    for start in range(0, len(texts), reader.at_once):
        part = texts[start : start + reader.at_once]
        parts.append(reader.read(part))
        advance(len(part))
    return joined(parts)


def joined(parts: Sequence[Reading]) -> Reading:
    """One reading of several, which all know the same."""
    first = parts[0]
    return Reading(
        scores=np.concatenate([part.scores for part in parts]),
        unsure=None if first.unsure is None else np.concatenate([p.unsure for p in parts if p.unsure is not None]),
        flags={name: np.concatenate([part.flags[name] for part in parts]) for name in first.flags},
        topics=None if first.topics is None else tuple(topics for part in parts for topics in part.topics or ()),
    )


class Fast:
    """The fast reader alone."""

    name = "fast"
    at_once = 1_024

    def __init__(self, model: Model) -> None:
        self._model = model

    def read(self, texts: Sequence[str]) -> Reading:
        """As `Model.judge`."""
        return judged(self._model.judge(texts))


class Careful:
    """Both readers, as slow as the careful one is."""

    name = "careful"
    at_once = 16

    def __init__(self, model: Model, embedder: Embedder) -> None:
        self._model = model
        self._embedder = embedder

    def read(self, texts: Sequence[str]) -> Reading:
        """As `read_carefully`."""
        return judged(read_carefully(self._model, self._embedder, texts))


def judged(judgements: Sequence[Judgement]) -> Reading:
    """Judgements side by side."""
    return Reading(
        scores=np.array([[one.scores[tag] for tag in TAGS] for one in judgements], dtype=np.float64).reshape(-1, 4),
        unsure=np.array([one.unsure for one in judgements], dtype=bool),
        flags={name: np.array([bool(getattr(one.flags, name)) for one in judgements], dtype=bool) for name in FLAGS},
        topics=tuple(tuple(topic.topic for topic in one.topics) for one in judgements),
    )
