"""How each head learns."""

from __future__ import annotations

from typing import Literal

import msgspec

FOLDS = 5
"""Of cross-validation; a label occurs at least once in each."""


class HeadSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How one head learns. `strengths` are the values of LogisticRegression's C that cross-validation chooses from."""

    name: str
    strengths: tuple[float, ...]
    careful: tuple[float, ...]
    """The same for the careful reader."""
    score: Literal["macro_f1", "average_precision", "accuracy"]
    """What it chooses by, on real comments where there are enough."""
    balanced: bool = False
    """Every class counts the same however rare it is."""
    hint_weight: float = 1.0
    """Of one entry of the vocabulary beside a comment's 1; chosen in cross-validation over the corpus."""
    tolerance: float = 1e-4
    """Where the optimiser stops."""
    chars_only: bool = False
    """Looks at characters alone (smaller, and no worse for topics); its careful twin at the embedding alone."""


SPECS = (
    HeadSpec(name="spam", strengths=(3.0, 10.0), careful=(3.0,), score="average_precision"),
    HeadSpec(name="tag", strengths=(3.0, 10.0), careful=(3.0,), score="macro_f1"),
    HeadSpec(name="toxic", strengths=(3.0, 10.0), careful=(3.0,), score="average_precision"),
    HeadSpec(name="urgent", strengths=(10.0, 30.0), careful=(3.0,), score="average_precision"),
    HeadSpec(
        name="topic",
        strengths=(100.0,),
        careful=(10.0,),
        score="accuracy",
        tolerance=1e-3,
        balanced=True,
        hint_weight=2.0,
        chars_only=True,
    ),
)
