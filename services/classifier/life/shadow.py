"""The shadow: a second model that judges some of the same comments, and whose word counts for nothing."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from services.classifier.judgement import Judgement
from services.classifier.life.disagreement import Disagreement, Disagreements, Side, Table
from services.classifier.model import Model
from shared.clock import Clock
from shared.errors import Unavailable
from shared.obs import metrics

PUTS_AT_ONCE = 10
"""Samples stored in one go: each is a write with an fsync that comments need more."""

log = structlog.get_logger(__name__)


class Shadow:
    """Counts where `model` and the live model disagree, and keeps a sample; both reach the bucket with `flush`."""

    def __init__(self, store: Disagreements | None, *, replica: str, clock: Clock) -> None:
        self._store = store
        self._replica = replica
        self._clock = clock
        self._live = ""
        self._table: Table = {}
        self._changed = False
        self._waiting: dict[str, Disagreement] = {}
        self._switches = 0
        self.model: Model | None = None

    @property
    def pair(self) -> tuple[str, str] | None:
        """The versions that are compared: live and shadow."""
        return None if self.model is None else (self._live, self.model.version)

    def switch(self, live: str, model: Model | None) -> None:
        """From now on `model` stands in the shadow of the version `live`; None for no shadow."""
        before = self.pair
        self._live, self.model = live, model
        if self.pair != before:
            # What was counted for the pair before stays in the bucket under the name it has there.
            self._table, self._waiting, self._changed = {}, {}, False
            self._switches += 1

    def record(
        self, pair: tuple[str, str], comments: Sequence[str], live: Sequence[Judgement], shadow: Sequence[Judgement]
    ) -> None:
        """Takes in what both said; nothing, if `pair` is no longer the present one."""
        if pair != self.pair:
            return
        now = self._clock()
        for comment, one, other in zip(comments, live, shadow, strict=True):
            metrics.SHADOW_COMPARED.labels(live=one.tag, shadow=other.tag).inc()
            row = self._table.setdefault(one.tag, {})
            row[other.tag] = row.get(other.tag, 0) + 1
            if one.tag != other.tag:
                item = Disagreement(comment=comment, live=Side.of(one), shadow=Side.of(other), at=now)
                # At most as many wait as there are slots: twelve pairs of tags, SLOTS each.
                self._waiting[item.slot()] = item
        self._changed = self._changed or bool(comments)

    async def flush(self) -> None:
        """Brings the counts and some of the sample to the bucket; what cannot be stored now waits for the next time."""
        pair, switches = self.pair, self._switches
        if pair is None or self._store is None or (not self._changed and not self._waiting):
            return
        try:
            if self._changed:
                self._changed = False
                await self._store.put_table(pair, f"{self._replica}-{self._switches}", self._table)
            for slot, item in list(self._waiting.items())[:PUTS_AT_ONCE]:
                # Whoever switched away, and perhaps back, has forgotten what waited.
                if switches != self._switches:
                    return
                await self._store.put(pair, item)
                if self._waiting.get(slot) is item:
                    del self._waiting[slot]
        except Unavailable as error:
            self._changed = True
            log.debug("disagreements not stored yet", error=error.detail)
