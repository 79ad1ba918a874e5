"""What one message tells of a comment, and how it bears on the comment's head."""

from __future__ import annotations

import msgspec

from services.routing.domain.comment import Standing
from services.routing.store.comment import Comment, CommentVersion
from shared.events import CommentCreated, CommentDeleted, CommentRestored, Tagged


class Telling(msgspec.Struct, frozen=True, kw_only=True):
    """A version, and the comment's head as this message alone would make it."""

    head: Comment
    version: CommentVersion


def tagged(event: Tagged) -> Telling:
    """What a judged comment tells."""
    said = event.comment
    flags = event.flags
    head = Comment(
        id=said.id,
        platform=said.platform,
        page=said.page,
        post=said.post,
        parent=said.parent,
        thread=said.parent or said.id,
        author=said.author,
        author_kind=said.author_kind,
        version=event.version,
        content_version=event.version,
        tag=event.tag,
        topic=event.topic,
        confidence=event.confidence,
        unsure=event.unsure,
        toxic=flags.toxic,
        urgent=flags.urgent,
        personal_data=flags.personal_data,
        model=event.model,
        received_at=said.received_at,
        posted_at=said.posted_at,
    )
    version = CommentVersion(
        comment_id=said.id,
        version=event.version,
        kind="created" if isinstance(said, CommentCreated) else "edited",
        received_at=said.received_at,
        posted_at=said.posted_at,
        # PostgreSQL cannot keep the character NUL, and nobody wrote it on purpose.
        text=said.text.replace("\0", "\ufffd"),
        attachments=said.attachments,
        tag=event.tag,
        scores=event.scores,
        confidence=event.confidence,
        unsure=event.unsure,
        topic=event.topic,
        topics=event.topics,
        flags=flags,
        model=event.model,
        trace=event.trace,
    )
    return Telling(head=head, version=version)


def life(event: CommentDeleted | CommentRestored, version: int) -> Telling:
    """What a deletion or restoration tells; `version` is its sequence in COMMENTS."""
    deleted = isinstance(event, CommentDeleted)
    head = Comment(
        id=event.id,
        platform=event.platform,
        page=event.page,
        post=event.post,
        thread=event.id,
        version=version,
        alive=not deleted,
        received_at=event.received_at,
        posted_at=event.posted_at,
    )
    told = CommentVersion(
        comment_id=event.id,
        version=version,
        kind="deleted" if deleted else "restored",
        received_at=event.received_at,
        posted_at=event.posted_at,
        trace=event.trace,
    )
    return Telling(head=head, version=told)


def referred_to(id: str, *, platform: str, page: str) -> Comment:
    """The head of a comment that another one replies to and that itself never came."""
    return Comment(id=id, platform=platform, page=page, thread=id)


def merge(head: Comment, telling: Telling) -> Comment:
    """The head after a message, whatever came before: the highest version with content says who wrote what in reply to
    whom, the earliest message says when it came in; the rest is `restate`'s."""
    told = telling.head
    received = told.received_at
    if head.received_at is not None and received is not None:
        received = min(head.received_at, received)
    fresh = told.content_version is not None and told.content_version >= (head.content_version or 0)
    if fresh or (head.content_version is None and head.version == 0):
        thread = told.thread if told.parent is not None and head.parent is None else head.thread
        return msgspec.structs.replace(told, received_at=received, case_id=head.case_id, thread=thread)
    return msgspec.structs.replace(head, received_at=received)


def restate(head: Comment, standing: Standing) -> Comment:
    """The head as the fold of all versions has it."""
    content = standing.content.content if standing.content is not None else None
    if standing.content is None or content is None:
        return msgspec.structs.replace(head, version=standing.head, alive=standing.alive)
    return msgspec.structs.replace(
        head,
        version=standing.head,
        content_version=standing.content.version,
        alive=standing.alive,
        tag=content.right_tag,
        topic=content.right_topic,
        confidence=content.confidence,
        unsure=content.unsure,
        toxic=content.flags.toxic,
        urgent=content.flags.urgent,
        personal_data=content.flags.personal_data,
        model=content.model,
    )
