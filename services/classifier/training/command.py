"""`python -m services.classifier train`: from files to a written model with its card."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from services.classifier.life.reference import make_reference, write_reference
from services.classifier.manifest import ModelError
from services.classifier.model import Model
from services.classifier.training.card import Card, DataFile, environment, labels_of, write_card
from services.classifier.training.corrections import overruled
from services.classifier.training.destination import check_folder
from services.classifier.training.embedded import Embedded
from services.classifier.training.evaluation.figures import Figures
from services.classifier.training.evaluation.plots import MISSING, draw, has_matplotlib
from services.classifier.training.figures import called_spam
from services.classifier.training.frozen import CORPUS_SET, frozen_sets, learnable, set_name
from services.classifier.training.held_out import HeldOut, judge_held_out
from services.classifier.training.records import TrainingError
from services.classifier.training.rows import (
    CORPUS,
    Row,
    Source,
    read_corpus,
    read_source,
    read_untagged,
)
from services.classifier.training.run import Training, train

CORPUS_LICENCE = "Apache-2.0, as this project"
LABELS_LICENCE = "corrections by moderators of this installation; not to be passed on"


class Untagged(msgspec.Struct, frozen=True, kw_only=True):
    """A file with comments of which none is spam; `taxonomy` says in whose words its topics are, if it has any."""

    path: Path
    licence: str
    taxonomy: str | None = None


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """The files that a model is made from and measured on; `licences` are those of `data`."""

    corpus: Path = CORPUS
    data: tuple[Path, ...] = ()
    licences: tuple[str, ...] = ()
    untagged: tuple[Untagged, ...] = ()
    evaluate: tuple[Path, ...] = ()


class _Sets(msgspec.Struct, frozen=True, kw_only=True):
    """What was read. `measured` and `plain` (of which none is spam) have names as the card has them."""

    learned: tuple[tuple[str, str, Source], ...]
    """Name, licence, rows; the corpus first."""
    own: int
    """How many of them are the corpus."""
    measured: dict[str, list[Row]]
    plain: dict[str, list[Row]]


def train_model(
    material: Material, *, out: Path, embedded: Embedded | None = None, corrections: Source | None = None
) -> str:
    """Trains on `material`, writes model and card to `out`, and returns the version; with `embedded` the model has a
    careful reader.

    What is measured on is never learned: the held-out part of the corpus, and whatever has the same words as a row of
    `evaluate`. `corrections` overrule what else is said of the same words.

    Raises EmbeddingFailed, and TrainingError for files that cannot be used or make no whole model and for an `out` that
    nothing can be written to; all before anything is written.
    """
    check_folder(out, "model")
    sets = _read(material, corrections)
    full = _train([source for _, _, source in sets.learned], embedded)
    alone = len(sets.learned) == sets.own
    if alone:
        plain = full
    else:
        click.echo("the corpus alone, fast, to compare with on the card:", err=True)
        plain = _train([source for _, _, source in sets.learned[: sets.own]], None)
    try:
        model = full.model()
    except ModelError as error:
        raise TrainingError(f"the labels do not suffice for a model: {error}") from error
    held_out = judge_held_out(model, sets.measured, embedded)
    figures = held_out.figures() | _false_spam(model, sets)
    corpus_only = {} if alone else _corpus_only(plain, sets)
    manifest = full.write(out)
    card = Card(
        version=manifest.version,
        data=tuple(
            DataFile(name=name, rows=len(source.rows), sha256=source.sha256, licence=licence)
            for name, licence, source in sets.learned
        ),
        distinct_rows=full.rows,
        labels=labels_of([source for _, _, source in sets.learned]),
        cross_validated=full.figures,
        corpus_only=corpus_only,
        held_out=figures,
        thresholds=msgspec.to_builtins(manifest.thresholds),
        environment=environment(),
    )
    write_card(out, card)
    _write_reference(out, manifest.version, held_out, sets)
    if has_matplotlib():
        draw(held_out.sets, held_out.readings, out)
    else:
        click.echo(MISSING, err=True)
    click.echo(_outcome(out, full, figures), err=True)
    return manifest.version


def _outcome(out: Path, full: Training, figures: Figures) -> str:
    shares = [("cross-validated", full.figures), *((f"on {name}", each) for name, each in figures.items())]
    said = [f"{each['tag']['macro_f1']:.3f} {name}" for name, each in shares if "tag" in each]
    return f"written to {out}: macro-F1 of the tag {', '.join(said)}; {out / 'card.md'} says more"


def _read(material: Material, corrections: Source | None) -> _Sets:
    own = read_corpus(material.corpus)
    more = [read_source(path, streamlike=True) for path in material.data]
    untagged = [read_untagged(one.path, one.taxonomy) for one in material.untagged]
    measured = frozen_sets(material.evaluate, corpus=material.corpus)
    if not measured[CORPUS_SET]:
        del measured[CORPUS_SET]
    learned = [(f"corpus/{source.name}", CORPUS_LICENCE, source) for source in own]
    beside = [
        (set_name(path), licence, source)
        for path, licence, source in zip(material.data, material.licences, more, strict=True)
    ]
    beside += [
        (set_name(one.path), one.licence, source) for one, (source, _) in zip(material.untagged, untagged, strict=True)
    ]
    if corrections is not None:
        learned, beside = (
            [(name, licence, overruled(source, corrections.rows)) for name, licence, source in part]
            for part in (learned, beside)
        )
        beside.insert(0, (corrections.name, LABELS_LICENCE, corrections))
    frozen = list(measured.values())
    corrected = [] if corrections is None else [corrections.rows]
    return _Sets(
        learned=tuple(
            (name, licence, msgspec.structs.replace(source, rows=tuple(learnable(source.rows, frozen))))
            for name, licence, source in (*learned, *beside)
        ),
        own=len(own),
        measured=measured,
        plain={
            f"{set_name(one.path)}, not learned from": left
            for one, (_, rest) in zip(material.untagged, untagged, strict=True)
            if (left := learnable(rest, corrected))
        },
    )


def _corpus_only(plain: Training, sets: _Sets) -> Figures:
    model = plain.model()
    held_out = judge_held_out(model, sets.measured).figures()
    return {"cross_validated": plain.figures, "held_out": held_out | _false_spam(model, sets)}


def _false_spam(model: Model, sets: _Sets) -> dict[str, Figures]:
    return {name: called_spam(model, rows) for name, rows in sets.plain.items()}


def _write_reference(out: Path, version: str, held_out: HeldOut, sets: _Sets) -> None:
    """What drift is held against: how the model judges comments that it has not seen."""
    reference = make_reference(
        version,
        trained_on=[row.text for _, _, source in sets.learned for row in source.rows],
        texts=held_out.texts,
        judgements=held_out.judgements,
        of=[measured.name for measured in held_out.sets],
    )
    write_reference(out, reference)


def _train(sources: Sequence[Source], embedded: Embedded | None) -> Training:
    rows: list[Row] = [row for source in sources for row in source.rows]
    click.echo(f"{len(rows)} rows from {len(sources)} files", err=True)
    return train(rows, embedded=embedded, report=lambda step: click.echo(f"  {step}", err=True))
