"""Writes over HTTP: one transaction, done once for each Idempotency-Key however often it is asked for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar, cast

import msgspec
from litestar import Response
from sqlalchemy import Connection

from services.routing.store import idempotency
from services.routing.store.changes import Changes
from services.routing.store.idempotency import Answer
from services.routing.web.office import office_of
from shared.web import ServiceRequest, etag

T = TypeVar("T")

_encoder = msgspec.json.Encoder()


async def perform(
    request: ServiceRequest,
    key: str | None,
    work: Callable[[Connection, Changes], T],
    *,
    version: Callable[[T], int] | None = None,
) -> Response[T]:
    """Does `work` and answers with what it returned; `version` of it becomes the ETag.

    With a key the answer is kept in the same transaction, for this API key alone: the same request under it gets the
    same answer and changes nothing. What fails is not kept, since nothing of it was done. Raises what `work` raises,
    and Conflict when the key came with another request before.
    """
    asked = None if key is None else await _fingerprint(request)
    office, key_id = office_of(request), request.user.key_id

    def once(conn: Connection, changes: Changes) -> Answer:
        if key is not None and asked is not None:
            before = idempotency.claim(conn, key_id=key_id, key=key, request=asked, now=changes.now)
            if before is not None:
                return before
        done = work(conn, changes)
        headers = {} if version is None else {"ETag": etag(version(done))}
        answer = Answer(status=200, headers=headers, body=_encoder.encode(done))
        if key is not None:
            idempotency.keep(conn, key_id=key_id, key=key, answer=answer)
        return answer

    # Encoded already: the stored form of T and the fresh one are the same bytes.
    answer = await office.write(once)
    return Response(
        cast(Any, answer.body), status_code=answer.status, headers=answer.headers, media_type="application/json"
    )


async def _fingerprint(request: ServiceRequest) -> str:
    """What was asked: method, address and body, bound together."""
    digest = hashlib.sha256()
    for part in (request.method.encode(), str(request.url.path).encode(), await request.body()):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()
