"""`python -m services.classifier`: `serve`, and the commands for models, corpus and single files."""

from __future__ import annotations

import os

# One thread judges at a time and its arrays are small: OpenBLAS's own threads would only cost memory and contend.
# It reads this when NumPy is first imported, which is below.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import click

from services.classifier.curation.command import corpus as corpus_command
from services.classifier.evaluate_command import evaluate as evaluate_command
from services.classifier.explanation.explain_command import explain_command
from services.classifier.labelling.agreement_command import agreement
from services.classifier.labelling.command import label
from services.classifier.life.versions_command import models
from services.classifier.train_command import train
from shared.settings import SettingsError, load_settings


@click.group()
def main() -> None:
    """Otklik's classifier of comments."""


main.add_command(train)
main.add_command(models)
main.add_command(corpus_command)
main.add_command(evaluate_command)
main.add_command(explain_command)
main.add_command(label)
main.add_command(agreement)


@main.command()
def serve() -> None:
    """Judges what comes over the broker, and answers HTTP, until SIGTERM or SIGINT."""
    from services.classifier.app import make_app
    from services.classifier.life.registry import load_folder
    from services.classifier.manifest import ModelError
    from services.classifier.model import DEFAULT_MODEL
    from services.classifier.settings import Settings
    from shared.obs import configure_logging
    from shared.web import serve as run

    try:
        settings = load_settings(Settings)
        base = load_folder(Path(settings.model_path) if settings.model_path else DEFAULT_MODEL)
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    except ModelError as error:
        raise click.ClickException(f"OTKLIK_MODEL_PATH: {error}") from error
    configure_logging(service="classifier", level=settings.log_level, format=settings.log_format)
    run(
        lambda: make_app(settings, base),
        host=settings.host,
        port=settings.classifier_port,
        port_variable="OTKLIK_CLASSIFIER_PORT",
    )


@main.command()
@click.argument("file")
@click.option("--model", type=click.Path(path_type=Path), help="Folder of a model; the packaged one by default.")
@click.option("--fast", is_flag=True, help="Leave out the careful reader, which takes about 25 ms a comment.")
def predict(file: str, model: Path | None, fast: bool) -> None:
    """Judges the column `text` of a CSV file (- for standard input); one JSON object a line, in the file's order."""
    from contextlib import ExitStack

    from services.classifier.careful.reading import careful_reader
    from services.classifier.manifest import ModelError
    from services.classifier.model import DEFAULT_MODEL, Model
    from services.classifier.prediction import UnreadableFile, predict_file
    from shared.obs import configure_logging

    configure_logging(service="predict", level="error")
    try:
        loaded = Model.load(model or DEFAULT_MODEL)
        embedder = None
        with ExitStack() as stack:
            if loaded.careful_name and not fast:
                embedder, reason = careful_reader(loaded)
                if embedder is None:
                    click.echo(f"read fast: {reason}", err=True)
                else:
                    stack.callback(embedder.close)
            predict_file(file, loaded, embedder=embedder)
    except (ModelError, UnreadableFile) as error:
        raise click.ClickException(str(error)) from error


if __name__ == "__main__":
    main(prog_name="python -m services.classifier")
