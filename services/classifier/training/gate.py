"""Whether a model may succeed another: both measured on the same frozen sets, and never worse beyond a tolerance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier.model import TAGS, Model
from services.classifier.training.evaluation import measures
from services.classifier.training.rows import Row


class Tolerance(msgspec.Struct, frozen=True, kw_only=True):
    """How much worse is still no worse; shares. A single comment of a set always is within it."""

    macro_f1: float = 0.01
    spam_recall: float = 0.02
    false_spam: float = 0.002


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What counts of a model on one set; None where the set has no comment that could tell."""

    rows: int
    macro_f1: float | None
    """Over the tags that the set has."""
    spam_recall: float | None
    spam: int
    false_spam: float | None
    """The share of what is no spam that is called spam."""
    ham: int
    one_comment: float = 0.0
    """How much macro-F1 loses at most when one comment that is judged rightly is judged wrongly."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of both models on one set."""

    set: str
    figure: str
    rows: int
    live: float
    candidate: float
    allowed: float

    @property
    def loss(self) -> float:
        """By how much the candidate is worse; negative where it is better."""
        lost = self.live - self.candidate
        return -lost if self.figure == "false_spam" else lost

    @property
    def worse(self) -> bool:
        """Beyond what is allowed."""
        return self.loss > self.allowed + 1e-9

    @property
    def difference(self) -> str:
        """In words."""
        size = f"{abs(self.loss):.4f}"
        if float(size) == 0:
            return "no difference"
        return f"worse by {size}, {self.allowed:.4f} allowed" if self.loss > 0 else f"better by {size}"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """All figures side by side."""

    live: str
    candidate: str
    findings: tuple[Finding, ...]

    @property
    def worse(self) -> tuple[Finding, ...]:
        """Those for which the candidate is refused."""
        return tuple(finding for finding in self.findings if finding.worse)

    def lines(self) -> list[str]:
        """For people: one line a figure, what is worse marked."""
        return [
            f"{'worse ' if one.worse else 'ok    '}{one.set} ({one.rows} rows), {one.figure}: "
            f"{self.live} {one.live:.4f}, {self.candidate} {one.candidate:.4f}, "
            f"{one.difference}"
            for one in self.findings
        ]


def compare(
    live: Model, candidate: Model, sets: Mapping[str, Sequence[Row]], tolerance: Tolerance | None = None
) -> Verdict:
    """Both on every set, figure by figure."""
    tolerance = tolerance or Tolerance()
    findings = []
    for name, rows in sets.items():
        one, other = quality(live, rows), quality(candidate, rows)
        for figure, least in (
            ("macro_f1", one.one_comment),
            ("spam_recall", 1 / max(one.spam, 1)),
            ("false_spam", 1 / max(one.ham, 1)),
        ):
            before, after = getattr(one, figure), getattr(other, figure)
            if before is not None and after is not None:
                findings.append(
                    Finding(
                        set=name,
                        figure=figure,
                        rows=one.rows,
                        live=before,
                        candidate=after,
                        allowed=max(getattr(tolerance, figure), least),
                    )
                )
    return Verdict(live=live.version, candidate=candidate.version, findings=tuple(findings))


def quality(model: Model, rows: Sequence[Row]) -> Quality:
    """The figures of one model on those rows whose tag is known."""
    known = [row for row in rows if row.tag is not None]
    if not known:
        return Quality(rows=0, macro_f1=None, spam_recall=None, spam=0, false_spam=None, ham=0)
    said = [judgement.tag for judgement in model.judge([row.text for row in known])]
    table = measures.confusion([row.tag for row in known if row.tag is not None], said, TAGS)
    called, spam = table[:, TAGS.index("spam")], int(table[TAGS.index("spam")].sum())
    caught, ham = int(called[TAGS.index("spam")]), len(known) - spam
    return Quality(
        rows=len(known),
        macro_f1=measures.macro_f1(table),
        spam_recall=caught / spam if spam else None,
        spam=spam,
        false_spam=(int(called.sum()) - caught) / ham if ham else None,
        ham=ham,
        one_comment=_one_comment(table),
    )


def _one_comment(table: NDArray[np.int64]) -> float:
    after = []
    for true in np.flatnonzero(table.diagonal()):
        for said in set(range(len(table))) - {int(true)}:
            other = table.copy()
            other[true, true] -= 1
            other[true, said] += 1
            after.append(measures.macro_f1(other))
    return measures.macro_f1(table) - min(after, default=measures.macro_f1(table))
