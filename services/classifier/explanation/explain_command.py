"""`explain`: why comments are judged as they are, from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from services.classifier.explanation.reason import HeadName

HEADS = ("spam", "tag", "topic", "toxic", "urgent")


@click.command("explain")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--text", help="One comment, instead of a file.")
@click.option("--column", default="text", show_default=True, help="Field of the file that holds the comment.")
@click.option(
    "--head", "heads", multiple=True, type=click.Choice(HEADS), default=("spam", "tag"), show_default=True,
    help="The questions whose answers shall be explained.",
)  # fmt: skip
@click.option("--spans", default=10, show_default=True, type=click.IntRange(0), help="How many on either side.")
@click.option("--model", type=click.Path(path_type=Path), help="Folder of a model; the packaged one by default.")
def explain_command(
    *, file: Path | None, text: str | None, column: str, heads: tuple[HeadName, ...], spans: int, model: Path | None
) -> None:
    """Tells which words spoke for and against each answer of the fast reader, in one comment or in those of FILE (CSV,
    JSONL); one JSON object for each, in order. Places are code points."""
    import msgspec

    from services.classifier.comment_file import CommentFileError, read_comments
    from services.classifier.explanation.weighing import explain
    from services.classifier.manifest import ModelError
    from services.classifier.model import DEFAULT_MODEL, Model

    if (file is None) == (text is None):
        raise click.UsageError("either --text or a FILE")
    try:
        texts = [text or ""] if file is None else [row.text for row in read_comments(file, column=column)]
        judge = Model.load(model or DEFAULT_MODEL)
    except (CommentFileError, ModelError) as error:
        raise click.ClickException(str(error)) from error
    for one in texts:
        line = msgspec.json.encode(explain(judge, one, heads=heads, most=spans))
        click.echo(msgspec.json.format(line, indent=2) if file is None else line)
