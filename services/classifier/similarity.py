"""How alike two texts are: the Jaccard similarity of their character 5-grams.

Of a text in lower case its letters and figures alone are looked at, as one run: spaces, marks and emoji say nothing.
Which texts may reach the limit at all is found by prefix filtering (Bayardo, Ma, Srikant, "Scaling Up All Pairs
Similarity Search", 2007): two sets above it share one of their rarest members. What is found is then counted exactly,
so that nothing above the limit is missed and nothing below it is named.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

import msgspec

GRAM = 5


class Alike(msgspec.Struct, frozen=True):
    """Another text above the limit."""

    place: int
    """Among the texts that were given."""
    score: float


def plain(text: str) -> str:
    """Letters and figures in lower case."""
    return "".join(filter(str.isalnum, text.lower()))


def grams(text: str) -> frozenset[str]:
    """Never empty: a shorter text is its own only gram, and a text of marks and emoji stands for itself."""
    letters = plain(text)
    if not letters:
        return frozenset((text.strip(),))
    return frozenset(letters[start : start + GRAM] for start in range(max(1, len(letters) - GRAM + 1)))


def jaccard(one: frozenset[str], two: frozenset[str]) -> float:
    """Members of both among members of either."""
    shared = len(one & two)
    return shared / (len(one) + len(two) - shared)


class Similarity:
    """Looks for texts more alike than `limit` among `texts`."""

    def __init__(self, texts: Sequence[str], *, limit: float) -> None:
        if not 0 < limit < 1:
            raise ValueError(f"a limit between 0 and 1 is needed, not {limit}")
        self._limit = limit
        self._grams = [grams(text) for text in texts]
        self._known = Counter(gram for members in self._grams for gram in members)
        self._holding: defaultdict[str, list[int]] = defaultdict(list)
        for place, members in enumerate(self._grams):
            for gram in self._rarest(members):
                self._holding[gram].append(place)

    def near(self, text: str) -> list[Alike]:
        """The texts that are like this one, the likest first."""
        return self._near(grams(text))

    def pairs(self) -> Iterator[tuple[int, Alike]]:
        """Each pair once: a place and the earlier one that is like it; in the order of the places."""
        for place, members in enumerate(self._grams):
            for other in self._near(members, before=place):
                yield place, other

    def _near(self, members: frozenset[str], *, before: int | None = None) -> list[Alike]:
        candidates: set[int] = set()
        for gram in self._rarest(members):
            candidates.update(self._holding.get(gram, ()))
        found = []
        for place in candidates:
            if before is None or place < before:
                score = jaccard(members, self._grams[place])
                if score > self._limit:
                    found.append(Alike(place, score))
        return sorted(found, key=lambda other: (-other.score, other.place))

    def _rarest(self, members: frozenset[str]) -> list[str]:
        """As many as leave out fewer than any set above the limit would have to share."""
        known = self._known
        ordered = sorted(members, key=lambda gram: (known.get(gram, 0), gram))
        return ordered[: len(ordered) - int(self._limit * len(ordered))]
