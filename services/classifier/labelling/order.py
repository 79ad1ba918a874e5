"""Which comments to label first."""

from __future__ import annotations

from collections.abc import Sequence

from services.classifier.comment_file import Comment
from services.classifier.judgement import Judgement
from services.classifier.labelling.answers import digest
from services.classifier.similarity import Similarity, plain

SPREAD = 2_000
"""Comments at the front that are looked through for near copies: more than a person labels in a week."""
ALIKE = 0.5
"""Jaccard similarity from which on a comment teaches little beside the other: the corpus's own limit."""
MIN_LETTERS = 3
"""Of less the machine is unsure because there is nothing to read; it comes last."""


def distinct(comments: Sequence[Comment]) -> list[Comment]:
    """Each text once, without those of nothing but space."""
    first: dict[str, Comment] = {}
    for comment in comments:
        if comment.text.strip():
            first.setdefault(comment.text, comment)
    return list(first.values())


def shuffled(comments: Sequence[Comment]) -> list[Comment]:
    """By chance, and for everybody who labels these comments in the same way."""
    return sorted(comments, key=lambda comment: digest(comment.text))


def informative(
    comments: Sequence[Comment], judgements: Sequence[Judgement], labelled: Sequence[Comment] = ()
) -> list[Comment]:
    """Those first between whose two likeliest tags the machine decides by the least margin; near copies, of one
    another and of what is `labelled`, later.

    The margin is what uncertainty sampling takes where the right class matters (Settles, "Active Learning Literature
    Survey", 2009, 2.1).
    """
    margins = [_margin(judgement) for judgement in judgements]
    places = sorted(
        range(len(comments)), key=lambda place: (len(plain(comments[place].text)) < MIN_LETTERS, margins[place], place)
    )
    ordered = [comments[place] for place in places]
    return [*_spread(ordered[:SPREAD], labelled), *ordered[SPREAD:]]


def _margin(judgement: Judgement) -> float:
    first, second, *_ = sorted(judgement.scores.values(), reverse=True)
    return first - second


def _spread(comments: list[Comment], labelled: Sequence[Comment]) -> list[Comment]:
    """Copies wait for a round of their own, in which no two are alike; else the order stays."""
    everything = [*labelled, *comments]
    rounds = [0] * len(everything)
    for place, other in Similarity([comment.text for comment in everything], limit=ALIKE).pairs():
        rounds[place] = max(rounds[place], rounds[other.place] + 1)
    places = sorted(range(len(labelled), len(everything)), key=lambda place: (rounds[place], place))
    return [everything[place] for place in places]
