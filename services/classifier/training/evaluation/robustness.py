"""How much is lost when the same texts are disguised in ten ways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.classifier.model import TAGS
from services.classifier.training.disguises import DISGUISES, disguised
from services.classifier.training.evaluation import measures
from services.classifier.training.evaluation.reading import Advance, Reader, Reading, read_all
from services.classifier.training.evaluation.sets import EvaluationSet

Figures = dict[str, Any]
PLAIN, AVERAGE = "plain", "average"


def chosen_rows(measured: EvaluationSet, most: int) -> NDArray[np.intp]:
    """Those that are disguised: all whose tag, or spam or not, is known, or `most` of them, evenly spread."""
    known: NDArray[np.intp] = np.flatnonzero([one is not None for one in measured.spam])
    spread: NDArray[np.intp] = np.linspace(0, len(known) - 1, min(most, len(known))).astype(np.intp)
    return known[spread]


def steps(rows: int) -> int:
    """How many readings of a comment that takes."""
    return rows * (1 + len(DISGUISES))


def robustness(
    measured: EvaluationSet, rows: NDArray[np.intp], reader: Reader, advance: Advance = lambda _: None
) -> dict[str, Figures]:
    """The figures of the same `rows` undisguised (`plain`), in each disguise, and on average over the disguises."""
    texts = [measured.rows[row].text for row in rows.tolist()]
    tags = [measured.rows[row].tag for row in rows.tolist()]
    spam = np.array([bool(measured.spam[row]) for row in rows.tolist()])
    found = {PLAIN: _figures(tags, spam, read_all(reader, texts, advance))}
    for name in DISGUISES:
        found[name] = _figures(tags, spam, read_all(reader, disguised(name, texts), advance))
    found[AVERAGE] = {
        figure: round(float(np.mean([found[name][figure] for name in DISGUISES])), 4) for figure in found[PLAIN]
    }
    return found


def _figures(tags: Sequence[str | None], spam: NDArray[np.bool_], reading: Reading) -> Figures:
    figures: Figures = {}
    said = np.array(reading.said)
    tagged = np.array([tag is not None for tag in tags])
    if tagged.any():
        table = measures.confusion([tag for tag in tags if tag is not None], said[tagged].tolist(), TAGS)
        figures["macro_f1"] = round(measures.macro_f1(table), 4)
    if spam.any():
        figures["spam_recall"] = round(float((said[spam] == "spam").mean()), 4)
    if not spam.all():
        figures["false_spam"] = round(float((said[~spam] == "spam").mean()), 4)
    return figures
