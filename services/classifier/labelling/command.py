"""`python -m services.classifier label FILE`."""

from __future__ import annotations

import os
import pwd
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from services.classifier.comment_file import STDIN, Comment, read_comments
from services.classifier.labelling.answers import AnswerFile, digest
from services.classifier.labelling.order import distinct, informative, shuffled
from services.classifier.labelling.refusals import LabelError, Stopped
from services.classifier.labelling.session import Session, Suggest
from services.classifier.labelling.terminal import PlainTerminal, is_terminal
from services.classifier.labelling.wording import WORDINGS, Language
from services.classifier.refusal import Refusal
from shared.clock import utc_now

if TYPE_CHECKING:
    from services.classifier.model import Model


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
    chosen = cast("Language", language) if language else _language()
    try:
        _label(
            file, out=out, by=by, language=chosen, order=order, suggest=cast("Suggest", suggest), topics=topics,
            column=column, folder=model,
        )  # fmt: skip
    except Refusal as error:
        raise Stopped(error, chosen) from error


def _label(
    file: Path,
    *,
    out: Path | None,
    by: str | None,
    language: Language,
    order: str,
    suggest: Suggest,
    topics: bool,
    column: str,
    folder: Path | None,
) -> None:
    """Raises Refusal."""
    if not is_terminal():
        raise LabelError("no_terminal")
    if file == STDIN:
        raise LabelError("keyboard")
    wording = WORDINGS[language]
    comments = distinct(read_comments(file, column=column))
    if not comments:
        raise LabelError("only_blank", file=file)
    with AnswerFile(out or file.with_name(f"{file.name}.labels.jsonl"), by=by) as answers:
        answers.by = answers.by or _user()
        judge = _judge(folder) if order == "uncertain" or suggest != "never" else None
        terminal = PlainTerminal()
        terminal.show(wording.welcome.format(file=file, out=answers.path, by=answers.by))
        if answers.torn:
            terminal.show(wording.torn)
        terminal.show(wording.resumed if answers.answers else wording.guide)
        left = Session(
            _ordered(comments, {answer.sha256 for answer in answers.answers}, order, judge),
            answers,
            terminal,
            wording,
            clock=utc_now,
            judge=None if judge is None else lambda text: judge.judge([text])[0],
            suggest=suggest,
            topics=topics,
        ).run()
        terminal.show(wording.goodbye.format(out=answers.path))
        if left:
            terminal.show(wording.more)


def _judge(folder: Path | None) -> Model:
    """The model, which takes seconds to load; raises LabelError."""
    from services.classifier.manifest import ModelError, read_manifest

    try:
        if folder is not None:
            read_manifest(folder)
        from services.classifier.model import DEFAULT_MODEL, Model

        return Model.load(folder or DEFAULT_MODEL)
    except ModelError as error:
        raise LabelError("model", reason=error) from error


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
    """The machine's name for who sits before it."""
    try:
        return os.environ.get("USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
