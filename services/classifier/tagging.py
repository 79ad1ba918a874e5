"""Everything between COMMENTS and TAGGED, put together: the consumer, its readers, and the memory of repetitions."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from services.classifier.careful.embedding import Embedder
from services.classifier.careful.second import HOLD_SECONDS, SecondReader
from services.classifier.careful.sending import Sending
from services.classifier.life.live import Live
from services.classifier.repetition.remembering import Remembering
from services.classifier.repetition.sightings import WINDOW, Sightings
from services.classifier.worker import Tagger
from shared.bus import CLASSIFIER_COMMENTS, Bus, Consumer, Tail
from shared.bus.topology import FINGERPRINTS
from shared.clock import Clock, utc_now
from shared.web import Background


class Tagging:
    """Made by `tagging`. `consumer` is the caller's to run; it holds what the other tasks here let go."""

    def __init__(
        self,
        bus: Bus,
        live: Live,
        *,
        embedder: Embedder | None,
        judging: ThreadPoolExecutor,
        reading: ThreadPoolExecutor,
        hold_seconds: float = HOLD_SECONDS,
        clock: Clock = utc_now,
    ) -> None:
        self._bus = bus
        self.remembering = Remembering(Sightings(), executor=judging)
        self.tail = Tail(bus, stream=FINGERPRINTS.name, since=clock() - WINDOW, take=self.remembering.take)
        self.second: SecondReader | None = None
        if embedder is not None:
            self.second = SecondReader(
                embedder, executor=reading, sending=Sending(bus.publish), hold_seconds=hold_seconds
            )
        tagger = Tagger(live, publish=bus.publish, executor=judging, remembering=self.remembering, second=self.second)
        self.consumer = Consumer(bus, service="classifier", spec=CLASSIFIER_COMMENTS, handle=tagger.handle)

    def start(self, tasks: Background) -> None:
        """Starts all but the consumer."""
        tasks.start("repetitions known", self.tail.run)
        tasks.start("repetitions told", lambda stop: self.remembering.run(self._bus.publish, stop))
        if self.second is not None:
            tasks.start("reading carefully", self.second.run)


@contextmanager
def tagging(
    bus: Bus, live: Live, *, embedder: Embedder | None, hold_seconds: float = HOLD_SECONDS
) -> Iterator[Tagging]:
    """Both readers have a thread of their own, so that requests never stand in their way.

    Leaving it does not wait for the careful one, which may hang: nobody needs its answer any more, and it ends when
    the owner of `embedder` closes that.
    """
    reading = ThreadPoolExecutor(1, thread_name_prefix="reading")
    try:
        with ThreadPoolExecutor(1, thread_name_prefix="tagging") as judging:
            yield Tagging(bus, live, embedder=embedder, judging=judging, reading=reading, hold_seconds=hold_seconds)
    finally:
        reading.shutdown(wait=False, cancel_futures=True)
