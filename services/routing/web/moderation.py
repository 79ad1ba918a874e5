"""`/v1/moderation`: comments that a person should look at, one at a time, each with the reasons for it."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated

from litestar import Controller, Response, delete, get, post
from litestar.params import FromPath, JSONBody, QueryParameter

from services.routing import moderation
from services.routing.domain.decision import DecisionKind
from services.routing.moderation import DecisionMade, LeasedTask, Verdict
from services.routing.store.queue_view import Place
from services.routing.store.task_view import ListedTask, TaskItem
from services.routing.web import parameter
from services.routing.web.identity import known_id
from services.routing.web.office import caller_of, office_of
from services.routing.web.parameter import Body, IdempotencyKey, InstitutionRef, Leasing, Reason, TokenField
from services.routing.web.writing import perform
from shared.auth import requires
from shared.events import Tag
from shared.web import Page, ServiceRequest, decode_cursor, encode_cursor

MODERATORS = requires("moderator", "coordinator")

StateFilter = Annotated[ListedTask | None, QueryParameter(name="state", description="Only these.")]


class NextTask(Body, frozen=True, kw_only=True):
    """For how long."""

    seconds: parameter.Seconds | None = None


class Leaving(Body, frozen=True, kw_only=True):
    """Under which lease, and why."""

    token: TokenField
    reason: Reason | None = None


class Deciding(Body, frozen=True, kw_only=True):
    """A decision under a lease.

    `delete`: `ground` is one of profanity, insult, humiliation, advertising, personal_data. `relabel`: `tag`, `topic`
    or both. `case`: perhaps a `topic` and the `institution` that shall answer. Every decision says why in `ground`.
    """

    decision: DecisionKind
    ground: parameter.Ground
    token: TokenField
    tag: Tag | None = None
    topic: parameter.TopicRef | None = None
    institution: InstitutionRef | None = None


class ModerationController(Controller):
    """The tasks."""

    path = "/v1/moderation"
    tags = ("moderation",)

    @get(guards=[requires("moderator", "coordinator", "auditor")], summary="Moderation tasks")
    async def tasks(
        self,
        request: ServiceRequest,
        state_filter: StateFilter = None,
        limit: parameter.Limit = parameter.DEFAULT_PAGE,
        cursor: parameter.Cursor = None,
    ) -> Page[TaskItem]:
        """The tasks that await a decision, of every state or the one asked for: the gravest reason first, then the
        oldest; those that somebody skipped stand behind."""
        caller = await caller_of(request)
        after = None if cursor is None else decode_cursor(cursor, Place)
        found, following = await office_of(request).read(
            lambda conn: moderation.tasks(conn, caller, state=state_filter, limit=limit, after=after)
        )
        return Page(items=found, next=None if following is None else encode_cursor(following))

    @post("/lease", guards=[MODERATORS], status_code=HTTPStatus.OK, summary="Lease the next task")
    async def take_next(
        self, request: ServiceRequest, data: JSONBody[NextTask | None] = None, key: IdempotencyKey = None
    ) -> Response[LeasedTask]:
        """Takes the most urgent task that nobody holds; `task` is null when there is none. Escalated tasks go to
        coordinators alone."""
        caller, office = await caller_of(request), office_of(request)
        seconds = (data or NextTask()).seconds or office.lease_seconds
        return await perform(request, key, partial(moderation.take_next, caller=caller, seconds=seconds))

    @post("/{task_id:str}/lease", guards=[MODERATORS], status_code=HTTPStatus.OK, summary="Lease a task")
    async def take(
        self,
        request: ServiceRequest,
        task_id: FromPath[str],
        data: JSONBody[Leasing | None] = None,
        key: IdempotencyKey = None,
    ) -> Response[LeasedTask]:
        """Makes the task the caller's alone, for 15 minutes unless `seconds` says otherwise; 409 tells until when
        somebody else has it. With `token` the lease that the caller holds is prolonged."""
        known, caller, office = known_id(task_id), await caller_of(request), office_of(request)
        wish = data or Leasing()
        seconds = wish.seconds or office.lease_seconds
        work = partial(moderation.take, caller=caller, task_id=known, token=wish.token, seconds=seconds)
        return await perform(request, key, work)

    @delete("/{task_id:str}/lease", guards=[MODERATORS], summary="Release a task")
    async def release(self, request: ServiceRequest, task_id: FromPath[str], token: parameter.Token) -> None:
        """Gives the task back undone, as if nobody had taken it."""
        known, caller = known_id(task_id), await caller_of(request)
        await office_of(request).write(
            lambda conn, changes: moderation.release(conn, changes, caller, known, token=token)
        )

    @post("/{task_id:str}/decision", guards=[MODERATORS], status_code=HTTPStatus.OK, summary="Decide a task")
    async def decide(
        self, request: ServiceRequest, task_id: FromPath[str], data: JSONBody[Deciding], key: IdempotencyKey = None
    ) -> Response[DecisionMade]:
        """Decides under a live lease; 409 says in `why` what became of a lease that is not. A relabelling to question
        or complaint makes a case too; no decision takes one away. A deletion is `proposed` until the platform's
        outcome comes."""
        known, caller, office = known_id(task_id), await caller_of(request), office_of(request)
        verdict = Verdict(
            token=data.token,
            decision=data.decision,
            ground=data.ground,
            tag=data.tag,
            topic=data.topic,
            institution=data.institution,
        )
        work = partial(moderation.judge, caller=caller, task_id=known, verdict=verdict, new_id=office.new_id)
        return await perform(request, key, work)

    @post("/{task_id:str}/skip", guards=[MODERATORS], status_code=HTTPStatus.OK, summary="Skip a task")
    async def skip(
        self, request: ServiceRequest, task_id: FromPath[str], data: JSONBody[Leaving], key: IdempotencyKey = None
    ) -> Response[TaskItem]:
        """Leaves the task to somebody else, behind the open ones."""
        known, caller = known_id(task_id), await caller_of(request)
        work = partial(moderation.skip, caller=caller, task_id=known, token=data.token, reason=data.reason or "")
        return await perform(request, key, work)

    @post("/{task_id:str}/escalate", guards=[MODERATORS], status_code=HTTPStatus.OK, summary="Escalate a task")
    async def escalate(
        self, request: ServiceRequest, task_id: FromPath[str], data: JSONBody[Leaving], key: IdempotencyKey = None
    ) -> Response[TaskItem]:
        """Hands the task to a coordinator."""
        known, caller = known_id(task_id), await caller_of(request)
        work = partial(moderation.escalate, caller=caller, task_id=known, token=data.token, reason=data.reason or "")
        return await perform(request, key, work)
