"""`python -m services.classifier serve | train | predict FILE`."""

from __future__ import annotations

import os

# One thread judges at a time and its arrays are small: OpenBLAS's own threads would only cost memory and contend.
# It reads this when NumPy is first imported, which is below.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import click

from shared.settings import SettingsError, load_settings


@click.group()
def main() -> None:
    """Otklik's classifier of comments."""


@main.command()
def serve() -> None:
    """Judges what comes over the broker, and answers HTTP, until SIGTERM or SIGINT."""
    from services.classifier.app import make_app
    from services.classifier.manifest import ModelError
    from services.classifier.model import DEFAULT_MODEL, Model
    from services.classifier.settings import Settings
    from shared.obs import configure_logging
    from shared.web import serve as run

    try:
        settings = load_settings(Settings)
        model = Model.load(Path(settings.model_path) if settings.model_path else DEFAULT_MODEL)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    except ModelError as error:
        raise click.ClickException(f"OTKLIK_MODEL_PATH: {error}") from error
    configure_logging(service="classifier", level=settings.log_level, format=settings.log_format)
    run(
        lambda: make_app(settings, model),
        host=settings.host,
        port=settings.classifier_port,
        port_variable="OTKLIK_CLASSIFIER_PORT",
    )


@main.command()
@click.option(
    "--data", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Further labelled comments, CSV or JSONL: `text` and any of tag, topic, toxic, urgent.",
)  # fmt: skip
@click.option("--licence", multiple=True, help="Licence of the --data file in the same place, for the card.")
@click.option(
    "--evaluate", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="Labelled comments to measure on, never to learn from.",
)  # fmt: skip
@click.option("--corpus", type=click.Path(path_type=Path), help="Folder of *.jsonl; the project's own by default.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the model; the packaged one by default.")
def train(
    data: tuple[Path, ...],
    licence: tuple[str, ...],
    evaluate: tuple[Path, ...],
    corpus: Path | None,
    out: Path | None,
) -> None:
    """Trains a model on the corpus and writes it with its card."""
    from services.classifier.model import DEFAULT_MODEL
    from services.classifier.training.command import train_model
    from services.classifier.training.rows import CORPUS, TrainingError

    if len(licence) > len(data):
        raise click.UsageError("more --licence than --data")
    licences = [*licence, *["not stated"] * (len(data) - len(licence))]
    try:
        version = train_model(
            data=data, licences=licences, evaluate=evaluate, corpus=corpus or CORPUS, out=out or DEFAULT_MODEL
        )
    except (TrainingError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(version)


@main.command()
@click.argument("file")
@click.option("--model", type=click.Path(path_type=Path), help="Folder of a model; the packaged one by default.")
def predict(file: str, model: Path | None) -> None:
    """Judges the column `text` of a CSV file (- for standard input); one JSON object a line, in the file's order."""
    from services.classifier.manifest import ModelError
    from services.classifier.model import DEFAULT_MODEL, Model
    from services.classifier.prediction import UnreadableFile, predict_file

    try:
        predict_file(file, Model.load(model or DEFAULT_MODEL))
    except (ModelError, UnreadableFile) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main(prog_name="python -m services.classifier")
