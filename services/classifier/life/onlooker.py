"""What happens to comments after they were judged and published: shadow and drift look at as many as there is time for.

Nothing here can hold up or fail the work itself: what comes is put into a bounded place or skipped, the looking is done
in a thread of its own, for at most a fifth of the time, and in pieces so small that nobody notices.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import msgspec
import structlog

from services.classifier.judgement import Judgement
from services.classifier.life.drift import Drift
from services.classifier.life.shadow import Shadow
from services.classifier.model import Model
from shared.obs import metrics
from shared.waiting import rest

MAX_WAITING = 512
MAX_WAITING_CHARACTERS = 512 * 1024
MAX_CHARACTERS = 8_192
"""Longer comments are skipped: one of them would take as long as a hundred others."""
AT_ONCE = 64
AT_ONCE_CHARACTERS = 16 * 1024
BUSY_SHARE = 0.2
"""Of the time, at most, that looking takes."""
FLUSH_SECONDS = 5.0

log = structlog.get_logger(__name__)


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One comment as it was judged."""

    comment: str
    text: str
    judgement: Judgement
    by: str
    """The version that judged."""


class Onlooker:
    """An observer of `Live`, and the task that does the looking."""

    def __init__(self, *, shadow: Shadow, drift: Drift) -> None:
        self._shadow = shadow
        self._drift = drift
        self._waiting: deque[Seen] = deque()
        self._characters = 0
        self._news = asyncio.Event()
        self._turned = time.monotonic()

    def loop_age(self) -> float:
        """Seconds since the task last turned."""
        return time.monotonic() - self._turned

    def observe(
        self, comments: Sequence[str], texts: Sequence[str], judgements: Sequence[Judgement], *, by: Model
    ) -> None:
        """Puts them where the task finds them, as far as there is room."""
        skipped = 0
        for comment, text, judgement in zip(comments, texts, judgements, strict=True):
            if (
                len(self._waiting) >= MAX_WAITING
                or len(text) > MAX_CHARACTERS
                or self._characters + len(text) > MAX_WAITING_CHARACTERS
            ):
                skipped += 1
                continue
            self._waiting.append(Seen(comment=comment, text=text, judgement=judgement, by=by.version))
            self._characters += len(text)
        if skipped:
            metrics.OBSERVED.labels(result="skipped").inc(skipped)
        self._news.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Looks until `stop` is set, then stores what was counted."""
        flushed = time.monotonic()
        with ThreadPoolExecutor(1, thread_name_prefix="onlooker") as executor:
            while not stop.is_set():
                self._turned = time.monotonic()
                began = time.monotonic()
                well = await self._look(executor)
                took = time.monotonic() - began
                if time.monotonic() - flushed >= FLUSH_SECONDS:
                    self._drift.tell()
                    await self._shadow.flush()
                    flushed = time.monotonic()
                # What breaks at once would fill the log.
                await rest(took / BUSY_SHARE - took if well else FLUSH_SECONDS, stop)
                if not self._waiting:
                    self._news.clear()
                    await rest(FLUSH_SECONDS, stop, self._news)
        self._drift.tell()
        await self._shadow.flush()

    async def _look(self, executor: Executor) -> bool:
        """False when something broke, which must not end the service; whoever reads the log learns of it."""
        batch = self._next()
        if not batch:
            return True
        loop = asyncio.get_running_loop()
        by = batch[0].by
        texts, live = [seen.text for seen in batch], [seen.judgement for seen in batch]
        well = True
        pair, model = self._shadow.pair, self._shadow.model
        if pair is not None and model is not None and pair[0] == by:
            try:
                judged = await loop.run_in_executor(executor, model.judge, texts)
                self._shadow.record(pair, [seen.comment for seen in batch], live, judged)
            except Exception as error:
                log.error("shadow failed", shadow=pair[1], size=len(batch), exc_info=error)
                well = False
        lexicon = self._drift.lexicon_for(by)
        if lexicon is not None:
            try:
                self._drift.add(by, await loop.run_in_executor(executor, self._drift.measure, texts, live, lexicon))
            except Exception as error:
                log.error("drift not measured", model=by, size=len(batch), exc_info=error)
                well = False
        if well:
            metrics.OBSERVED.labels(result="observed").inc(len(batch))
        return well

    def _next(self) -> list[Seen]:
        """Some that one and the same model judged."""
        batch: list[Seen] = []
        size = 0
        while self._waiting and len(batch) < AT_ONCE:
            seen = self._waiting[0]
            if batch and (seen.by != batch[0].by or size + len(seen.text) > AT_ONCE_CHARACTERS):
                break
            batch.append(self._waiting.popleft())
            size += len(seen.text)
        self._characters -= size
        return batch
