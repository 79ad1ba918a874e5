"""How the figures are shown: a table that renews itself on a terminal, plain lines anywhere else."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from deploy.local.figures import Figures
from deploy.local.supervision import Condition

TAGS = ("complaint", "question", "other", "spam")


def table(figures: Figures, conditions: Sequence[Condition], stream: str) -> RenderableType:
    """Everything at one glance, for a terminal."""
    counts = Table(title="Comments since this start", title_justify="left", show_header=False)
    counts.add_column()
    counts.add_column(justify="right")
    counts.add_row("accepted", str(figures.accepted))
    if figures.duplicates:
        counts.add_row("sent again", str(figures.duplicates))
    for tag in TAGS:
        counts.add_row(f"tagged {tag}", str(figures.tagged.get(tag, 0)))
    counts.add_section()
    counts.add_row("dead letters that lie there", Text(str(figures.dead), style="bold red" if figures.dead else ""))

    queues = Table(title=f"Open cases now: {figures.waiting}", title_justify="left", show_header=False)
    queues.add_column(overflow="ellipsis", no_wrap=True, min_width=20, max_width=60)  # the title fits above it
    queues.add_column(justify="right")
    for institution, waiting in figures.queued:
        queues.add_row(Text(institution), str(waiting))
    if not figures.queued:
        queues.add_row("none yet", "")

    side_by_side = Table.grid(padding=(0, 4))
    side_by_side.add_row(counts, queues)
    return Group(side_by_side, Text(f"{stream} · {health(conditions)} · Ctrl-C stops", style="dim"))


def line(figures: Figures, conditions: Sequence[Condition], stream: str) -> str:
    """The same in one line, for a log."""
    tags = " ".join(f"{tag}={figures.tagged.get(tag, 0)}" for tag in TAGS)
    queues = ", ".join(f"{institution}: {waiting}" for institution, waiting in figures.queued)
    return (
        f"since this start: accepted={figures.accepted} again={figures.duplicates} {tags}"
        f" | now: dead={figures.dead} open={figures.waiting} | {queues or 'no open cases'}"
        f" | {stream} | {health(conditions)}"
    )


def health(conditions: Sequence[Condition]) -> str:
    """Which processes do not run as they should."""
    if not conditions:
        return "the supervisor does not answer"
    wrong = [f"{item.name} {item.state.lower()}" for item in conditions if item.state != "RUNNING"]
    return ", ".join(wrong) or f"{len(conditions)} processes running"
