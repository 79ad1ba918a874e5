"""`python -m services.classifier corpus`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from services.classifier.comment_file import Comment, CommentFileError, read_comments
from services.classifier.curation.balance import shortfalls, table
from services.classifier.curation.likeness import LIMIT, leaks, pairs
from services.classifier.curation.readme import ReadmeError, out_of_date, write_counts
from services.classifier.curation.rows import CorpusRow, Finding, read_rows
from services.classifier.similarity import Similarity

FOLDER = Path(__file__).parents[1] / "corpus"
EACH = 1_000
"""Comments between two steps of the progress bar."""


@click.command()
@click.argument("action", type=click.Choice(["check", "counts"]), default="check")
@click.option("--corpus", "folder", type=click.Path(path_type=Path), default=FOLDER, help="Folder; the project's own.")
@click.option(
    "--against", multiple=True, type=click.Path(path_type=Path), metavar="FILE",
    help="check: comments (CSV, JSONL) that the corpus must not repeat. Once for each file.",
)  # fmt: skip
@click.option("--column", default="text", show_default=True, help="check: where the files --against have their texts.")
@click.option("--write", is_flag=True, help="counts: into the folder's README.md.")
def corpus(action: str, folder: Path, against: tuple[Path, ...], column: str, write: bool) -> None:
    """Checks the corpus, or counts it.

    check (the default): format of every line, ids, tags and topics; no two texts whose character 5-grams (of letters
    and figures in lower case) have a Jaccard similarity over 0.5; enough of each kind; the counts in README.md; and
    that no comment of the files --against is in it.

    counts: the table of tags, topics and flags.
    """
    if write and action != "counts":
        raise click.UsageError("--write belongs to counts")
    if against and action != "check":
        raise click.UsageError("--against belongs to check")
    try:
        rows, findings = read_rows(folder)
        if action == "counts":
            _count(folder, rows, findings, write)
        else:
            _check(folder, rows, findings, against, column)
    except (CommentFileError, ReadmeError) as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: cannot be read or written ({error.strerror})") from error


def _count(folder: Path, rows: list[CorpusRow], findings: list[Finding], write: bool) -> None:
    if findings:
        _tell(findings)
        raise click.ClickException("not counted; mend these first")
    if not write:
        click.echo(table(rows))
    elif write_counts(folder, rows):
        click.echo(f"{folder / 'README.md'}: written")
    else:
        click.echo(f"{folder / 'README.md'}: up to date")


def _check(
    folder: Path, rows: list[CorpusRow], findings: list[Finding], against: tuple[Path, ...], column: str
) -> None:
    found = [*findings, *shortfalls(rows), *out_of_date(folder, rows)]
    similarity = Similarity([row.text for row in rows], limit=LIMIT)
    found += pairs(similarity, rows)
    for path in against:
        comments = read_comments(path, column=column)
        found += leaks(similarity, rows, str(path), _shown(str(path), comments))
        click.echo(f"{path}: {len(comments):,} comments compared", err=True)
    _tell(found)
    files = len({row.file for row in rows})
    if found:
        raise click.ClickException(f"{len(found)} to mend in {len(rows):,} comments of {files} files")
    click.echo(f"{len(rows):,} comments in {files} files: in order")


def _tell(findings: Iterable[Finding]) -> None:
    for finding in findings:
        click.echo(finding)


def _shown(label: str, comments: list[Comment]) -> Iterator[Comment]:
    """With a bar on standard error where that is a terminal."""
    if not sys.stderr.isatty():
        yield from comments
        return
    with click.progressbar(comments, label=label, file=sys.stderr, update_min_steps=EACH) as bar:
        yield from bar
