"""POST /v1/classify: judges texts at once, without the broker."""

from __future__ import annotations

import asyncio

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.params import JSONBody

from services.classifier.judgement import Judgement
from services.classifier.model import Model
from shared.auth import Principal, requires
from shared.errors import Invalid
from shared.events.base import MAX_TEXT

MAX_TEXTS = 1_000


class Texts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked: 1 to 1,000 texts of at most 65,536 characters each, empty ones included."""

    texts: list[str]


class Classified(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered: the model's version, and one judgement for each text, in order."""

    model: str
    results: list[Judgement]


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
    model: Model = request.app.state.model
    loop = asyncio.get_running_loop()
    results = await loop.run_in_executor(request.app.state.judging, model.judge, data.texts)
    return Classified(model=model.version, results=results)


def check_limits(texts: list[str]) -> None:
    """Raises Invalid for too few or many texts, or one that is too long."""
    if not 1 <= len(texts) <= MAX_TEXTS:
        raise Invalid(f"texts: 1 to {MAX_TEXTS} are judged at once, these are {len(texts)}")
    for index, text in enumerate(texts):
        if len(text) > MAX_TEXT:
            raise Invalid(
                f"texts[{index}]: at most {MAX_TEXT} characters, this has {len(text)}", extra={"index": index}
            )
