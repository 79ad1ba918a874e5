"""`POST /v1/comments`."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus

from litestar import post
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Operation

from services.ingest.reception import Receipt, Reception
from services.ingest.request_body import request_body
from shared.auth import Principal, requires
from shared.errors import OtklikError
from shared.web import ServiceRequest

JSON = frozenset({"application/json", ""})
"""None at all is taken for JSON."""
NDJSON = frozenset({"application/x-ndjson", "application/jsonl", "application/ndjson"})
UTF8 = frozenset({"utf-8", "utf8"})


class UnsupportedMediaType(OtklikError):
    """A body of a kind that is not read here."""

    status = 415
    title = "Unsupported media type"


@dataclass
class CommentsOperation(Operation):
    """Describes the body, which the handler reads by itself."""

    def __post_init__(self) -> None:
        """Litestar has filled in the rest."""
        self.request_body = request_body()


@post(
    "/v1/comments",
    status_code=HTTPStatus.ACCEPTED,
    guards=[requires("ingest", "service")],
    # NDJSON has no end; every other body is held to `bodies.MAX_BODY` as it is read.
    request_max_body_size=None,
    operation_class=CommentsOperation,
    summary="Send comments",
    tags=["comments"],
    responses={
        408: ResponseSpec(None, description="The body stopped coming; the problem tells the counts so far"),
        415: ResponseSpec(None, description="Neither JSON nor NDJSON, compressed, or not in UTF-8"),
    },
)
async def post_comments(request: ServiceRequest) -> Receipt:
    """Takes one comment, an array of at most 1,000, or any number as lines of JSON (`application/x-ndjson`), and
    answers once all that it accepted is durable. Sending the same again is safe: it is counted under `duplicates`.

    A single comment that is wrong is refused with 400, or 403 when the key may not send comments of its page. Of an
    array or a stream the wrong ones are named under `rejected`, at most 1,000 of them, and the rest is taken; `index`
    counts from 0, in a stream every line, blank ones too.

    After 503 send all of it again when Retry-After is over; of a stream the problem tells the counts so far.
    """
    reception: Reception = request.app.state.reception
    media, parameters = request.content_type
    if parameters.get("charset", "utf-8").strip("\"'").lower() not in UTF8 or media not in JSON | NDJSON:
        raise UnsupportedMediaType("send application/json or application/x-ndjson, in UTF-8")
    if request.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
        # Taken as they are, compressed lines would all be listed as rejected, under a 202.
        raise UnsupportedMediaType("send the body as it is: compressed ones (Content-Encoding) are not read")
    caller = request.user
    take = reception.take_lines if media in NDJSON else reception.take_body
    return await take(request.stream(), lambda page: may_post(caller, page))


def may_post(caller: Principal, page: str) -> bool:
    """Services and administrators send for every page, a source's own key for those in its scope."""
    return caller.role == "service" or caller.may_ingest(page)
