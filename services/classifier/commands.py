"""The commands of `python -m services.classifier`, each imported when it is asked for: some take seconds."""

from __future__ import annotations

from importlib import import_module

import click
import msgspec


class Place(msgspec.Struct, frozen=True):
    """Where a command stands, and what the list of commands says of it."""

    module: str
    name: str
    summary: str


PLACES = {
    "agreement": Place("labelling.agreement_command", "agreement", "How far two people's labels agree."),
    "corpus": Place("curation.command", "corpus", "Checks the project's own corpus, or counts it."),
    "evaluate": Place("evaluate_command", "evaluate", "Measures a model on labelled comments."),
    "explain": Place("explanation.explain_command", "explain_command", "Why comments are judged as they are."),
    "label": Place("labelling.command", "label", "Labels comments at the keyboard."),
    "models": Place("life.versions_command", "models", "Publishes, promotes and compares versions of the model."),
    "predict": Place("predict_command", "predict", "Judges the comments of a file."),
    "train": Place("train_command", "train", "Makes a model."),
}


class Commands(click.Group):
    """Those of PLACES beside its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All of them, by name."""
        return sorted({*self.commands, *PLACES})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """None where there is no such command."""
        place = PLACES.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        found: click.Command = getattr(import_module(f"services.classifier.{place.module}"), place.name)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, for which nothing need be imported."""
        rows = [(name, place.summary) for name, place in PLACES.items()]
        rows += [(name, command.get_short_help_str(100)) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(sorted(rows))
