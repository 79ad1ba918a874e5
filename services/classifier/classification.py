"""POST /v1/classify: judges texts at once, without the broker."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.params import JSONBody

from services.classifier.judgement import Judgement
from services.classifier.model import Model
from shared.auth import Principal, requires
from shared.errors import Invalid, Unavailable
from shared.events.base import MAX_TEXT

MAX_TEXTS = 1_000
MAX_WAITING = 16
"""Requests whose texts wait for the one judging thread, or are judged; whoever comes beyond is told to come again."""
JUDGE_SECONDS = 60.0
"""To wait for one's turn and be judged, then 503; the largest body takes about ten."""


class Texts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked: 1 to 1,000 texts of at most 65,536 characters each, empty ones included."""

    texts: list[str]


class Classified(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered: the model's version, and one judgement for each text, in order."""

    model: str
    results: list[Judgement]


class Judging:
    """The one thread that judges what comes over HTTP, and the bounded queue before it."""

    def __init__(self, model: Model, executor: Executor) -> None:
        self.model = model
        self._executor = executor
        self._waiting = 0

    async def judge(self, texts: list[str]) -> list[Judgement]:
        """As `Model.judge`, off the event loop; raises Unavailable when too many wait or it takes too long."""
        if self._waiting >= MAX_WAITING:
            raise Unavailable("too many requests wait to be judged")
        self._waiting += 1
        try:
            async with asyncio.timeout(JUDGE_SECONDS):
                # Cancelled by the time-out, texts whose turn has not come are never judged.
                return await asyncio.get_running_loop().run_in_executor(self._executor, self.model.judge, texts)
        except TimeoutError as error:
            raise Unavailable(f"not judged within {JUDGE_SECONDS:.0f} seconds") from error
        finally:
            self._waiting -= 1


@post(
    "/v1/classify",
    status_code=200,
    guards=[requires("moderator", "coordinator", "agent", "auditor", "service")],
    summary="Judge texts",
    tags=["classify"],
)
async def classify(request: Request[Principal, None, State], data: JSONBody[Texts]) -> Classified:
    """Tag, scores, topic and flags of each text; nothing is stored. 400 names the limit, or the text, that is wrong."""
    check_limits(data.texts)
    judging: Judging = request.app.state.judging
    return Classified(model=judging.model.version, results=await judging.judge(data.texts))


def check_limits(texts: list[str]) -> None:
    """Raises Invalid for too few or many texts, or one that is too long."""
    if not 1 <= len(texts) <= MAX_TEXTS:
        raise Invalid(f"texts: 1 to {MAX_TEXTS} are judged at once, these are {len(texts)}")
    for index, text in enumerate(texts):
        if len(text) > MAX_TEXT:
            raise Invalid(
                f"texts[{index}]: at most {MAX_TEXT} characters, this has {len(text)}", extra={"index": index}
            )
