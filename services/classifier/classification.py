"""POST /v1/classify: judges texts at once, without the broker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
import numpy as np
import structlog
from litestar import Request, post
from litestar.datastructures import State
from litestar.params import JSONBody

from services.classifier.careful.embedding import Embedder, EmbeddingFailed
from services.classifier.judgement import Judgement
from services.classifier.life.live import Live
from services.classifier.model import Model
from shared.auth import Principal, requires
from shared.errors import Invalid, Unavailable
from shared.events import Reader
from shared.events.base import MAX_TEXT

MAX_TEXTS = 1_000
MAX_CAREFUL_TEXTS = 20
"""More are read by the fast reader alone, whatever was asked."""
MAX_WAITING = 16
"""Requests whose texts wait for the one judging thread, or are judged; whoever comes beyond is told to come again."""
JUDGE_SECONDS = 60.0
"""To wait for one's turn and be judged, then 503; the largest body takes about ten."""
CAREFUL_SECONDS = 30.0
"""Of them for reading carefully, then all texts are judged fast: an embedder that hangs must not become a 503."""


T = TypeVar("T")
Work = Callable[[Model, list[str]], list[T]]
"""Something for each text, in order."""

log = structlog.get_logger(__name__)


class Texts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked: 1 to 1,000 texts of at most 65,536 characters each, empty ones included."""

    texts: list[str]
    careful: bool = True
    """Read carefully, where there is a careful reader and these are at most 20 texts; it takes up to a second for each
    text, and at most half a minute. `reader` in the answer tells whether that was so."""


class Classified(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered: the model's version, and one judgement for each text, in order."""

    model: str
    reader: Reader = "fast"
    results: list[Judgement]


class Judging:
    """The one thread that judges what comes over HTTP, and the bounded queue before it."""

    def __init__(
        self, live: Live, executor: Executor, *, embedder: Embedder | None = None, careful: Executor | None = None
    ) -> None:
        """`careful` is where texts are read carefully, so that the fast reader never waits for it."""
        self._live = live
        self._executor = executor
        self._embedder = embedder
        self._careful = careful or executor
        self._waiting = 0

    async def judge(self, texts: list[str], *, careful: bool = False) -> tuple[Model, Reader, list[Judgement]]:
        """As `Model.judge`, off the event loop, and the model and reader that did it.

        Raises Unavailable when too many wait or it takes too long.
        """
        async with self._turn() as model:
            embedder = self._embedder_of(model) if careful and len(texts) <= MAX_CAREFUL_TEXTS else None
            if embedder is not None:
                try:
                    async with asyncio.timeout(CAREFUL_SECONDS):
                        return model, "careful", await self._judge_carefully(embedder, model, texts)
                except TimeoutError:
                    log.warning("judged fast instead", error=f"not read carefully within {CAREFUL_SECONDS:.0f} seconds")
                except EmbeddingFailed as error:
                    log.info("judged fast instead", error=str(error))
                except Exception as error:
                    # As for what comes over the broker: a fault of the careful reader leaves the fast one.
                    log.error("careful reading failed", model=model.version, exc_info=error)
            return model, "fast", await self._run(self._executor, _judge, model, texts)

    async def do(self, work: Work[T], texts: list[str]) -> tuple[Model, list[T]]:
        """`work` done where texts are judged fast, in turn and under the same limits, and the model it had."""
        async with self._turn() as model:
            return model, await self._run(self._executor, work, model, texts)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[Model]:
        if self._waiting >= MAX_WAITING:
            raise Unavailable("too many requests wait to be judged")
        self._waiting += 1
        try:
            async with asyncio.timeout(JUDGE_SECONDS):
                # Cancelled by the time-out, texts whose turn has not come are never judged.
                yield self._live.model
        except TimeoutError as error:
            raise Unavailable(f"not judged within {JUDGE_SECONDS:.0f} seconds") from error
        finally:
            self._waiting -= 1

    def _embedder_of(self, model: Model) -> Embedder | None:
        return self._embedder if self._embedder is not None and self._embedder.name == model.careful_name else None

    async def _run(self, executor: Executor, work: Work[T], model: Model, texts: list[str]) -> list[T]:
        return await asyncio.get_running_loop().run_in_executor(executor, work, model, texts)

    async def _judge_carefully(self, embedder: Embedder, model: Model, texts: list[str]) -> list[Judgement]:
        loop = asyncio.get_running_loop()
        # One by one: what comes over the broker is read in between, and what nobody waits for any more is not read.
        rows = [await loop.run_in_executor(self._careful, embedder.embed, [text]) for text in texts]
        return await loop.run_in_executor(self._careful, model.judge_carefully, texts, np.concatenate(rows))


def _judge(model: Model, texts: list[str]) -> list[Judgement]:
    return model.judge(texts)


@post(
    "/v1/classify",
    status_code=200,
    guards=[requires("moderator", "coordinator", "agent", "auditor", "service")],
    summary="Judge texts",
    tags=["classify"],
)
async def classify(request: Request[Principal, None, State], data: JSONBody[Texts]) -> Classified:
    """Tag, scores, topic and flags of each text; nothing is stored. 400 names the limit, or the text, that is wrong."""
    check_limits(data.texts, MAX_TEXTS)
    judging: Judging = request.app.state.judging
    model, reader, results = await judging.judge(data.texts, careful=data.careful)
    return Classified(model=model.version, reader=reader, results=results)


def check_limits(texts: list[str], most: int, done: str = "judged") -> None:
    """Raises Invalid for too few or many texts, or one that is too long."""
    if not 1 <= len(texts) <= most:
        raise Invalid(f"texts: 1 to {most:d} are {done} at once, these are {len(texts)}")
    for index, text in enumerate(texts):
        if len(text) > MAX_TEXT:
            raise Invalid(
                f"texts[{index}]: at most {MAX_TEXT} characters, this has {len(text)}", extra={"index": index}
            )
