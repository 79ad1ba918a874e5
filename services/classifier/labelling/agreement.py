"""How far two people agree: Cohen's kappa for the tag, the topic and each flag, with the comments they differ on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
from numpy.typing import NDArray

from services.classifier.labelling.answers import digest
from shared.events import Tag

LABELS = ("tag", "topic", "toxic", "urgent", "personal_data")
DRAWS = 10_000
"""Bootstrap samples behind an interval."""
SEED = 1


class AgreementError(Exception):
    """A file cannot be compared; the message says which and why."""


class Labelled(msgspec.Struct, frozen=True, kw_only=True):
    """One comment of one person; what is absent or null was not labelled."""

    id: str | None = None
    sha256: str | None = None
    text: str | None = None
    tag: Tag | None = None
    topic: str | None = None
    toxic: bool | None = None
    urgent: bool | None = None
    personal_data: bool | None = None

    def value(self, label: str) -> str | None:
        """In words; None where it is not labelled."""
        value = getattr(self, label)
        return ("yes" if value else "no") if isinstance(value, bool) else value


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """Of one label, over the comments that both labelled."""

    label: str
    values: tuple[str, ...]
    table: NDArray[np.int64]
    """Rows: the first person's values; columns: the second's."""
    kappa: float | None
    """None where both gave every comment the same one value: there is nothing to agree on beyond chance."""
    interval: tuple[float, float] | None
    """95 %: percentiles of bootstrap samples of the comments. None where kappa is None, where most samples have
    none, and where nearly all have the same: of comments without a single difference each sample agrees, however few
    they are, and with one difference each sample that has it can have the same kappa."""

    @property
    def count(self) -> int:
        """Comments compared."""
        return int(self.table.sum())

    @property
    def differing(self) -> int:
        """Comments with different values."""
        return self.count - int(np.trace(self.table))

    @property
    def most(self) -> float:
        """The share that differs is below this with 95 % confidence (Clopper, Pearson 1934)."""
        from scipy.stats import beta

        return (
            1.0
            if self.differing == self.count
            else float(beta.ppf(0.95, self.differing + 1, self.count - self.differing))
        )


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """One comment that both labelled."""

    key: str
    one: Labelled
    two: Labelled

    @property
    def name(self) -> str:
        """Its id where there is one, else the beginning of the text's hash."""
        return self.one.id or self.two.id or self.key[:12]


def read_labels(path: Path) -> dict[str, Labelled]:
    """By the hash of the text; of one labelled twice the last. Raises AgreementError."""
    found: dict[str, Labelled] = {}
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise AgreementError(f"{path}: cannot be read ({error.strerror})") from error
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            record = msgspec.json.decode(line, type=Labelled)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AgreementError(f"{path}, line {number}: not a label: {error}") from error
        if record.text is None and record.sha256 is None:
            raise AgreementError(f"{path}, line {number}: neither `text` nor `sha256`, by which comments are matched")
        found[record.sha256 or digest(record.text or "")] = record
    return found


def paired(one: Mapping[str, Labelled], two: Mapping[str, Labelled]) -> list[Pair]:
    """What is in both, in the first one's order."""
    return [Pair(key=key, one=record, two=two[key]) for key, record in one.items() if key in two]


def agreements(pairs: Sequence[Pair]) -> Iterator[Agreement]:
    """For each label that both gave to some comment."""
    from sklearn.metrics import cohen_kappa_score

    for label in LABELS:
        given = [(one, two) for one, two in _values(pairs, label) if one is not None and two is not None]
        if not given:
            continue
        values = _order(label, {value for both in given for value in both})
        counts = Counter(given)
        table = np.array([[counts[one, two] for two in values] for one in values], dtype=np.int64)
        kappa = None if len(values) == 1 else float(cohen_kappa_score(*zip(*given, strict=True), labels=list(values)))
        differ = len(given) > np.trace(table)
        yield Agreement(
            label=label,
            values=values,
            table=table,
            kappa=kappa,
            interval=_interval(table) if differ and kappa is not None else None,
        )


def differences(pairs: Sequence[Pair]) -> Iterator[tuple[Pair, str, str, str]]:
    """Each label that the two gave differently: the comment, the label, both values."""
    for pair in pairs:
        for label in LABELS:
            one, two = pair.one.value(label), pair.two.value(label)
            if one is not None and two is not None and one != two:
                yield pair, label, one, two


def _values(pairs: Sequence[Pair], label: str) -> Iterator[tuple[str | None, str | None]]:
    for pair in pairs:
        yield pair.one.value(label), pair.two.value(label)


def _order(label: str, values: set[str]) -> tuple[str, ...]:
    known = {"tag": get_args(Tag)}.get(label, ("no", "yes"))
    return tuple(value for value in (*known, *sorted(values - set(known))) if value in values)


def _interval(table: NDArray[np.int64]) -> tuple[float, float] | None:
    """Whole comments are drawn again, so that what depends on one another stays together."""
    count = int(table.sum())
    draws = np.random.default_rng(SEED).multinomial(count, table.ravel() / count, size=DRAWS)
    kappas = _kappas(draws.reshape(DRAWS, *table.shape) / count)
    kappas = kappas[np.isfinite(kappas)]
    if len(kappas) < DRAWS / 2:
        return None
    low, high = np.percentile(kappas, [2.5, 97.5])
    return None if np.isclose(low, high) else (float(low), float(high))


def _kappas(shares: NDArray[Any]) -> NDArray[Any]:
    observed = np.einsum("nii->n", shares)
    expected = np.einsum("ni,ni->n", shares.sum(axis=2), shares.sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((observed - expected) / (1.0 - expected))
