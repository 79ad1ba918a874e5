"""The floor: figures of the packaged model on the corpus's held-out part, below which no later one may fall in CI."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from services.classifier.model import Model
from services.classifier.training.evaluation.figures import figures_of
from services.classifier.training.evaluation.reading import Fast, read_all
from services.classifier.training.evaluation.robustness import AVERAGE, chosen_rows, robustness
from services.classifier.training.evaluation.sets import EvaluationSet, own_set
from services.classifier.training.frozen import CORPUS_SET, frozen_sets
from services.classifier.training.rows import CORPUS

FLOOR = Path(__file__).with_name("floor.json")
FREEZE = "python -m services.classifier evaluate --freeze"

TOLERANCES: Mapping[str, float] = {
    "macro_f1": 0.015,
    "question_f1": 0.025,
    "complaint_f1": 0.02,
    "other_f1": 0.02,
    "spam_f1": 0.02,
    "spam_recall": 0.02,
    "false_spam": 0.005,
    "calibration_error": 0.015,
    "topic_accuracy": 0.02,
    "topic_top3": 0.02,
    "toxic_f1": 0.04,
    "urgent_f1": 0.05,
    "personal_data_f1": 0.02,
    "disguised_macro_f1": 0.015,
}
"""How much worse is still no worse, in shares: about what a few comments of the held-out part make."""
SMALLER_IS_BETTER = frozenset({"false_spam", "calibration_error"})


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """One figure as it was, and by how much it may be worse."""

    value: float
    tolerance: float


class Floor(msgspec.Struct, frozen=True, kw_only=True):
    """What `floor.json` holds. `held_out` identifies the comments that the figures were taken on."""

    model: str
    rows: int
    held_out: str
    figures: dict[str, Frozen]


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """One figure then and now."""

    name: str
    frozen: float
    now: float
    tolerance: float

    @property
    def below(self) -> bool:
        """Worse beyond the tolerance."""
        lost = self.now - self.frozen if self.name in SMALLER_IS_BETTER else self.frozen - self.now
        return lost > self.tolerance + 1e-9


def held_out_set(corpus: Path = CORPUS) -> EvaluationSet:
    """The comments of our own corpus that no model learns from."""
    return own_set(CORPUS_SET, frozen_sets(corpus=corpus)[CORPUS_SET])


def floor_of(model: Model, measured: EvaluationSet) -> Floor:
    """The fast reader's figures as they are now."""
    reader = Fast(model)
    figures = figures_of(measured, read_all(reader, measured.texts))
    disguised = robustness(measured, chosen_rows(measured, len(measured.rows)), reader)
    tag, spam = figures["tag"], figures["spam"]
    now = {
        "macro_f1": tag["macro_f1"],
        **{f"{name}_f1": part["f1"] for name, part in tag["classes"].items()},
        "spam_recall": spam["recall"],
        "false_spam": spam["false"],
        "calibration_error": tag["calibration_error"],
        "topic_accuracy": figures["topic"]["accuracy"],
        "topic_top3": figures["topic"]["top3"],
        **{f"{name}_f1": figures[name]["f1"] for name in ("toxic", "urgent", "personal_data")},
        "disguised_macro_f1": disguised[AVERAGE]["macro_f1"],
    }
    return Floor(
        model=model.version,
        rows=len(measured.rows),
        held_out=identity(measured),
        figures={name: Frozen(value=now[name], tolerance=tolerance) for name, tolerance in TOLERANCES.items()},
    )


def identity(measured: EvaluationSet) -> str:
    """Changes when a comment or a label of the set does, not with their order."""
    lines = sorted(
        msgspec.json.encode((row.text, row.tag, row.topic, row.toxic, row.urgent, row.personal_data))
        for row in measured.rows
    )
    return hashlib.sha256(b"\n".join(lines)).hexdigest()[:16]


def read_floor(path: Path = FLOOR) -> Floor:
    """Raises OSError or msgspec.DecodeError."""
    return msgspec.json.decode(path.read_bytes(), type=Floor)


def write_floor(floor: Floor, path: Path = FLOOR) -> None:
    """In the form that is reviewed and committed."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(floor), indent=2) + b"\n")


def compared(frozen: Floor, now: Floor) -> list[Comparison]:
    """Figure by figure."""
    return [
        Comparison(name=name, frozen=one.value, now=now.figures[name].value, tolerance=one.tolerance)
        for name, one in frozen.figures.items()
    ]
