"""Three pictures of a reader: what it takes for what, whether it is as right as it is sure, and what a threshold buys.

Needs matplotlib, of the extra `training`.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_curve

from services.classifier.model import TAGS
from services.classifier.training.evaluation import measures
from services.classifier.training.evaluation.reading import Careful, Fast, Reading
from services.classifier.training.evaluation.sets import EvaluationSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MISSING = "matplotlib is not installed (extra `training`): no plots are drawn"
OWN = (Fast.name, Careful.name)
_COLOURS = dict(zip(OWN, ("#1f5fa8", "#c8541d"), strict=True))
_GREYS = ("#8a8a8a", "#b9a26a", "#5a9a57")
"""Of the baselines."""
_DPI = 130
_MIN_CURVE = 5
"""Comments of a tag from which on a curve says anything."""


def has_matplotlib() -> bool:
    """Whether it is installed."""
    return importlib.util.find_spec("matplotlib") is not None


def draw(sets: Sequence[EvaluationSet], readings: Mapping[str, Mapping[str, Reading]], folder: Path) -> list[Path]:
    """The pictures of each set with tags, as PNG files in `folder`; returns them. `readings` are by set and reader."""
    drawn = []
    for measured in sets:
        known = np.array([row.tag is not None for row in measured.rows])
        if known.any():
            truth = [row.tag for row in measured.rows if row.tag is not None]
            tagged = {name: reading.part(known) for name, reading in readings[measured.name].items()}
            drawn += draw_set(measured.name, truth, tagged, folder)
    return drawn


def draw_set(name: str, truth: Sequence[str], readings: Mapping[str, Reading], folder: Path) -> list[Path]:
    """Of a set whose tags are `truth`: `<set>-confusion.png`, `<set>-reliability.png`, `<set>-precision-recall.png`."""
    own = {reader: reading for reader, reading in readings.items() if reader in OWN} or dict(readings)
    figures = {
        "confusion": _confusion(name, truth, own),
        "reliability": _reliability(name, truth, own),
        "precision-recall": _precision_recall(name, truth, readings),
    }
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for kind, figure in figures.items():
        path = folder / f"{_file_name(name)}-{kind}.png"
        # Nothing but what is drawn: the same readings give the same file.
        figure.savefig(path, dpi=_DPI, metadata={"Software": None})
        drawn.append(path)
    return drawn


def _file_name(name: str) -> str:
    """Of a set: `gold/dev.csv (2)` gives `gold-dev-2`."""
    return re.sub(r"(?:[^\w.]|_)+", "-", re.sub(r"\.\w+(?= \(\d+\)$|$)", "", name)).strip("-")


def _canvas(rows: int, columns: int, width: float, height: float) -> tuple[Figure, Any]:
    # Not pyplot: it looks for a display and keeps every figure.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width * columns, height * rows + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _confusion(name: str, truth: Sequence[str], readings: Mapping[str, Reading]) -> Figure:
    figure, axes = _canvas(1, len(readings), 4.8, 4.2)
    figure.suptitle(f"Confusion: {name}, {len(truth)} comments")
    for axis, (reader, reading) in zip(axes[0], readings.items(), strict=True):
        table = measures.confusion(truth, reading.said, TAGS)
        shares = table / np.maximum(table.sum(axis=1, keepdims=True), 1)
        axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for true in range(len(TAGS)):
            for said in range(len(TAGS)):
                axis.text(
                    said, true, f"{table[true, said]}\n{100 * shares[true, said]:.0f} %", ha="center", va="center",
                    color="white" if shares[true, said] > 0.55 else "black", fontsize=9,
                )  # fmt: skip
        axis.set_xticks(range(len(TAGS)), TAGS)
        axis.set_yticks(range(len(TAGS)), TAGS, rotation=90, va="center")
        axis.set(title=f"{reader} reader", xlabel="tag given", ylabel="true tag (rows add up to 100 %)")
    return figure


def _reliability(name: str, truth: Sequence[str], readings: Mapping[str, Reading]) -> Figure:
    from matplotlib.ticker import MaxNLocator

    figure, axes = _canvas(2, len(readings), 4.8, 2.9)
    figure.suptitle(f"Reliability: {name}, {len(truth)} comments, {measures.BINS} bins")
    for column, (reader, reading) in enumerate(readings.items()):
        right = np.array([said == true for said, true in zip(reading.said, truth, strict=True)])
        bins = measures.reliability(reading.confidence, right)
        error = measures.calibration_error(reading.confidence, right)
        upper, lower = axes[0][column], axes[1][column]
        upper.plot([0, 1], [0, 1], color="#999999", linestyle="--", linewidth=1, label="as right as sure")
        spans = [measures.wilson(round(bin.right * bin.rows), bin.rows) for bin in bins]
        upper.errorbar(
            [bin.confidence for bin in bins], [bin.right for bin in bins],
            yerr=[[max(0.0, bin.right - low) for bin, (low, _) in zip(bins, spans, strict=True)],
                  [max(0.0, high - bin.right) for bin, (_, high) in zip(bins, spans, strict=True)]],
            fmt="o", markersize=4, capsize=2, color=_colour(reader, readings), label="measured, 95 % interval",
        )  # fmt: skip
        upper.set(
            title=f"{reader} reader, ECE {error:.3f}", xlim=(0.2, 1.01), ylim=(0, 1.03),
            ylabel="share of right tags", xlabel="confidence (probability of the tag given)",
        )  # fmt: skip
        upper.legend(loc="upper left", frameon=False, fontsize=8)
        lower.bar([bin.low for bin in bins], [bin.rows for bin in bins], width=0.95 / measures.BINS, align="edge",
                  color=_colour(reader, readings))  # fmt: skip
        lower.set(xlim=(0.2, 1.01), ylabel="comments", xlabel="confidence (probability of the tag given)")
        lower.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        for axis in (upper, lower):
            _plain(axis)
    return figure


def _precision_recall(name: str, truth: Sequence[str], readings: Mapping[str, Reading]) -> Figure:
    figure, axes = _canvas(2, 2, 4.8, 3.4)
    figure.suptitle(f"Precision and recall: {name}, {len(truth)} comments")
    for place, (axis, tag) in enumerate(zip(axes.ravel(), TAGS, strict=True)):
        positive = np.array([true == tag for true in truth])
        axis.set(
            title=f"{tag} ({int(positive.sum())} comments)", xlim=(0, 1.01), ylim=(0, 1.03),
            xlabel="recall (share of them found)", ylabel="precision (share of finds right)",
        )  # fmt: skip
        _plain(axis)
        if positive.sum() < _MIN_CURVE:
            axis.text(0.5, 0.5, "too few for a curve", ha="center", va="center", color="#777777")
            continue
        for reader, reading in readings.items():
            precision, recall, _ = precision_recall_curve(positive, reading.scores[:, place])
            average = average_precision_score(positive, reading.scores[:, place])
            # The last point, recall 0 and precision 1, is a convention and not measured.
            axis.step(recall[:-1], precision[:-1], where="post", color=_colour(reader, readings), linewidth=1.4,
                      label=f"{reader}: average precision {average:.2f}")  # fmt: skip
        axis.legend(loc="lower left", frameon=False, fontsize=8)
    return figure


def _colour(reader: str, readers: Mapping[str, Reading]) -> str:
    others = [name for name in readers if name not in _COLOURS]
    return _COLOURS[reader] if reader in _COLOURS else _GREYS[others.index(reader) % len(_GREYS)]


def _plain(axis: Axes) -> None:
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(color="#dddddd", linewidth=0.6)
    axis.set_axisbelow(True)
