"""`python -m services.classifier predict FILE`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@click.option("--column", default="text", show_default=True, help="Field of the file that holds the comment.")
@click.option("--model", type=click.Path(path_type=Path), help="Folder of a model; the packaged one by default.")
@click.option("--fast", is_flag=True, help="Leave out the careful reader, which takes about 25 ms a comment.")
def predict(file: Path, column: str, model: Path | None, fast: bool) -> None:
    """Judges the comments of FILE (CSV, JSONL, NDJSON; - for standard input); one JSON object a line, in its order."""
    from services.classifier.comment_file import CommentFileError, open_comments
    from services.classifier.manifest import ModelError, read_manifest

    try:
        if model is not None:
            read_manifest(model)
        with open_comments(file, column=column) as comments:
            # Takes seconds, which are only worth it when there is something to judge.
            from services.classifier.prediction import predict_with

            predict_with(model, comments, fast=fast)
    except (CommentFileError, ModelError) as error:
        raise click.ClickException(str(error)) from error
