"""`python -m services.classifier agreement A.jsonl B.jsonl`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from services.classifier.labelling.agreement import (
    Agreement,
    AgreementError,
    Pair,
    agreements,
    differences,
    paired,
    read_labels,
)
from services.classifier.visible import visible


@click.command()
@click.argument("one", type=click.Path(path_type=Path))
@click.argument("two", type=click.Path(path_type=Path))
@click.option("--show-text", is_flag=True, help="Print the comments they differ on, not only their ids.")
def agreement(one: Path, two: Path, show_text: bool) -> None:
    """Compares two people's labels of the same comments, as `label` stores them.

    Cohen's kappa with its 95 % interval for the tag, the topic and each flag, who gave what where, and the comments on
    which they differ.
    """
    try:
        first, second = read_labels(one), read_labels(two)
    except AgreementError as error:
        raise click.ClickException(str(error)) from error
    pairs = paired(first, second)
    if not pairs:
        raise click.ClickException(
            f"{one} ({len(first)} comments) and {two} ({len(second)}) share no comment; two people must label the same "
            "file, best with --order random"
        )
    click.echo(f"A: {one}, {len(first)} comments\nB: {two}, {len(second)} comments\nin both: {len(pairs)}\n")
    if one.read_bytes() == two.read_bytes():
        click.echo("both files are the same: this says nothing of how far two people agree\n")
    compared = list(agreements(pairs))
    if not compared:
        raise click.ClickException("no label was given by both to any comment")
    for item in compared:
        click.echo(_summary(item))
    for item in compared:
        if item.label != "topic":
            click.echo(f"\n{item.label}: A down, B across")
            click.echo(_table(item))
    _tell_differences(pairs, show_text)


def _summary(item: Agreement) -> str:
    told = f"{item.differing} of {item.count} differ"
    if item.kappa is None:
        return f"{item.label}: {told}; no kappa: both gave the same value to all"
    if item.differing == 0:
        return f"{item.label}: kappa {item.kappa:.3f}; {told} (of more comments up to {item.most:.1%} might)"
    interval = " (too little differs for an interval)"
    if item.interval is not None:
        interval = f" (95 %: {item.interval[0]:.3f} to {item.interval[1]:.3f})"
    return f"{item.label}: kappa {item.kappa:.3f}{interval}; {told}"


def _table(item: Agreement) -> str:
    cells = [["", *item.values]]
    cells += [[value, *map(str, row)] for value, row in zip(item.values, item.table.tolist(), strict=True)]
    width = max(len(cell) for row in cells for cell in row)
    return "\n".join(" ".join(cell.rjust(width) for cell in row) for row in cells)


def _tell_differences(pairs: Iterable[Pair], show_text: bool) -> None:
    found = list(differences(list(pairs)))
    click.echo(f"\ndifferences: {len(found)} (comment, label, A, B)")
    for pair, label, one, two in found:
        click.echo(f"{pair.name}\t{label}\t{one}\t{two}")
        if show_text:
            click.echo(f"\t{' '.join(visible(pair.one.text or pair.two.text or '').split())}")
