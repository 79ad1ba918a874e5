"""`python -m services.classifier`: `serve`, and the commands for models, corpus and single files."""

from __future__ import annotations

import gc
import os
import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C while Python still reads its modules ends the process, without a page about what it was reading.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
# One thread judges at a time and its arrays are small: OpenBLAS's own threads would only cost memory and contend.
# It reads this when NumPy is first imported, which is below.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from pathlib import Path

import click

from services.classifier.commands import Commands
from shared.settings import SettingsError, load_settings


@click.group(cls=Commands)
def main() -> None:
    """Otklik's classifier of comments."""


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
    # Libraries and model stay as long as the process: the garbage collector need not look at them again and again,
    # which costs a twentieth of all judging.
    gc.freeze()
    run(
        lambda: make_app(settings, base),
        host=settings.host,
        port=settings.classifier_port,
        port_variable="OTKLIK_CLASSIFIER_PORT",
    )


if __name__ == "__main__":
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    main(prog_name="python -m services.classifier")
