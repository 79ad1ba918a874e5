"""What a new model is measured on, judged once by each of its readers, for card, reference and pictures alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from services.classifier.judgement import Judgement
from services.classifier.model import Model
from services.classifier.training.embedded import Embedded
from services.classifier.training.evaluation.figures import Figures
from services.classifier.training.evaluation.reading import Careful, Fast, Reading, judged
from services.classifier.training.evaluation.sets import EvaluationSet, own_set
from services.classifier.training.figures import read_figures
from services.classifier.training.rows import Row


class HeldOut(msgspec.Struct, frozen=True, kw_only=True):
    """`readings[set][reader]` is what the fast reader, and the careful one where there is one, say of a set."""

    sets: tuple[EvaluationSet, ...]
    readings: dict[str, dict[str, Reading]]
    judgements: tuple[Judgement, ...]
    """The fast reader's, set after set."""

    @property
    def texts(self) -> list[str]:
        """Those of `judgements`."""
        return [text for measured in self.sets for text in measured.texts]

    def figures(self) -> dict[str, Figures]:
        """For the card, by set: the fast reader's, the other's under its name."""
        figures = {}
        for measured in self.sets:
            each = {name: read_figures(measured, reading) for name, reading in self.readings[measured.name].items()}
            figures[measured.name] = each.pop(Fast.name) | each
        return figures


def judge_held_out(model: Model, rows: Mapping[str, Sequence[Row]], embedded: Embedded | None = None) -> HeldOut:
    """Judges the sets `rows`, by name, fast, and carefully where `embedded` is what the model was trained with.

    Raises EmbeddingFailed.
    """
    sets = tuple(own_set(name, each) for name, each in rows.items())
    readings: dict[str, dict[str, Reading]] = {}
    judgements: list[Judgement] = []
    for measured in sets:
        said = model.judge(measured.texts)
        judgements += said
        readings[measured.name] = {Fast.name: judged(said)}
        if embedded is not None and model.careful_name == embedded.name:
            carefully = model.judge_carefully(measured.texts, embedded.embed(measured.texts))
            readings[measured.name][Careful.name] = judged(carefully)
    return HeldOut(sets=sets, readings=readings, judgements=tuple(judgements))
