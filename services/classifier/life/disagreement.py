"""Where live model and shadow disagree: counts and a sample, in the bucket `model_disagreements` for thirty days.

A comment is named by its id; its text is never stored here.
"""

from __future__ import annotations

import zlib
from datetime import datetime

import msgspec

from services.classifier.judgement import Judgement, Share
from services.classifier.life.pointer import Version
from shared.bus import Bus
from shared.events import Tag
from shared.events.base import Id

BUCKET = "model_disagreements"
SLOTS = 25
"""Comments kept for each pair of tags; a later one takes the place of an earlier one."""

Table = dict[Tag, dict[Tag, int]]
"""How often the live model said the first tag and the shadow the second."""


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one of the two said."""

    tag: Tag
    scores: dict[Tag, Share]

    @classmethod
    def of(cls, judgement: Judgement) -> Side:
        """Of a judgement."""
        return cls(tag=judgement.tag, scores=judgement.scores)


class Disagreement(msgspec.Struct, frozen=True, kw_only=True):
    """One comment that the two tag differently."""

    comment: Id
    live: Side
    shadow: Side
    at: datetime

    def slot(self) -> str:
        """Where it is kept: the same comment always in the same place, so that a repetition takes no other."""
        return f"{self.live.tag}.{self.shadow.tag}.{zlib.crc32(self.comment.encode()) % SLOTS}"


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a pair of versions, over all replicas."""

    live: Version
    shadow: Version
    compared: int
    agreed: int
    table: Table
    sample: list[Disagreement]
    """The latest first, at most 25 for each pair of tags."""


class Disagreements:
    """The bucket. Every call raises Unavailable when the broker does not answer."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def put_table(self, pair: tuple[str, str], writer: str, table: Table) -> None:
        """What `writer` has counted so far."""
        bucket = await self._bus.bucket(BUCKET)
        await bucket.put(f"{pair[0]}.{pair[1]}.counts.{writer}", msgspec.json.encode(table))

    async def put(self, pair: tuple[str, str], item: Disagreement) -> None:
        """Keeps one for the sample."""
        bucket = await self._bus.bucket(BUCKET)
        await bucket.put(f"{pair[0]}.{pair[1]}.sample.{item.slot()}", msgspec.json.encode(item))

    async def read(self, live: str, shadow: str) -> Comparison:
        """Everything about this pair."""
        bucket = await self._bus.bucket(BUCKET)
        total: Table = {}
        sample = []
        for key, raw in (await bucket.entries(f"{live}.{shadow}")).items():
            kind = key.split(".")[2]
            try:
                if kind == "counts":
                    _add(total, msgspec.json.decode(raw, type=Table))
                elif kind == "sample":
                    sample.append(msgspec.json.decode(raw, type=Disagreement))
            except (msgspec.DecodeError, UnicodeDecodeError):
                # Written by another release; it expires.
                continue
        return Comparison(
            live=live,
            shadow=shadow,
            compared=sum(sum(row.values()) for row in total.values()),
            agreed=sum(row.get(tag, 0) for tag, row in total.items()),
            table=total,
            sample=sorted(sample, key=lambda item: item.at, reverse=True),
        )


def _add(total: Table, more: Table) -> None:
    for live, row in more.items():
        for shadow, count in row.items():
            kept = total.setdefault(live, {})
            kept[shadow] = kept.get(shadow, 0) + count
