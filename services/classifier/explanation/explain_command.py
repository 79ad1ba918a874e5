"""`explain`: why comments are judged as they are, from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from shared.numbers import WholeNumber

if TYPE_CHECKING:
    from services.classifier.comment_file import Comment
    from services.classifier.explanation.reason import HeadName

HEADS = ("spam", "tag", "topic", "toxic", "urgent")


@click.command("explain")
@click.argument("file", required=False, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--text", help="One comment, instead of a file.")
@click.option("--column", default="text", show_default=True, help="Field of the file that holds the comment.")
@click.option(
    "--head", "heads", multiple=True, type=click.Choice(HEADS), default=("spam", "tag"), show_default=True,
    help="The questions whose answers shall be explained.",
)  # fmt: skip
@click.option(
    "--spans", default=10, show_default=True, type=WholeNumber(0),
    help="How many on either side; of a table, how many words.",
)  # fmt: skip
@click.option("--human", is_flag=True, help="Tables for people instead of JSON.")
@click.option("--model", type=click.Path(path_type=Path), help="Folder of a model; the packaged one by default.")
def explain_command(
    *,
    file: Path | None,
    text: str | None,
    column: str,
    heads: tuple[HeadName, ...],
    spans: int,
    human: bool,
    model: Path | None,
) -> None:
    """Tells which words spoke for and against each answer of the fast reader, in one comment or in those of FILE (CSV,
    JSONL, NDJSON; - for standard input).

    One JSON object a line for each, in order, whose places are code points; with --human a table for each question:
    what every word added to each answer.
    """
    from services.classifier.comment_file import CommentFileError, open_comments
    from services.classifier.manifest import ModelError, read_manifest

    if (file is None) == (text is None):
        raise click.UsageError("either --text or a FILE")
    try:
        if model is not None:
            read_manifest(model)
        with ExitStack() as stack:
            texts = iter([text or ""])
            if file is not None:
                texts = _texts(stack.enter_context(open_comments(file, column=column)))
            _explain(texts, dict.fromkeys(heads), spans, human, model)
    except (CommentFileError, ModelError) as error:
        raise click.ClickException(str(error)) from error


def _texts(comments: Iterator[Comment]) -> Iterator[str]:
    return (comment.text for comment in comments)


def _explain(texts: Iterator[str], heads: dict[HeadName, None], spans: int, human: bool, folder: Path | None) -> None:
    import msgspec

    from services.classifier.explanation.table import told
    from services.classifier.explanation.weighing import explain
    from services.classifier.model import DEFAULT_MODEL, Model

    judge = Model.load(folder or DEFAULT_MODEL)
    for number, text in enumerate(texts):
        if human:
            # A table has every word's part in every answer, the strongest words first.
            found = explain(judge, text, heads=tuple(heads), most=len(text))
            if number:
                click.echo()
            click.echo("\n".join(told(text, found, spans)))
        else:
            click.echo(msgspec.json.encode(explain(judge, text, heads=tuple(heads), most=spans)))
