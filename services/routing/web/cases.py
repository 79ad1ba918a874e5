"""`/v1/cases`: one case, its log, its lease, and the transitions that people make."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath, JSONBody

from services.routing import casework
from services.routing.casework import CaseView, LeasedCase, Move
from services.routing.domain.case_change import Outcome
from services.routing.store.log_view import EventItem
from services.routing.web import parameter
from services.routing.web.identity import known_id
from services.routing.web.office import caller_of, office_of
from services.routing.web.parameter import Body, IdempotencyKey, IfMatch, InstitutionRef, Leasing, Reason, TokenField
from services.routing.web.writing import perform
from shared.auth import requires
from shared.web import Page, ServiceRequest, decode_cursor, encode_cursor, etag

READERS = requires("coordinator", "agent", "auditor")
WORKERS = requires("coordinator", "agent")


class Act(Body, frozen=True, kw_only=True):
    """A transition that needs no more than itself."""

    reason: Reason | None = None
    lease_token: TokenField | None = None
    """Of the lease under which it is done: refused when somebody took the case since."""


class Answering(Act, frozen=True, kw_only=True):
    """The answer to the citizen, as it will stand under the comment, and how the matter ended."""

    text: parameter.Answer
    outcome: Outcome


class Confirming(Act, frozen=True, kw_only=True):
    """Where the answer stands, put there by hand: its address, or in words."""

    where: parameter.Where


class Returning(Act, frozen=True, kw_only=True):
    """Who is responsible instead, and why."""

    to: InstitutionRef
    reason: Reason


class Transferring(Act, frozen=True, kw_only=True):
    """Who shall have it."""

    to: InstitutionRef


class CaseController(Controller):
    """One case."""

    path = "/v1/cases/{case_id:str}"
    tags = ("cases",)

    @get(guards=[READERS], summary="A case")
    async def read(self, request: ServiceRequest, case_id: FromPath[str]) -> Response[CaseView]:
        """Everything about the case, and the transitions that this key may make now. The header ETag is its
        revision, for If-Match."""
        known, caller = known_id(case_id), await caller_of(request)
        found = await office_of(request).read(lambda conn: casework.read(conn, caller, known))
        return _answer(found)

    @get("/events", guards=[READERS], summary="A case's log")
    async def events(
        self,
        request: ServiceRequest,
        case_id: FromPath[str],
        limit: parameter.Limit = parameter.DEFAULT_PAGE,
        cursor: parameter.Cursor = None,
    ) -> Page[EventItem]:
        """What was done to the case, by which key and why, oldest first. Nobody can change it."""
        known, caller = known_id(case_id), await caller_of(request)
        after = 0 if cursor is None else decode_cursor(cursor, _Seq)
        found, following = await office_of(request).read(
            lambda conn: casework.history(conn, caller, known, after=after, limit=limit)
        )
        return Page(items=found, next=None if following is None else encode_cursor(following))

    @post("/lease", guards=[WORKERS], status_code=HTTPStatus.OK, summary="Lease a case")
    async def take(
        self,
        request: ServiceRequest,
        case_id: FromPath[str],
        data: JSONBody[Leasing | None] = None,
        key: IdempotencyKey = None,
    ) -> Response[LeasedCase]:
        """Makes the case the caller's alone, for 15 minutes unless `seconds` says otherwise; 409 tells until when
        somebody else has it. Asked again without `token` the holder gets a new lease and a new token."""
        known, caller, office = known_id(case_id), await caller_of(request), office_of(request)
        wish = data or Leasing()
        seconds = wish.seconds or office.lease_seconds
        work = partial(casework.take, caller=caller, case_id=known, token=wish.token, seconds=seconds)
        return await perform(request, key, work)

    @delete("/lease", guards=[WORKERS], summary="Release a case")
    async def release(self, request: ServiceRequest, case_id: FromPath[str], token: parameter.Token) -> None:
        """Gives the case back to its queue before the lease ends."""
        known, caller = known_id(case_id), await caller_of(request)
        await office_of(request).write(
            lambda conn, changes: casework.release(conn, changes, caller, known, token=token)
        )

    @post("/accept", guards=[WORKERS], status_code=HTTPStatus.OK, summary="Accept a case")
    async def accept(
        self,
        request: ServiceRequest,
        case_id: FromPath[str],
        data: JSONBody[Act | None] = None,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[CaseView]:
        """The institution takes the case as its own: `routed` → `accepted`."""
        return await _move(request, case_id, "accept", data, key=key, if_match=if_match)

    @post("/start", guards=[WORKERS], status_code=HTTPStatus.OK, summary="Start work on a case")
    async def start(
        self,
        request: ServiceRequest,
        case_id: FromPath[str],
        data: JSONBody[Act | None] = None,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[CaseView]:
        """Work begins: `accepted` → `in_progress`."""
        return await _move(request, case_id, "start", data, key=key, if_match=if_match)

    @post("/answer", guards=[WORKERS], status_code=HTTPStatus.OK, summary="Answer a case")
    async def answer(
        self,
        request: ServiceRequest,
        case_id: FromPath[str],
        data: JSONBody[Answering],
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[CaseView]:
        """The answer, ordered to be published under the comment within 7 days: `accepted`, `in_progress` or
        `publish_failed` → `publishing`, then `answered` once it stands there, or `publish_failed` with what happened in
        `reply`. Answered again while `publishing`, the new text replaces the one on its way if that can still be
        stopped. Where comments come over HTTP nothing is published: → `answered` at once."""
        return await _move(request, case_id, "answer", data, key=key, if_match=if_match)

    @post("/retry", guards=[WORKERS], status_code=HTTPStatus.OK, summary="Publish the answer once more")
    async def retry(
        self,
        request: ServiceRequest,
        case_id: FromPath[str],
        data: JSONBody[Act | None] = None,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[CaseView]:
        """The same answer as another order: `publish_failed` → `publishing`. Where `reply` says that it may have been
        done, look under the comment first."""
        return await _move(request, case_id, "retry", data, key=key, if_match=if_match)

    @post("/confirm", guards=[WORKERS], status_code=HTTPStatus.OK, summary="Confirm an answer given by hand")
    async def confirm(
        self,
        request: ServiceRequest,
        case_id: FromPath[str],
        data: JSONBody[Confirming],
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[CaseView]:
        """The answer stands under the comment, put there by hand: `publish_failed` → `answered`. When the page's own
        comment comes in first, that does it."""
        return await _move(request, case_id, "confirm", data, key=key, if_match=if_match)

    @post("/close", guards=[WORKERS], status_code=HTTPStatus.OK, summary="Close a case")
    async def close(
        self,
        request: ServiceRequest,
        case_id: FromPath[str],
        data: JSONBody[Act | None] = None,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[CaseView]:
        """Nothing more is to be done: `answered` → `closed`."""
        return await _move(request, case_id, "close", data, key=key, if_match=if_match)

    @post("/return", guards=[WORKERS], status_code=HTTPStatus.OK, summary="Return a case")
    async def give_back(
        self,
        request: ServiceRequest,
        case_id: FromPath[str],
        data: JSONBody[Returning],
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[CaseView]:
        """Another institution is responsible, and the case goes there at once. Handed on for the third time it goes to
        the territory's coordinator instead."""
        return await _move(request, case_id, "return", data, key=key, if_match=if_match)

    @post("/transfer", guards=[WORKERS], status_code=HTTPStatus.OK, summary="Transfer a case")
    async def transfer(
        self,
        request: ServiceRequest,
        case_id: FromPath[str],
        data: JSONBody[Transferring],
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[CaseView]:
        """Passes the case to another institution."""
        return await _move(request, case_id, "transfer", data, key=key, if_match=if_match)

    @post("/reopen", guards=[WORKERS], status_code=HTTPStatus.OK, summary="Reopen a case")
    async def reopen(
        self,
        request: ServiceRequest,
        case_id: FromPath[str],
        data: JSONBody[Act | None] = None,
        key: IdempotencyKey = None,
        if_match: IfMatch = None,
    ) -> Response[CaseView]:
        """The answer did not settle it, or shall not be given: `answered`, `closed`, `publishing` or `publish_failed` →
        `routed`, with the same institution. An answer on its way is stopped if it was not begun; if it stands there all
        the same, the case is `answered` with it."""
        return await _move(request, case_id, "reopen", data, key=key, if_match=if_match)


_Seq = Annotated[int, msgspec.Meta(ge=0, le=2**53)]


async def _move(
    request: ServiceRequest, case_id: str, verb: str, act: Act | None, *, key: str | None, if_match: str | None
) -> Response[CaseView]:
    fields: dict[str, Any] = {} if act is None else msgspec.structs.asdict(act)
    asked = Move(verb=verb, if_match=if_match, **fields)
    work = partial(casework.move, caller=await caller_of(request), case_id=known_id(case_id), asked=asked)
    return await perform(request, key, work, version=lambda after: after.revision)


def _answer(view: CaseView) -> Response[CaseView]:
    return Response(view, headers={"ETag": etag(view.revision)})
