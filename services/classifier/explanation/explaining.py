"""POST /v1/explain: says why texts are judged as they are."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import msgspec
from litestar import Request, post
from litestar.datastructures import State
from litestar.params import JSONBody
from msgspec import Meta

from services.classifier.classification import Judging, check_limits
from services.classifier.explanation.reason import Explanation, HeadName
from services.classifier.explanation.weighing import MAX_SPANS, explain
from services.classifier.model import Model
from shared.auth import Principal, requires
from shared.events import Reader

MAX_TEXTS = 20
MOST_SPANS = 100


class Unexplained(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked: 1 to 20 texts of at most 65,536 characters each, empty ones included."""

    texts: list[str]
    heads: Annotated[list[HeadName], Meta(max_length=10)] = msgspec.field(default_factory=lambda: ["spam", "tag"])
    """The questions whose answers shall be explained."""
    spans: Annotated[int, Meta(ge=0, le=MOST_SPANS)] = MAX_SPANS
    """How many are named on either side of each answer, at most."""


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered: the model's version, and one explanation for each text, in order."""

    model: str
    reader: Reader = "fast"
    """Always the fast one; a careful judgement can differ, and has no words that decided."""
    results: list[Explanation]


@post(
    "/v1/explain",
    status_code=200,
    guards=[requires("moderator", "coordinator", "agent", "auditor", "service")],
    summary="Explain judgements",
    tags=["classify"],
)
async def explain_texts(request: Request[Principal, None, State], data: JSONBody[Unexplained]) -> Explained:
    """The words that spoke for and against each answer, what was disguised, and where personal data stands.

    Places are code points of the text as it was sent. Nothing is stored. 400 names the limit, or the text, that is
    wrong.
    """
    check_limits(data.texts, MAX_TEXTS, "explained")
    judging: Judging = request.app.state.judging
    model, results = await judging.do(
        partial(_explain, heads=tuple(dict.fromkeys(data.heads)), spans=data.spans), data.texts
    )
    return Explained(model=model.version, results=results)


def _explain(model: Model, texts: list[str], *, heads: tuple[HeadName, ...], spans: int) -> list[Explanation]:
    return [explain(model, text, heads=heads, most=spans) for text in texts]
