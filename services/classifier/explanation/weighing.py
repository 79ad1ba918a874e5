"""Why the fast reader judged a comment as it did: which words spoke for and against each answer, and how strongly.

A head is linear, so its output is a sum: the intercept, a part for each n-gram of the text and one for each measure of
how it is written. An n-gram's part is spread evenly over the characters it covers, and added up over the words of the
text as it was written. Nothing is approximated: the parts add up to the output that the model judges by.

The careful reader is not explained: its part is a direction in the space of an embedding, which no word owns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier.explanation.reason import (
    Disguised,
    Explanation,
    HeadName,
    PersonalDatum,
    Reason,
    Signal,
    Span,
)  # fmt: skip
from services.classifier.features import SIGNALS, CommentFeatures, Grams
from services.classifier.heads import Weights
from services.classifier.model import Model
from services.classifier.personal import personal_spans
from services.classifier.spelling import letters
from services.classifier.spelling.origins import Traced, clean_with_origins, normal_with_origins

MAX_SPANS = 10
"""Spans that are named on either side, unless another number is asked for."""
PLACES = 4
"""Figures after the point."""

Parts = NDArray[np.float64]


def explain(
    model: Model, text: str, *, heads: Sequence[HeadName] = ("spam", "tag"), most: int = MAX_SPANS
) -> Explanation:
    """Why `model`, reading fast, judges `text` so. Takes any `str`; linear in its length."""
    judgement = model.judge([text])[0]
    traced = clean_with_origins(text)
    measured = model.features.batch([text]).signals[0].astype(np.float64)
    reasons: dict[HeadName, tuple[Reason, ...]] = {}
    for name in heads:
        head = model.heads[name]
        places = list(range(head.intercepts.size))
        if name == "topic":
            places = [head.classes.index(topic.topic) for topic in judgement.topics]
        words, elsewhere = _parts(model.features, traced, head, places)
        reasons[name] = tuple(
            Evidence(
                spans=list(words),
                parts=np.array([part[column] for part in words.values()]),
                signals=measured * head.signals[:, place] if head.signals.size else np.zeros(0),
                intercept=float(head.intercepts[place]),
                elsewhere=float(elsewhere[column]),
            ).reason(head.classes[place] if len(places) > 1 else name, text, most)
            for column, place in enumerate(places)
        )
    normal, origins = normal_with_origins(text)
    return Explanation(
        judgement=judgement,
        reasons=reasons,
        disguised=tuple(sorted(_disguised(text, traced), key=lambda word: (word.start, word.how))),
        personal_data=tuple(
            PersonalDatum(start=int(origins[found.start, 0]), stop=int(origins[found.stop - 1, 1]), datum=found.datum)
            for found in personal_spans(normal)
        ),
    )


def _parts(
    features: CommentFeatures, traced: Traced, head: Weights, places: list[int]
) -> tuple[dict[tuple[int, int], Parts], Parts]:
    """What each word of the text added to the outputs at `places`, and what belongs to no word."""
    codes = traced.cleaned.codes
    solid = (codes != ord(" ")) & (codes != ord(letters.BREAK))
    before = np.concatenate([[0], np.cumsum(solid)])
    changes = np.zeros((len(codes) + 1, len(places)))
    elsewhere = np.zeros(len(places))
    for grams, block in zip(features.grams(traced.cleaned), (head.chars, head.words), strict=True):
        if len(block) and places:
            parts = grams.values[:, None].astype(np.float64) * block[grams.columns][:, places]
            elsewhere += _spread(grams, parts, before, changes)
    return _by_word(traced, np.cumsum(changes, axis=0)[:-1] * solid[:, None]), elsewhere


def _spread(grams: Grams, parts: Parts, before: NDArray[np.int64], changes: Parts) -> Parts:
    """Adds to `changes`, whose running sum is each code's share; returns what has no code to lie on."""
    covered = before[grams.stops] - before[grams.starts]
    shares = parts / np.maximum(covered, 1)[:, None]
    shares[covered == 0] = 0
    np.add.at(changes, grams.starts, shares)
    np.subtract.at(changes, grams.stops, shares)
    left: Parts = parts[covered == 0].sum(axis=0)
    return left


def _by_word(traced: Traced, parts: Parts) -> dict[tuple[int, int], Parts]:
    """The parts of all characters of a word added up: of a run of letters and figures, or of what else stands between
    spaces. Words that came from overlapping spans of the text are one."""
    codes = traced.cleaned.codes
    kind = np.where(letters.PART_OF[codes] != 0, 1, 2)
    kind[(codes == ord(" ")) | (codes == ord(letters.BREAK))] = 0
    starts = np.flatnonzero(np.diff(kind, prepend=0))
    words: dict[tuple[int, int], Parts] = {}
    if not starts.size:
        return words
    sums = np.add.reduceat(parts, starts)  # up to the next start; what lies between words weighs nothing
    last: tuple[int, int] = (0, 0)
    for place, start in enumerate(starts.tolist()):
        if not kind[start]:
            continue
        stop = int(starts[place + 1]) if place + 1 < len(starts) else len(codes)
        span = (int(traced.spans[start, 0]), int(traced.spans[stop - 1, 1]))
        if span[0] < last[1]:
            merged = (last[0], max(span[1], last[1]))
            words[merged], last = words.pop(last) + sums[place], merged
        else:
            words[span], last = sums[place], span
    return words


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that makes one output: their sum is the output itself."""

    spans: list[tuple[int, int]]
    parts: Parts
    """Of each span."""
    signals: Parts
    """Of each of SIGNALS, or none."""
    intercept: float
    elsewhere: float
    """Of n-grams that cover no word, as an empty text has."""

    def output(self) -> float:
        """What the head says."""
        return self.intercept + self.elsewhere + float(self.parts.sum()) + float(self.signals.sum())

    def reason(self, name: str, text: str, most: int) -> Reason:
        """The strongest of it, at most `most` spans on either side."""
        order = np.argsort(-np.abs(self.parts), kind="stable")
        towards = order[self.parts[order] > 0][:most].tolist()
        against = order[self.parts[order] < 0][:most].tolist()
        measured = [
            Signal(name=signal, weight=round(weight, PLACES))
            for signal, weight in zip(SIGNALS, self.signals.tolist(), strict=False)
            if round(abs(weight), PLACES)
        ]
        named = self.parts[towards].sum() + self.parts[against].sum()
        return Reason(
            name=name,
            output=round(self.output(), PLACES),
            intercept=round(self.intercept, PLACES),
            towards=tuple(_shown(text, self.spans[place], self.parts[place]) for place in towards),
            against=tuple(_shown(text, self.spans[place], self.parts[place]) for place in against),
            signals=tuple(sorted(measured, key=lambda signal: -abs(signal.weight))),
            rest=round(self.elsewhere + float(self.parts.sum() - named), PLACES),
        )


def _shown(text: str, span: tuple[int, int], weight: float) -> Span:
    return Span(start=span[0], stop=span[1], text=_printable(text[slice(*span)]), weight=round(float(weight), PLACES))


def _disguised(text: str, traced: Traced) -> Iterator[Disguised]:
    for how, spans in (("letters", traced.revealed), ("spacing", traced.joined)):
        for start, stop in spans.tolist():
            yield Disguised(
                start=start,
                stop=stop,
                text=_printable(text[start:stop]),
                read_as=traced.read_as((start, stop)),
                how="letters" if how == "letters" else "spacing",
            )


def _printable(text: str) -> str:
    """JSON cannot carry half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()
