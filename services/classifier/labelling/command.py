"""`python -m services.classifier label FILE`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import click

from services.classifier.comment_file import Comment, CommentFileError, read_comments
from services.classifier.labelling.answers import AnswerFile, AnswersError, digest
from services.classifier.labelling.order import distinct, informative, shuffled
from services.classifier.labelling.session import Session, Suggest
from services.classifier.labelling.terminal import PlainTerminal, is_terminal
from services.classifier.labelling.wording import WORDINGS, Language
from services.classifier.manifest import ModelError
from services.classifier.model import DEFAULT_MODEL, Model
from shared.clock import utc_now


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Where the answers go; FILE.labels.jsonl by default.")
@click.option("--by", help="Who labels; stored with each answer. The name in --out, else the user's, by default.")
@click.option("--language", type=click.Choice(["ru", "en"]), help="Of the screen; after LANG by default.")
@click.option(
    "--order", type=click.Choice(["uncertain", "random", "file"]), default="uncertain", show_default=True,
    help="uncertain: most informative first. random: the same for everybody; for measuring.",
)  # fmt: skip
@click.option(
    "--suggest", type=click.Choice(["before", "after", "never"]), default="after", show_default=True,
    help="When to tell what the machine thinks; seen before, it pulls the answer its way.",
)  # fmt: skip
@click.option("--topics/--no-topics", default=True, help="Whether to ask for the topic of complaints and questions.")
@click.option("--column", default="text", show_default=True, help="Where FILE has its texts.")
@click.option("--model", type=click.Path(path_type=Path), help="Folder of a model; the packaged one by default.")
def label(
    file: Path,
    *,
    out: Path | None,
    by: str | None,
    language: str | None,
    order: str,
    suggest: str,
    topics: bool,
    column: str,
    model: Path | None,
) -> None:
    """Labels the comments of FILE (CSV, JSONL, NDJSON) at the keyboard; stop and go on whenever you like.

    The answers can be learned from: `train --data FILE.labels.jsonl`. How to label: docs/labelling.md.
    """
    if not is_terminal():
        raise click.ClickException("a person answers here: start it in a terminal, without pipes")
    wording = WORDINGS[cast("Language", language) if language else _language()]
    try:
        comments = distinct(read_comments(file, column=column))
        needed = order == "uncertain" or suggest != "never"
        judge = Model.load(model or DEFAULT_MODEL) if needed else None
        with AnswerFile(out or file.with_name(f"{file.name}.labels.jsonl"), by=by) as answers:
            answers.by = answers.by or _user()
            terminal = PlainTerminal()
            terminal.show(wording.welcome.format(file=file, out=answers.path, by=answers.by))
            if answers.torn:
                terminal.show(wording.torn)
            terminal.show(wording.resumed if answers.answers else wording.guide)
            Session(
                _ordered(comments, {answer.sha256 for answer in answers.answers}, order, judge),
                answers,
                terminal,
                wording,
                clock=utc_now,
                judge=None if judge is None else lambda text: judge.judge([text])[0],
                suggest=cast("Suggest", suggest),
                topics=topics,
            ).run()
            terminal.show(wording.goodbye.format(out=answers.path))
    except (CommentFileError, AnswersError) as error:
        raise click.ClickException(str(error)) from error
    except ModelError as error:
        raise click.ClickException(f"{error} (--order random --suggest never does without a model)") from error


def _ordered(comments: Sequence[Comment], done: set[str], order: str, model: Model | None) -> Sequence[Comment]:
    """What is labelled already comes first; its place does not matter."""
    if order == "random":
        return shuffled(comments)
    if order == "uncertain" and model is not None:
        labelled = [comment for comment in comments if digest(comment.text) in done]
        left = [comment for comment in comments if digest(comment.text) not in done]
        return [*labelled, *informative(left, model.judge([comment.text for comment in left]), labelled)]
    return comments


def _language() -> Language:
    named = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return "ru" if named.lower().startswith("ru") else "en"


def _user() -> str:
    return os.environ.get("USER") or f"uid {os.getuid()}"
