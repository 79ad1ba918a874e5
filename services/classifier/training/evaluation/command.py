"""`python -m services.classifier evaluate`: from files to tables, JSON and plots."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from services.classifier.careful.reading import careful_reader
from services.classifier.life.provenance import learned_files
from services.classifier.model import DEFAULT_MODEL, Model
from services.classifier.training.card import environment
from services.classifier.training.destination import check_folder
from services.classifier.training.evaluation import baselines, plots, report
from services.classifier.training.evaluation.floor import (
    FLOOR,
    FREEZE,
    compared,
    floor_of,
    held_out_set,
    read_floor,
    write_floor,
)
from services.classifier.training.evaluation.reading import Careful, Fast, Reader
from services.classifier.training.evaluation.run import MOST_DISGUISED, Evaluation, evaluate
from services.classifier.training.evaluation.screen import progress, show, tell
from services.classifier.training.evaluation.sets import EvaluationSet, Kind, less, read_set
from services.classifier.training.frozen import learnable, trace
from services.classifier.training.rows import Row, distinct, read_corpus, read_source
from shared.obs import configure_logging


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for; paths as given."""

    files: tuple[Path, ...] = ()
    ham: tuple[Path, ...] = ()
    spam: tuple[Path, ...] = ()
    without: tuple[Path, ...] = ()
    model: Path = DEFAULT_MODEL
    fast: bool = False
    out: Path | None = None
    baselines: bool = True
    train: tuple[Path, ...] = ()
    disguised: int = MOST_DISGUISED


def run(wanted: Wanted) -> None:
    """Measures, prints the tables, writes what `out` asks for; raises TrainingError, ModelError or OSError."""
    configure_logging(service="evaluate", level="error")
    if wanted.out is not None:
        check_folder(wanted.out, "evaluation")
    model = Model.load(wanted.model)
    sets = read_sets(wanted)
    learned = {file.sha256 for file in learned_files(wanted.model)}
    for measured in sets:
        for note in measured.notes:
            tell(f"{measured.name}: {note}")
        if measured.sha256 in learned:
            tell(f"{measured.name}: this model learned from this very file, so that its figures flatter it")
    rows = baseline_rows(wanted.train, sets) if wanted.baselines else []
    with ExitStack() as stack:
        readers: list[Reader] = [Fast(model)]
        careful = ""
        if wanted.fast:
            tell("the careful reader is left out (--fast)")
        else:
            embedder, reason = careful_reader(model)
            if embedder is None:
                tell(f"the careful reader is left out: {reason}")
            else:
                stack.callback(embedder.close)
                careful = embedder.name
                readers.append(Careful(model, embedder))
        if wanted.baselines:
            readers += trained_baselines(rows)
        evaluation = evaluate(sets, readers, progress, most_disguised=wanted.disguised)
    figures: dict[str, Any] = {
        "model": model.version,
        "careful": careful,
        "baselines": {"files": [str(path) for path in wanted.train], "rows": len(rows)},
        "environment": environment(),
    } | evaluation.figures
    # First of all what took so long is kept.
    if wanted.out is not None:
        write(evaluation, figures, wanted.out)
    show(report.tables(figures))
    if not (wanted.files or wanted.ham or wanted.spam):
        show_floor(model, sets[0])


def freeze(folder: Path) -> None:
    """Writes the figures of the model in `folder` on the corpus's held-out part as the new floor."""
    model, measured = Model.load(folder), held_out_set()
    show_floor(model, measured)
    write_floor(floor_of(model, measured))
    tell(f"{FLOOR} written")


def read_sets(wanted: Wanted) -> list[EvaluationSet]:
    """The sets asked for, each with a name of its own; the corpus's held-out part where no file is named."""
    kinds: list[tuple[Kind, tuple[Path, ...]]] = [
        ("labelled", wanted.files),
        ("ham", wanted.ham),
        ("spam", wanted.spam),
    ]
    without = {trace(row) for path in wanted.without for row in read_set(path, "ham").rows}
    sets = [read_set(path, kind, without=without) for kind, paths in kinds for path in paths]
    return _named_apart(sets) or [less(held_out_set(), without)]


def _named_apart(sets: Sequence[EvaluationSet]) -> list[EvaluationSet]:
    """A file may be given twice, for its labels and for its spam, and two files may have one name."""
    named: dict[str, EvaluationSet] = {}
    for measured in sets:
        name, count = measured.name, 1
        while name in named:
            count += 1
            name = f"{measured.name} ({count})"
        named[name] = msgspec.structs.replace(measured, name=name)
    return list(named.values())


def baseline_rows(files: Sequence[Path], sets: Sequence[EvaluationSet]) -> list[Row]:
    """The tagged rows of the corpus and `files`, less whatever is measured on."""
    sources = [*read_corpus(), *(read_source(path, streamlike=True) for path in files)]
    rows = [row for source in sources for row in source.rows if row.tag is not None]
    return distinct(learnable(rows, [measured.rows for measured in sets]))


def trained_baselines(rows: Sequence[Row]) -> list[Reader]:
    """Those there are here; says so where fastText is not."""
    trained: list[Reader] = []
    with progress(f"training {baselines.Tfidf.name} on {len(rows)} comments", 1) as advance:
        trained.append(baselines.Tfidf(rows))
        advance(1)
    if not baselines.has_fasttext():
        tell(baselines.FASTTEXT_MISSING)
        return trained
    with progress(f"training {baselines.FastText.name} on {len(rows)} comments", 1) as advance:
        trained.append(baselines.FastText(rows))
        advance(1)
    return trained


def write(evaluation: Evaluation, figures: dict[str, Any], folder: Path) -> None:
    """`evaluation.json` and the plots."""
    folder.mkdir(parents=True, exist_ok=True)
    text = msgspec.json.format(msgspec.json.encode(figures), indent=2)
    (folder / "evaluation.json").write_bytes(text + b"\n")
    if not plots.has_matplotlib():
        tell(plots.MISSING)
        return
    for path in plots.draw(evaluation.sets, evaluation.readings, folder):
        tell(str(path))


def show_floor(model: Model, measured: EvaluationSet) -> None:
    """The frozen figures beside those of now."""
    try:
        frozen = read_floor()
    except (OSError, msgspec.DecodeError) as error:
        tell(f"{FLOOR}: no frozen figures to compare with ({error}); {FREEZE} writes them")
        return
    now = floor_of(model, measured)
    if now.held_out != frozen.held_out:
        tell(f"the held-out part of the corpus is another than when the figures were frozen; {FREEZE} freezes new ones")
    lines = [
        (one.name, f"{one.frozen:.4f}", f"{one.now:.4f}", f"{one.tolerance:.3f}", "below" if one.below else "")
        for one in compared(frozen, now)
    ]
    title = f"Frozen figures ({frozen.model}, {frozen.rows} comments) and now ({now.model}, {now.rows})"
    head = ("figure", "frozen", "now", "tolerance", "")
    show(iter([report.Table(title=title, head=head, lines=tuple(lines))]))
