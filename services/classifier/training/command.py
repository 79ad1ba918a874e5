"""`python -m services.classifier train`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from services.classifier.manifest import ModelError
from services.classifier.training.card import Card, DataFile, environment, labels_of, write_card
from services.classifier.training.figures import Figures, held_out
from services.classifier.training.rows import Row, Source, TrainingError, read_corpus, read_source
from services.classifier.training.run import Training, train

CORPUS_LICENCE = "Apache-2.0, as this project"


def train_model(
    *, data: Sequence[Path], licences: Sequence[str], evaluate: Sequence[Path], corpus: Path, out: Path
) -> str:
    """Trains on the corpus and `data`, measures on `evaluate`, writes model and card to `out`; returns the version.

    Raises TrainingError, before anything is written, for files that cannot be used or make no whole model.
    """
    own = read_corpus(corpus)
    more = [read_source(path, streamlike=True) for path in data]
    measured = [read_source(path, streamlike=True) for path in evaluate]
    full = _train([*own, *more])
    plain = _train(own) if more else full
    try:
        full.model()
    except ModelError as error:
        raise TrainingError(f"the labels do not suffice for a model: {error}") from error
    manifest = full.write(out)
    names = {path: f"{path.resolve().parent.name}/{path.name}" for path in [*data, *evaluate]}
    held: dict[str, Figures] = {}
    held_plain: dict[str, Figures] = {}
    for path, source in zip(evaluate, measured, strict=True):
        held[names[path]] = held_out(full.model(), source.rows)
        held_plain[names[path]] = held_out(plain.model(), source.rows)
    files = [_described(f"corpus/{source.name}", source, CORPUS_LICENCE) for source in own]
    for path, source, licence in zip(data, more, licences, strict=True):
        files.append(_described(names[path], source, licence))
    card = Card(
        version=manifest.version,
        data=tuple(files),
        distinct_rows=full.rows,
        labels=labels_of([*own, *more]),
        cross_validated=full.figures,
        corpus_only={"cross_validated": plain.figures, "held_out": held_plain} if more else {},
        held_out=held,
        thresholds=msgspec.to_builtins(manifest.thresholds),
        environment=environment(),
    )
    write_card(out, card)
    return manifest.version


def _train(sources: Sequence[Source]) -> Training:
    rows: list[Row] = [row for source in sources for row in source.rows]
    click.echo(f"{len(rows)} rows from {len(sources)} files", err=True)
    return train(rows, report=lambda step: click.echo(f"  {step}", err=True))


def _described(name: str, source: Source, licence: str) -> DataFile:
    return DataFile(name=name, rows=len(source.rows), sha256=source.sha256, licence=licence)
