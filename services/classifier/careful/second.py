"""The second reader: reads carefully what time allows, and holds a comment for at most HOLD_SECONDS meanwhile.

Unsure comments come first; sure ones are read too while there is nothing else to do, which on a quiet day means all.
docs/adr/careful-reader.md says why, and what it costs.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import msgspec
import structlog

from services.classifier.careful.embedding import MAX_CHARACTERS, Embedder, EmbeddingFailed, compact
from services.classifier.careful.sending import Sending
from services.classifier.judged import Judged
from services.classifier.judgement import Judgement
from services.classifier.repetition.policy import weigh
from shared.bus import Later
from shared.errors import Transient
from shared.events import Embedding
from shared.obs import metrics

HOLD_SECONDS = 2.0
"""An unsure comment goes on after this time, read or not."""
SURE_SECONDS = 0.5
"""A sure one after this."""
UNSURE_BACKLOG = 1.2
"""Seconds of reading that may stand before an unsure comment; the rest of HOLD_SECONDS is for what takes longer than
was reckoned."""
SURE_BACKLOG = 0.25
"""The same for a sure one: the reader is all but idle."""
QUIET_SHARE = 0.6
"""A sure comment is read only while reading everything that comes would take at most this share of the reader's time:
of a busy day's sure ones it could read but a few, and each of these would wait for nothing."""
HOPELESS_SHARE = 40.0
"""When reading all that comes would take this many times the reader's time (about 700 a second on one core), it rests:
it would read one in forty, and every processor is needed."""
QUIET_SECONDS = 5.0
"""What came longer ago than this hardly counts for that. One that rests reads a comment this often all the same: the
flood that made it slow may be over, and nothing else would show it."""
MAX_HELD = 200
"""Comments held at once, those included that the broker does not take now."""

_FIXED = 20
"""Characters' worth of time that even an empty text takes."""
_FIRST_GUESS = 0.0004
"""Seconds for one character, until it was measured."""
_LEARNING = 0.2
"""Weight of the last reading in the running mean of seconds for a character."""

log = structlog.get_logger(__name__)


class _Held:
    """One comment that waits."""

    def __init__(self, judged: Judged, timer: asyncio.TimerHandle | None) -> None:
        self.judged = judged
        self.timer = timer
        self.promise: Later = asyncio.get_running_loop().create_future()
        self.cost = cost(judged.comment.text)


class SecondReader:
    """Belongs to the event loop; `executor` has one thread, in which it embeds and judges."""

    def __init__(
        self,
        embedder: Embedder,
        *,
        executor: Executor,
        sending: Sending,
        hold_seconds: float = HOLD_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._embedder = embedder
        self._executor = executor
        self._sending = sending
        self._hold_seconds = hold_seconds
        self._clock = clock
        self._queue: tuple[deque[_Held], deque[_Held]] = (deque(), deque())  # unsure, sure
        self._held: set[_Held] = set()
        self._busy = 0
        self._pace = _FIRST_GUESS
        self._arrived = 0.0
        self._arrived_at = self._read_at = clock()
        self._news = asyncio.Event()
        self._open = False

    def room(self, judged: Sequence[Judged]) -> set[int]:
        """Which of them can be read in time, if they are held now; by index."""
        chosen: set[int] = set()
        if not self._open:
            return chosen
        free = MAX_HELD - len(self._held) - self._sending.waiting
        load = self._load([one.comment.text for one in judged])
        quiet = load <= QUIET_SHARE
        hopeless, rested = load > HOPELESS_SHARE, self._clock() - self._read_at >= QUIET_SECONDS
        backlog = self._busy + sum(held.cost for held in self._queue[0])
        for unsure, limit in ((True, UNSURE_BACKLOG * self._hold_seconds / HOLD_SECONDS), (False, SURE_BACKLOG)):
            for index, one in enumerate(judged):
                if one.judgement.unsure is not unsure or one.model.careful_name != self._embedder.name:
                    continue
                if not unsure and not quiet:
                    continue
                price = cost(one.comment.text)
                # Whoever finds nobody before them is read whatever the reckoning says: it may be wrong.
                late = (backlog + price) * self._pace > limit if backlog else hopeless and not rested
                if late or len(chosen) >= free or (hopeless and backlog):
                    if unsure:
                        metrics.CAREFUL.labels(result="no_room").inc()
                    continue
                chosen.add(index)
                backlog += price
            backlog += sum(held.cost for held in self._queue[1])
        return chosen

    def hold(self, judged: Judged) -> Later:
        """Holds one that there was `room` for; its promise is kept once its judgement is durably stored."""
        unsure = judged.judgement.unsure
        held = _Held(judged, None)
        if not self._open:
            # Told to stop since there was room: it comes again, to whoever goes on.
            held.promise.set_exception(Transient("the second reader has stopped"))
            return held.promise
        seconds = self._hold_seconds if unsure else min(SURE_SECONDS, self._hold_seconds)
        held.timer = asyncio.get_running_loop().call_later(seconds, self._late, held)
        self._held.add(held)
        self._queue[0 if unsure else 1].append(held)
        self._news.set()
        metrics.CAREFUL_HELD.set(len(self._held))
        return held.promise

    async def run(self, stop: asyncio.Event) -> None:
        """Reads, and sends on, until `stop` is set; then what is held goes on with the fast judgement."""
        self._open = True
        reading = asyncio.create_task(self._read_on(), name="reading carefully")
        ended = asyncio.Event()
        sending = asyncio.create_task(self._sending.run(ended), name="sending what was held")
        stopping = asyncio.create_task(stop.wait())
        try:
            done, _ = await asyncio.wait({reading, sending, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._open = False
            stopping.cancel()
            reading.cancel()
            for held in list(self._held):
                self._release(held, held.judged)
            ended.set()
            await sending

    async def _read_on(self) -> None:
        while True:
            held = self._next()
            if held is None:
                self._news.clear()
                await self._news.wait()
                continue
            self._busy = held.cost
            try:
                await self._read(held)
            finally:
                self._busy = 0

    def _load(self, texts: Sequence[str]) -> float:
        """The share of its time that the reader would need for all that comes, these texts included."""
        now = self._clock()
        self._arrived *= math.exp((self._arrived_at - now) / QUIET_SECONDS)
        self._arrived += sum(cost(text) for text in texts)
        self._arrived_at = now
        return self._arrived * self._pace / QUIET_SECONDS

    def _next(self) -> _Held | None:
        for queue in self._queue:
            while queue:
                held = queue.popleft()
                if held in self._held:
                    return held
        return None

    async def _read(self, held: _Held) -> None:
        judged = held.judged
        started = self._clock()
        result = "read"
        try:
            careful = await asyncio.get_running_loop().run_in_executor(self._executor, self._judge, judged)
        except EmbeddingFailed:
            careful, result = judged, "failed"
        except Exception as error:
            # A model or an embedder with a fault must not stand in the way of what the fast reader said.
            log.error("careful reading failed", model=judged.model.version, error=type(error).__name__)
            careful, result = judged, "failed"
        self._read_at = self._clock()
        seconds = self._read_at - started
        if result == "read":
            # What fails at once says nothing of how long reading takes.
            self._pace += _LEARNING * (seconds / held.cost - self._pace)
        if held in self._held:
            metrics.CAREFUL.labels(result=result).inc()
            metrics.CAREFUL_SECONDS.observe(seconds)
            self._release(held, careful)

    def _judge(self, judged: Judged) -> Judged:
        texts, replies = [judged.comment.text], [judged.comment.parent is not None]
        rows = self._embedder.embed(texts)
        judgement: Judgement = judged.model.judge_carefully(texts, rows, replies)[0]
        return msgspec.structs.replace(
            judged,
            judgement=weigh(judgement, judged.repeated, border=judged.model.careful_unsure),
            reader="careful",
            embedding=Embedding(name=self._embedder.name, vector=compact(rows[0])),
        )

    def _late(self, held: _Held) -> None:
        if held in self._held:
            metrics.CAREFUL.labels(result="late").inc()
            self._release(held, held.judged)

    def _release(self, held: _Held, judged: Judged) -> None:
        self._held.discard(held)
        if held.timer is not None:
            held.timer.cancel()
        metrics.CAREFUL_HELD.set(len(self._held))
        self._sending.send(judged, held.promise, fast=held.judged)


def cost(text: str) -> int:
    """What reading `text` takes, in characters."""
    return min(len(text), MAX_CHARACTERS) + _FIXED
