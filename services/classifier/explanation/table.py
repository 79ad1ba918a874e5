"""An explanation for people: what every word added to each answer, in columns that add up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from services.classifier.explanation.reason import Explanation, HeadName, Reason
from services.classifier.visible import visible

WORD = 40
"""Columns of a word, at most."""
OUTPUT = {
    "spam": "above 0: likelier than not",
    "tag": "if it is no spam; the highest wins",
    "topic": "the likeliest ones; the highest wins",
    "toxic": "above 0: likelier than not",
    "urgent": "above 0: likelier than not",
}


def told(text: str, explanation: Explanation, most: int) -> Iterator[str]:
    """Line by line. `explanation` is whole, with every span of its text; of them the `most` strongest are shown."""
    judgement = explanation.judgement
    yield " ".join(visible(text).split()) or "(no text)"
    scores = sorted(judgement.scores.items(), key=lambda item: -item[1])
    yield ", ".join(f"{tag} {score:.1%}" for tag, score in scores) + f"; topic {judgement.topic}"
    for word in explanation.disguised:
        yield f"disguised: {visible(word.text)} read as {visible(word.read_as)}"
    for datum in explanation.personal_data:
        yield f"personal data: {datum.datum}, {visible(text[datum.start : datum.stop])}"
    for head, reasons in explanation.reasons.items():
        yield ""
        yield from _table(head, reasons, most)


def _table(head: HeadName, reasons: Sequence[Reason], most: int) -> Iterator[str]:
    if not reasons:
        yield f"{head}: none is told of such a comment"
        return
    rows = list(_rows(reasons, most))
    width = max(len(name) for name, _ in rows)
    columns = [max(9, len(reason.name)) for reason in reasons]
    title = [reason.name.rjust(column) for reason, column in zip(reasons, columns, strict=True)]
    yield f"{head} ({OUTPUT[head]})"
    yield "  ".join([" " * width, *title])
    for name, parts in rows:
        cells = [f"{part:+.2f}".rjust(column) for part, column in zip(parts, columns, strict=True)]
        yield "  ".join([name.ljust(width), *cells])


def _rows(reasons: Sequence[Reason], most: int) -> Iterator[tuple[str, list[float]]]:
    """What is shown of the words, then all else that the output is made of, and the output."""
    words: dict[tuple[int, int], tuple[str, list[float]]] = {}
    signals: dict[str, list[float]] = {}
    nothing = [0.0] * len(reasons)
    for place, reason in enumerate(reasons):
        for span in (*reason.towards, *reason.against):
            words.setdefault((span.start, span.stop), (span.text, nothing.copy()))[1][place] = span.weight
        for signal in reason.signals:
            signals.setdefault(signal.name, nothing.copy())[place] = signal.weight
    ranked = sorted(words.values(), key=lambda word: -max(map(abs, word[1])))
    for word, parts in ranked[:most]:
        yield _short(word), parts
    rest = [reason.rest for reason in reasons]
    for _, parts in ranked[most:]:
        rest = [sum(pair) for pair in zip(rest, parts, strict=True)]
    if any(round(part, 2) for part in rest):
        yield "(all other words)", rest
    for name, parts in sorted(signals.items(), key=lambda item: -max(map(abs, item[1]))):
        if any(round(part, 2) for part in parts):
            yield f"(measure: {name})", parts
    yield "(without any word)", [reason.intercept for reason in reasons]
    yield "together", [reason.output for reason in reasons]


def _short(word: str) -> str:
    shown = " ".join(visible(word).split())
    return shown if len(shown) <= WORD else shown[: WORD - 1] + "…"
