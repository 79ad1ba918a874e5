"""`predict`: comments judged one after another."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from typing import TextIO

import click
import msgspec

from services.classifier.careful.embedding import Embedder
from services.classifier.careful.reading import careful_reader, read_carefully
from services.classifier.comment_file import Comment
from services.classifier.model import DEFAULT_MODEL, Model
from shared.obs import configure_logging

AT_ONCE = 256
CAREFULLY_AT_ONCE = 16
"""Read carefully, a comment takes some 25 ms: results should not keep people waiting."""


def predict_with(folder: Path | None, comments: Iterator[Comment], *, fast: bool) -> None:
    """`predict_all` by the model in `folder`, the packaged one without; raises ModelError, and what `comments` raises.

    They are read carefully, unless `fast` or where this machine cannot, which is said.
    """
    configure_logging(service="predict", level="error")
    model = Model.load(folder or DEFAULT_MODEL)
    embedder = None
    with ExitStack() as stack:
        if model.careful_name and not fast:
            embedder, reason = careful_reader(model)
            if embedder is None:
                click.echo(f"read fast: {reason}", err=True)
            else:
                stack.callback(embedder.close)
        predict_all(comments, model, embedder=embedder)


def predict_all(
    comments: Iterator[Comment], model: Model, *, embedder: Embedder | None = None, out: TextIO | None = None
) -> None:
    """Writes one judgement for each comment, as JSON, to `out` (standard output).

    With `embedder` all of them are read carefully, without a deadline. Progress goes to standard error where that is a
    terminal, and at last how many had no text.
    """
    out = sys.stdout if out is None else out
    progress = sys.stderr.isatty()
    done = 0
    empty: list[int] = []
    while batch := list(islice(comments, AT_ONCE if embedder is None else CAREFULLY_AT_ONCE)):
        texts = [comment.text for comment in batch]
        for judgement in model.judge(texts) if embedder is None else read_carefully(model, embedder, texts):
            out.write(msgspec.json.encode(judgement).decode() + "\n")
        done += len(batch)
        empty += [comment.line for comment in batch if not comment.text.strip()]
        if progress:
            click.echo(f"\r{done} comments", nl=False, err=True)
    if progress:
        click.echo(err=True)
    if empty:
        click.echo(f"without text: {_lines(empty)}; an empty text is judged by nothing at all", err=True)


def _lines(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    return f"{len(numbers)} comments, the first in line {numbers[0]}"
