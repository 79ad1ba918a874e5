"""A comment of VK as a submission. Pure."""

from __future__ import annotations

from datetime import datetime

import msgspec

from services.ingest.connectors.received import Received, skipped, unusable
from services.ingest.connectors.tolerance import moment
from services.ingest.connectors.vk.attachments import attached
from services.ingest.connectors.vk.payload import Comment, flag, items, positive, whole, words
from services.ingest.connectors.vk.place import Kind, Place
from services.ingest.connectors.vk.text import readable, replied_to
from services.ingest.submission import EventKind, Submission
from shared.events.comment import AuthorKind

_OWNERS: dict[Kind, str] = {
    "wall": "post_owner_id",
    "photo": "photo_owner_id",
    "video": "video_owner_id",
    "market": "market_owner_id",
    "board": "topic_owner_id",
}
_OBJECTS: dict[Kind, tuple[str, ...]] = {
    "wall": ("post_id",),
    "photo": ("photo_id", "pid"),
    "video": ("video_id",),
    "market": ("item_id",),
    "board": ("topic_id",),
}


def as_comment(value: object) -> Comment | None:
    """`value` where it is an object."""
    try:
        return msgspec.convert(value, Comment)
    except msgspec.ValidationError:
        return None


def place_of(comment: Comment, kind: Kind, owner: int | None) -> Place | None:
    """Where a comment stands, as far as it says so itself; `owner` is that of the page, if it does not."""
    said = whole(getattr(comment, _OWNERS[kind]))
    said = said if said is not None else whole(comment.owner_id)
    said = said if said is not None else owner
    for field in _OBJECTS[kind]:
        number = positive(getattr(comment, field))
        if number is not None and said:
            return Place(kind=kind, owner=said, object=number)
    return None


def received(comment: Comment, place: Place, *, event: EventKind, key: str | None = None) -> Received:
    """The event that `event` happened to `comment`, or why it is none.

    Its page is the owner of what it stands under, whoever tells: nobody may speak of another page's comments."""
    page = f"vk:{place.owner}"
    number = positive(comment.id)
    if number is None:
        return unusable("comment without an id", comment, key)
    text, hanging = readable(words(comment.text)), attached(comment.attachments)
    empty = not text.strip() and not hanging
    if event == "deleted" or (event == "restored" and empty):
        # A deletion says who deleted, which is nobody's concern here.
        gone = Submission(
            platform="vk",
            page=page,
            id=place.comment(number),
            event=event,
            post=place.post,
            posted_at=_moment(comment.date),
        )
        return Received(key=key, submission=gone)
    if empty:
        return skipped("comment without content", key)
    author = whole(comment.from_id)
    return Received(
        key=key,
        submission=Submission(
            platform="vk",
            page=page,
            id=place.comment(number),
            event=event,
            post=place.post,
            parent=_parent(comment, place, number),
            author=str(author) if author else None,
            author_kind=_author_kind(author, page),
            text=text,
            attachments=hanging,
            posted_at=_moment(comment.date),
        ),
    )


def read_back(comment: Comment, place: Place) -> Received:
    """How `comment` stands now, from the answer to a method."""
    told = received(comment, place, event="deleted" if flag(comment.deleted) else "created")
    return msgspec.structs.replace(told, read_back=told.submission is not None)


def _parent(comment: Comment, place: Place, number: int) -> str | None:
    parent = positive(comment.reply_to_comment)
    if parent is None and place.kind == "board":
        parent = replied_to(words(comment.text))
    if parent is None:
        parents = items(comment.parents_stack)
        parent = positive(parents[-1]) if parents else None
    return None if parent is None or parent == number else place.comment(parent)


def _author_kind(author: int | None, page: str) -> AuthorKind:
    if author is not None and page == f"vk:{author}":
        return "page"
    return "community" if author is not None and author < 0 else "person"


def _moment(value: object) -> datetime | None:
    seconds = whole(value)
    return None if seconds is None else moment(seconds * 1_000)
