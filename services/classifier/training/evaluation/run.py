"""An evaluation: every reader over every set, once, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import msgspec
import numpy as np

from services.classifier.training.evaluation.figures import figures_of, spam_figures
from services.classifier.training.evaluation.reading import Advance, Reader, Reading, joined, read_all
from services.classifier.training.evaluation.robustness import chosen_rows, robustness, steps
from services.classifier.training.evaluation.sets import EvaluationSet

Progress = Callable[[str, int], AbstractContextManager[Advance]]
"""Opened with what is being done and how many comments that is."""

TOGETHER = "together"
MOST_DISGUISED = 1_500
"""Of a set's comments: enough to tell a point of macro-F1."""


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """`figures` holds plain numbers by set and reader; `readings[set][reader]` is what plots are drawn from."""

    sets: tuple[EvaluationSet, ...]
    readings: dict[str, dict[str, Reading]]
    figures: dict[str, Any]


@contextmanager
def quietly(_what: str, _total: int) -> Iterator[Advance]:
    """A progress that nobody sees."""
    yield lambda _: None


def evaluate(
    sets: Sequence[EvaluationSet],
    readers: Sequence[Reader],
    progress: Progress = quietly,
    *,
    most_disguised: int = MOST_DISGUISED,
) -> Evaluation:
    """Reads each set with each reader, plain and in the ten disguises (at most `most_disguised` comments of a set).

    `figures`: `sets` → set → `readers` → reader → figures, and → `disguised` → reader → disguise → figures; and
    `together` → reader: spam among all sets at once, if there are several.
    """
    readings: dict[str, dict[str, Reading]] = {}
    figures: dict[str, Any] = {"sets": {}}
    for measured in sets:
        rows = chosen_rows(measured, most_disguised)
        found: dict[str, Any] = {
            "sha256": measured.sha256,
            "notes": list(measured.notes),
            "readers": {},
            "disguised": {},
            "disguised_rows": len(rows),
        }
        readings[measured.name] = {}
        for reader in readers:
            with progress(f"{measured.name}: {reader.name}", len(measured.rows)) as advance:
                reading = read_all(reader, measured.texts, advance)
            readings[measured.name][reader.name] = reading
            found["readers"][reader.name] = figures_of(measured, reading)
            if len(rows):
                with progress(f"{measured.name}: {reader.name}, disguised", steps(len(rows))) as advance:
                    found["disguised"][reader.name] = robustness(measured, rows, reader, advance)
        figures["sets"][measured.name] = found
    if sum(any(one is not None for one in measured.spam) for measured in sets) > 1:
        figures[TOGETHER] = {
            reader.name: spam_together(sets, [readings[measured.name][reader.name] for measured in sets])
            for reader in readers
        }
    return Evaluation(sets=tuple(sets), readings=readings, figures=figures)


def spam_together(sets: Sequence[EvaluationSet], readings: Sequence[Reading]) -> dict[str, Any]:
    """Spam among the comments of all sets, as if they were one stream."""
    spam = [one for measured in sets for one in measured.spam]
    # Sets know different things; spam needs the scores alone.
    return spam_figures(spam, joined([Reading(scores=np.asarray(reading.scores)) for reading in readings]))
