"""An evaluation as tables, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from services.classifier.model import TAGS
from services.classifier.training.disguises import DISGUISES
from services.classifier.training.evaluation.robustness import AVERAGE, PLAIN
from services.classifier.training.evaluation.run import TOGETHER

Figures = Mapping[str, Any]
NONE = "–"


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """`head[0]` stands over the lines' names."""

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]


def tables(figures: Figures) -> Iterator[Table]:
    """All of an evaluation's figures that people read, set by set."""
    for name, found in figures["sets"].items():
        yield from _of_set(name, found)
    if TOGETHER in figures:
        readers = figures[TOGETHER]
        yield _columns("All files as one stream", _SPAM, {name: {"spam": part} for name, part in readers.items()})


_TAG = (
    ("macro-F1", "tag", "macro_f1", "interval"),
    ("accuracy", "tag", "accuracy", "share"),
    ("calibration error (ECE)", "tag", "calibration_error", "share"),
    ("unsure, % of comments", "tag", "unsure", "percent"),
    ("accuracy when sure", "tag", "accuracy_when_sure", "share"),
)
_SPAM = (
    ("spam: recall", "spam", "recall", "interval"),
    ("spam: precision", "spam", "precision", "interval"),
    ("false spam, % of the rest", "spam", "false", "percent interval"),
    ("spam: average precision", "spam", "average_precision", "share"),
    ("spam: recall at precision ≥ 0.995", "spam", "band_recall", "share"),
    ("the same if one in ten were spam", "spam", "band_recall_at_tenth", "share"),
)
_REST = (
    ("toxic: precision", "toxic", "precision", "interval"),
    ("toxic: recall", "toxic", "recall", "interval"),
    ("urgent: precision", "urgent", "precision", "interval"),
    ("urgent: recall", "urgent", "recall", "interval"),
    ("personal data: precision", "personal_data", "precision", "interval"),
    ("personal data: recall", "personal_data", "recall", "interval"),
    ("topic: accuracy", "topic", "accuracy", "interval"),
    ("topic: among the first three", "topic", "top3", "interval"),
)
_SAID = tuple((f"called {tag}, % of comments", "said", tag, "percent") for tag in TAGS)


def _of_set(name: str, found: Figures) -> Iterator[Table]:
    readers = found["readers"]
    rows = next(iter(readers.values()))["rows"]
    yield _columns(f"{name}, {rows} comments", (*_TAG, *_SPAM, *_REST, *_SAID), readers)
    for reader, figures in readers.items():
        if "tag" in figures:
            yield _classes(f"{name}, {reader}: class by class", figures["tag"]["classes"])
    if found["disguised"]:
        yield from _disguised(f"{name}, {found['disguised_rows']} comments disguised", found["disguised"])


def _columns(title: str, measures: Sequence[tuple[str, str, str, str]], readers: Figures) -> Table:
    """A line for each measure that any reader has, a column for each reader."""
    lines = []
    for label, part, key, form in measures:
        cells = [_cell(figures.get(part, {}), key, form) for figures in readers.values()]
        if any(cell != NONE for cell in cells):
            lines.append((label, *cells))
    return Table(title=title, head=("", *readers), lines=tuple(lines))


def _classes(title: str, classes: Figures) -> Table:
    lines = [
        (
            tag,
            str(figures["rows"]),
            _cell(figures, "precision", "interval"),
            _cell(figures, "recall", "interval"),
            _cell(figures, "f1", "share"),
        )
        for tag, figures in classes.items()
        if figures["rows"]
    ]
    return Table(title=title, head=("tag", "comments", "precision", "recall", "F1"), lines=tuple(lines))


def _disguised(name: str, readers: Figures) -> Iterator[Table]:
    for label, key in (("macro-F1", "macro_f1"), ("spam recall", "spam_recall"), ("false spam", "false_spam")):
        if not all(key in figures[PLAIN] for figures in readers.values()):
            continue
        lines = [(PLAIN, *(f"{figures[PLAIN][key]:.3f}" for figures in readers.values()))]
        lines += [
            (disguise, *(_changed(figures, disguise, key) for figures in readers.values()))
            for disguise in (*DISGUISES, AVERAGE)
        ]
        title = f"{name}: {label} (and its change in points)"
        yield Table(title=title, head=("disguise", *readers), lines=tuple(lines))


def _changed(figures: Figures, disguise: str, key: str) -> str:
    after, before = figures[disguise][key], figures[PLAIN][key]
    return f"{after:.3f} ({100 * (after - before):+.1f})"


def _cell(figures: Figures, key: str, form: str) -> str:
    value = figures.get(key)
    if value is None:
        return NONE
    digits, scale = (2, 100.0) if form.startswith("percent") else (3, 1.0)
    text = f"{scale * value:.{digits}f}"
    if form.endswith("interval"):
        text += f" [{scale * figures[f'{key}_low']:.{digits}f}, {scale * figures[f'{key}_high']:.{digits}f}]"
    return text
