"""Texts of the corpus that are too much like one another, or like what a model is measured on.

Of two such comments the corpus holds one only, so that cross-validation does not find in a fold what it learned in
another. A row of an evaluation file, or one nearly like it, would make every figure on that file worthless; against a
file of real comments the same look shows what was copied instead of thought up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from services.classifier.comment_file import Comment
from services.classifier.curation.rows import CorpusRow, Finding
from services.classifier.similarity import Similarity, plain

LIMIT = 0.5
"""Jaccard similarity of the character 5-grams of letters and figures in lower case (`similarity`); more is too much."""
SHORT = 18
"""Letters and figures. Where either text has fewer, only the same text is a leak: "Спасибо большое!" is everybody's,
and five such letters more or less are chance."""


def pairs(similarity: Similarity, rows: list[CorpusRow]) -> Iterator[Finding]:
    """Two rows too much alike; `similarity` was built from the texts of `rows`."""
    for place, other in similarity.pairs():
        one, two = rows[place], rows[other.place]
        yield Finding(
            where=one.where,
            what=f"{one.id} and {two.id} ({two.where}) are alike by {other.score:.2f}, over {LIMIT}; say one of them "
            f"in another way: {excerpt(one.text)} | {excerpt(two.text)}",
        )


def leaks(similarity: Similarity, rows: list[CorpusRow], file: str, comments: Iterable[Comment]) -> Iterator[Finding]:
    """Rows of the corpus that comments of `file` equal or are too much like. The comments are not quoted."""
    sizes = [len(plain(row.text)) for row in rows]
    found: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
    for comment in comments:
        size = len(plain(comment.text))
        for other in similarity.near(comment.text) if comment.text.strip() else ():
            if other.score == 1.0 or min(size, sizes[other.place]) >= SHORT:
                found[other.place].append((-other.score, comment.line))
    for place, places in sorted(found.items()):
        (score, line), more = min(places), len(places) - 1
        yield Finding(
            where=rows[place].where,
            what=f"{rows[place].id} is in {file}, line {line}{f' and {more} more' if more else ''}: alike by "
            f"{-score:.2f}, over {LIMIT}; say it in another way: {excerpt(rows[place].text)}",
        )


def excerpt(text: str, characters: int = 60) -> str:
    """On one line, for a finding."""
    line = " ".join(text.split())
    return line if len(line) <= characters else line[: characters - 1] + "…"
