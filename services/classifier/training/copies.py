"""Disguised copies of what is learned from: that honest people mix alphabets too must not make spam of their words."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from services.classifier.training.disguises import disguised
from services.classifier.training.rows import Row

LEARNED = ("latin", "greek", "figures", "spaced", "invisible", "stretched")
"""The disguises that copies are in; the other four are kept aside, so that robustness is measured with unknown ones."""
EVERY = 3
"""One comment in so many has a copy, in one disguise; which, is decided by its text."""
_SEED = 20_260_102


def with_copies(rows: Sequence[Row]) -> tuple[list[Row], list[int]]:
    """`rows`, and behind them the copies; and for each of all these the place of the row that it comes from.

    A copy says what its row says of tag and spam, and nothing else; it is no comment of a real page any more.
    """
    complete, origins = list(rows), list(range(len(rows)))
    for place, row in enumerate(rows):
        digest = hashlib.sha256(row.text.encode("utf-8", "surrogatepass")).digest()
        if digest[0] % EVERY or (row.tag is None and not row.no_spam):
            continue
        (text,) = disguised(LEARNED[digest[1] % len(LEARNED)], [row.text], seed=_SEED)
        if text != row.text:
            complete.append(Row(text=text, tag=row.tag, no_spam=row.no_spam))
            origins.append(place)
    return complete, origins
