"""`python -m services.classifier evaluate`: what can be asked for."""

from __future__ import annotations

from pathlib import Path

import click

from shared.numbers import WholeNumber

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("files", nargs=-1, type=FILE, metavar="[FILE]...")
@click.option("--ham", multiple=True, type=FILE, metavar="FILE", help="Comments of which none is spam.")
@click.option(
    "--spam",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="Only the spam in it, all of it if it has no column tag or spam.",
)
@click.option(
    "--without",
    multiple=True,
    type=FILE,
    metavar="FILE",
    help="Comments to leave out wherever they stand, such as those learned from.",
)
@click.option("--model", type=FILE, help="Folder of a model; the packaged one by default.")
@click.option("--fast", is_flag=True, help="Leave out the careful reader, which takes about 25 ms a comment.")
@click.option("--out", type=FILE, metavar="DIR", help="Where to write evaluation.json and the plots.")
@click.option(
    "--baselines/--no-baselines", default=True, help="TF-IDF with logistic regression and fastText beside ours."
)
@click.option(
    "--train", multiple=True, type=FILE, metavar="FILE", help="What the baselines learn from beside the corpus."
)
@click.option(
    "--disguised",
    default=1_500,
    show_default=True,
    type=WholeNumber(min=0),
    metavar="N",
    help="Comments of each file that are disguised, at most.",
)
@click.option("--freeze", is_flag=True, help="Make the figures on the corpus's held-out part the floor that CI holds.")
def evaluate(  # noqa: PLR0917 - click passes them by name
    files: tuple[Path, ...],
    ham: tuple[Path, ...],
    spam: tuple[Path, ...],
    without: tuple[Path, ...],
    model: Path | None,
    fast: bool,
    out: Path | None,
    baselines: bool,
    train: tuple[Path, ...],
    disguised: int,
    freeze: bool,
) -> None:
    """Measures a model on labelled comments: CSV or JSONL with `text` and any of tag, spam, topic, toxic, urgent,
    personal_data. Without a FILE on the held-out part of the corpus, beside its frozen figures.

    docs/evaluation.md says what each figure means.
    """
    from services.classifier.manifest import ModelError, read_manifest
    from services.classifier.training.records import TrainingError, read_records

    if freeze and (files or ham or spam):
        raise click.UsageError("--freeze takes no FILE: the floor lies on the corpus's held-out part")
    try:
        # What follows takes seconds only to be imported.
        if model is not None:
            read_manifest(model)
        for path in (*files, *ham, *spam, *without, *train):
            read_records(path)
    except (TrainingError, ModelError) as error:
        raise click.ClickException(str(error)) from error
    try:
        from services.classifier.model import DEFAULT_MODEL
        from services.classifier.training.evaluation import command
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing: install the extra `classifier`") from error
    folder = model or DEFAULT_MODEL
    try:
        if freeze:
            command.freeze(folder)
            return
        command.run(
            command.Wanted(
                files=files, ham=ham, spam=spam, without=without, model=folder, fast=fast, out=out,
                baselines=baselines, train=train, disguised=disguised,
            )
        )  # fmt: skip
    except (TrainingError, ModelError, OSError) as error:
        raise click.ClickException(str(error)) from error
