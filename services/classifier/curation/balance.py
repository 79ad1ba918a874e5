"""How many comments of each kind the corpus holds, and how many there must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from services.classifier.curation.rows import FLAGS, CorpusRow, Finding
from shared.topics import OTHER, TOPIC_IDS

MIN_ROWS = 4_000
"""What the project asks of its own corpus, however much other data there is: it must do alone."""
MIN_TAG_SHARE = 0.15
"""Of all rows. Four tags would have 0.25 each; under this one tag a model learns mostly what the other three are."""
MIN_TOPIC_ROWS = 15
"""Complaints, and questions, of every topic. Training crosses five folds (training/specs.py): three to measure on."""
MIN_FLAG_ROWS = 100
"""With each flag. At a recall of 0.8 the 95 % interval is then 16 points wide (Wilson), about the widest that says
anything."""
ASKED = ("complaint", "question")
"""Tags whose topic decides where the comment goes."""
COLUMNS = ("complaint", "question", "other", "spam")


def topics() -> list[str]:
    """All topics by name, the rest last: the order of the table."""
    return [*sorted(TOPIC_IDS - {OTHER}), OTHER]


def shortfalls(rows: list[CorpusRow]) -> Iterator[Finding]:
    """What there is too little of."""

    def finding(what: str) -> Finding:
        return Finding(where="corpus", what=what)

    if len(rows) < MIN_ROWS:
        yield finding(f"{len(rows):,} comments; at least {MIN_ROWS:,} are asked for")
    tags = Counter(row.tag for row in rows)
    for tag in COLUMNS:
        if tags[tag] < MIN_TAG_SHARE * len(rows):
            yield finding(f"{tags[tag]:,} of {len(rows):,} are {tag}; at least {MIN_TAG_SHARE:.0%} are needed")
    cells = Counter((row.topic, row.tag) for row in rows)
    for topic in topics():
        for tag in ASKED:
            if cells[topic, tag] < MIN_TOPIC_ROWS:
                yield finding(f"{cells[topic, tag]} {tag}s about {topic}; at least {MIN_TOPIC_ROWS} are needed")
    flags = Counter(flag for row in rows for flag in row.flags)
    for flag in FLAGS:
        if flags[flag] < MIN_FLAG_ROWS:
            yield finding(f"{flags[flag]} with the flag {flag}; at least {MIN_FLAG_ROWS} are needed")


def table(rows: Iterable[CorpusRow]) -> str:
    """The counts in Markdown, as they stand in the corpus's README."""
    rows = list(rows)
    cells = Counter((row.topic, row.tag) for row in rows)
    flagged = Counter((flag, row.tag) for row in rows for flag in row.flags)
    tags = Counter(row.tag for row in rows)
    files = Counter(row.file.removesuffix(".jsonl") for row in rows)
    lines = [
        f"{len(rows):,} comments: {', '.join(f'`{name}` {count:,}' for name, count in sorted(files.items()))}.",
        "",
        f"| topic | {' | '.join(COLUMNS)} | all |",
        f"|---|{'---:|' * (len(COLUMNS) + 1)}",
        *(_line(f"`{topic}`", [cells[topic, tag] for tag in COLUMNS]) for topic in topics()),
        _line("all", [tags[tag] for tag in COLUMNS]),
        *(_line(f"flag `{flag}`", [flagged[flag, tag] for tag in COLUMNS]) for flag in FLAGS),
    ]
    return "\n".join(lines)


def _line(name: str, counts: list[int]) -> str:
    return f"| {name} | {' | '.join(f'{count:,}' for count in [*counts, sum(counts)])} |"
