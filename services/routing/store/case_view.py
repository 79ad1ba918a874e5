"""Cases with the words they are about, as people and institutions' systems read them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Row, Select, select

from services.routing.domain.route import Route
from services.routing.store import action, schema
from shared.events import Flags

_cases, _comments, _versions = schema.cases, schema.comments, schema.comment_versions


class LeaseView(msgspec.Struct, frozen=True, kw_only=True):
    """Who works on a thing alone, and until when; never the token, which is its holder's."""

    holder: str
    """Id of the key."""
    expires_at: datetime


class CaseItem(msgspec.Struct, frozen=True, kw_only=True):
    """A case as its queue shows it."""

    id: str
    comment_id: str
    platform: str
    page: str
    post: str | None
    text: str
    """The words that make the case: those of the comment's latest version that asks or complains."""
    tag: str
    topic: str
    flags: Flags
    urgent: bool
    state: str
    opened_at: datetime
    institution: str
    territory: str
    lease: LeaseView | None
    """Null when anybody may take it."""
    revision: int
    why: str
    """In a few words why it stands with this institution; the whole reason is in the case itself."""


class CaseComment(msgspec.Struct, frozen=True, kw_only=True):
    """One of a case's comments: the first, or a follow-up of the same author in the same thread."""

    id: str
    parent: str | None
    text: str
    tag: str | None
    topic: str | None
    alive: bool
    """False once it was deleted on its platform."""
    received_at: datetime | None
    posted_at: datetime | None


class ReplyView(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer fares on its way to the page."""

    action: str
    ordered_at: datetime
    not_after: datetime
    """Until then it may be published."""
    result: str | None
    """done, failed or needs_person; null while nothing was heard."""
    settled_at: datetime | None
    detail: str
    """What happened, where it was not published."""
    link: str | None
    """Where a person can publish it by hand, or see it."""


class CaseDetail(CaseItem, frozen=True, kw_only=True):
    """Everything about a case."""

    bounces: int
    answer: str | None
    reply: ReplyView | None
    """The action that publishes the answer, where one does."""
    outcome: str | None
    answered_at: datetime | None
    closed_at: datetime | None
    reopened_at: datetime | None
    route: Route
    """Why it stands with this institution, with the candidates that lost."""
    comments: list[CaseComment]


def lease_view(holder: str | None, expires_at: datetime | None, now: datetime) -> LeaseView | None:
    """The lease while it is live."""
    if not holder or expires_at is None or expires_at <= now:
        return None
    return LeaseView(holder=holder, expires_at=expires_at)


def items() -> Select[Any]:
    """Cases joined to their comment and words: what `item_of` reads."""
    words = (_versions.c.comment_id == _cases.c.comment_id) & (_versions.c.version == _cases.c.version)
    return (
        select(
            _cases,
            _comments.c.platform,
            _comments.c.page,
            _comments.c.post,
            _comments.c.toxic,
            _comments.c.personal_data,
            _versions.c.text,
        )
        .join(_comments, _comments.c.id == _cases.c.comment_id)
        .join(_versions, words)
    )


def item_of(row: Row[Any], now: datetime) -> CaseItem:
    """One row of `items`."""
    urgent = row.rank == 0
    return CaseItem(
        id=row.id,
        comment_id=row.comment_id,
        platform=row.platform,
        page=row.page,
        post=row.post,
        text=row.text or "",
        tag=row.tag,
        topic=row.topic,
        flags=Flags(toxic=bool(row.toxic), urgent=urgent, personal_data=bool(row.personal_data)),
        urgent=urgent,
        state=row.state,
        opened_at=row.opened_at,
        institution=row.institution,
        territory=row.territory,
        lease=lease_view(row.lease_holder, row.lease_expires_at, now),
        revision=row.revision,
        why=row.route["why"]["words"],
    )


def item(conn: Connection, case_id: str, now: datetime) -> CaseItem | None:
    """One case."""
    row = conn.execute(items().where(_cases.c.id == case_id)).one_or_none()
    return None if row is None else item_of(row, now)


def detail(conn: Connection, case_id: str, now: datetime) -> CaseDetail | None:
    """One case with its route and its comments, oldest first."""
    row = conn.execute(items().where(_cases.c.id == case_id)).one_or_none()
    if row is None:
        return None
    return CaseDetail(
        **msgspec.structs.asdict(item_of(row, now)),
        bounces=row.bounces,
        answer=row.answer,
        reply=_reply(conn, row.reply),
        outcome=row.outcome,
        answered_at=row.answered_at,
        closed_at=row.closed_at,
        reopened_at=row.reopened_at,
        route=msgspec.convert(row.route, Route),
        comments=_comments_of(conn, case_id),
    )


def _reply(conn: Connection, action_id: str | None) -> ReplyView | None:
    ordered = action.many(conn, [action_id]).get(action_id) if action_id is not None else None
    if ordered is None:
        return None
    return ReplyView(
        action=ordered.id,
        ordered_at=ordered.ordered_at,
        not_after=ordered.not_after,
        result=ordered.result,
        settled_at=ordered.settled_at,
        detail=ordered.detail,
        link=ordered.link,
    )


MAX_COMMENTS = 200
"""Comments shown with a case: a thread of one person's follow-ups is never nearly as long."""


def _comments_of(conn: Connection, case_id: str) -> list[CaseComment]:
    words = (_versions.c.comment_id == _comments.c.id) & (_versions.c.version == _comments.c.content_version)
    rows = conn.execute(
        select(_comments, _versions.c.text)
        .join(_versions, words)
        .where(_comments.c.case_id == case_id)
        .order_by(_comments.c.received_at, _comments.c.id)
        .limit(MAX_COMMENTS)
    )
    return [
        CaseComment(
            id=row.id,
            parent=row.parent,
            text=row.text or "",
            tag=row.tag,
            topic=row.topic,
            alive=row.alive,
            received_at=row.received_at,
            posted_at=row.posted_at,
        )
        for row in rows
    ]
