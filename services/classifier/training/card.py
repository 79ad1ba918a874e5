"""The card beside a model: from what it was made, how well it does, and what it must not be used for."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec

from services.classifier.training.evaluation.figures import Figures
from services.classifier.training.rows import Source

LIMITS = (
    "Russian comments under official pages; what is in another language is named and unsure, and no spam for that.",
    "Judges a comment alone: a reply that only makes sense beside its post is often misread.",
    "The corpus was thought up by few authors; spam outside of it is known from invented examples alone.",
    "`urgent` misses dangers not called by their usual names: it may order a queue, never replace an emergency line.",
    "`toxic` knows open insult better than irony; it asks for a person's look and proves nothing about an author.",
    "`personal_data` rests on patterns of Russian formats, not on learning.",
    "Topics are the weakest part: treat them as a suggestion below a probability of about 0.5.",
)


class DataFile(msgspec.Struct, frozen=True, kw_only=True):
    """One file that a model was trained on."""

    name: str
    rows: int
    sha256: str
    licence: str


class Card(msgspec.Struct, frozen=True, kw_only=True):
    """All that is worth knowing about a model."""

    version: str
    data: tuple[DataFile, ...]
    distinct_rows: int
    labels: dict[str, dict[str, int]]
    cross_validated: Figures
    corpus_only: Figures
    held_out: Figures
    """Per file that was only measured on."""
    thresholds: dict[str, Any]
    environment: dict[str, str]
    limits: tuple[str, ...] = LIMITS


def environment() -> dict[str, str]:
    """The versions that the last bits of the weights depend on."""
    libraries = {name: version(name) for name in ("numpy", "scipy", "scikit-learn")}
    return {"python": platform.python_version(), "machine": platform.machine()} | libraries


def labels_of(sources: Sequence[Source]) -> dict[str, dict[str, int]]:
    """How often each label occurs."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("tag", "toxic", "urgent", "topic")}
    for source in sources:
        for row in source.rows:
            for name, counter in counts.items():
                value = getattr(row, name)
                if value is not None:
                    counter[str(value).lower()] += 1
    return {name: dict(sorted(counter.items())) for name, counter in counts.items()}


def write_card(folder: Path, card: Card) -> None:
    """`card.json` for programs, `card.md` for people."""
    text = msgspec.json.format(msgspec.json.encode(card, order="sorted"), indent=2)
    (folder / "card.json").write_bytes(text + b"\n")
    (folder / "card.md").write_text(_markdown(card), encoding="utf-8")


def _markdown(card: Card) -> str:
    lines = [f"# Model {card.version}", ""]
    lines += ["## Data", "", "| file | rows | licence | sha256 |", "|---|---:|---|---|"]
    lines += [f"| {item.name} | {item.rows} | {item.licence} | `{item.sha256[:16]}…` |" for item in card.data]
    lines += ["", f"{card.distinct_rows} distinct texts. No text is part of the model: it holds weights of hashes."]
    lines += ["", "## Labels", ""]
    lines += [
        f"- {name}: {', '.join(f'{value} {count}' for value, count in values.items())}"
        for name, values in card.labels.items()
    ]
    lines += ["", "## Figures", ""]
    lines += [
        "Cross-validated: five folds, all rows; flags and sureness on the rows of real pages where there were any."
    ]
    lines += [
        "",
        *_table(
            {
                "cross-validated": card.cross_validated,
                "careful reader, cross-validated": card.cross_validated.get("careful", {}),
                "corpus alone, cross-validated": card.corpus_only.get("cross_validated", {}),
            }
        ),
    ]
    for name, figures in card.held_out.items():
        alone = card.corpus_only.get("held_out", {}).get(name, {})
        if "false_spam" in figures:
            said = f"{figures['false_spam']:.2%}"
            said += f", by the corpus alone {alone['false_spam']:.2%}" if alone else ""
            lines += ["", f"Called spam of `{name}` ({figures['rows']} rows, none of them spam): {said}."]
            continue
        measured = {"this model": figures, "careful reader": figures.get("careful", {}), "corpus alone": alone}
        lines += ["", f"Held out, `{name}` ({figures['rows']} rows, measured only):", "", *_table(measured)]
    lines += ["", "## Thresholds", ""]
    lines += [f"- {name}: {value}" for name, value in card.thresholds.items() if name != "spam"]
    lines += [
        f"- spam at precision {border['precision']}: from {border['threshold']} on, recall {border['recall']}"
        for border in card.thresholds.get("spam", ())
    ]
    lines += ["", "## Limits", "", *(f"- {limit}" for limit in card.limits)]
    lines += ["", "## Made with", "", ", ".join(f"{name} {value}" for name, value in card.environment.items())]
    return "\n".join(lines) + "\n"


_COLUMNS = (
    ("tag macro-F1", "tag", "macro_f1"),
    ("accuracy", "tag", "accuracy"),
    ("unsure", "tag", "unsure_share"),
    ("accuracy when sure", "tag", "accuracy_when_sure"),
    ("calibration error", "tag", "calibration_error"),
    ("toxic F1", "toxic", "f1"),
    ("urgent F1", "urgent", "f1"),
    ("topic accuracy", "topic", "accuracy"),
    ("topic top-3", "topic", "top3"),
)


def _table(figures: dict[str, Figures]) -> list[str]:
    tags = ("complaint", "question", "other", "spam")
    head = [name for name, _, _ in _COLUMNS] + [f"F1 {tag}" for tag in tags]
    lines = [f"| | {' | '.join(head)} |", f"|---{'|---:' * len(head)}|"]
    for name, values in figures.items():
        if values:
            cells = [_cell(values.get(part, {}).get(key)) for _, part, key in _COLUMNS]
            cells += [_cell(values.get("tag", {}).get("f1", {}).get(tag)) for tag in tags]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _cell(value: Any) -> str:
    return "–" if value is None else f"{value:.3f}"
