"""What hangs on a comment. Pure."""

from __future__ import annotations

from typing import Any

from services.ingest.connectors.tolerance import MAX_URL
from services.ingest.connectors.vk.payload import items, positive, table, whole, words
from services.ingest.connectors.vk.place import SITE
from services.ingest.submission import SubmittedAttachment
from shared.events.base import MAX_ATTACHMENTS

_KINDS: dict[str, Any] = {
    "photo": "photo",
    "posted_photo": "photo",
    "graffiti": "photo",
    "video": "video",
    "clip": "video",
    "audio": "audio",
    "audio_playlist": "audio",
    "podcast": "audio",
    "audio_message": "voice",
    "doc": "document",
    "link": "link",
    "sticker": "sticker",
    "poll": "poll",
}
_ADDRESSES = {
    "photo": "photo",
    "video": "video",
    "clip": "clip",
    "audio": "audio",
    "doc": "doc",
    "poll": "poll",
    "wall": "wall",
    "note": "note",
    "market": "product",
}


def attached(value: object) -> tuple[SubmittedAttachment, ...]:
    """At most MAX_ATTACHMENTS of them. Addresses are those of the site, which stay: those of the files expire, and
    differ each time that a comment is read."""
    found = []
    for each in items(value)[:MAX_ATTACHMENTS]:
        kind = words(table(each).get("type"))
        content = table(table(each).get(kind))
        found.append(SubmittedAttachment(kind=_KINDS.get(kind, "other"), url=_address(kind, content)))
    return tuple(found)


def _address(kind: str, content: dict[str, Any]) -> str | None:
    if kind == "link":
        url = words(content.get("url"))
        return url if url.startswith(("https://", "http://")) and len(url) <= MAX_URL else None
    owner, number = whole(content.get("owner_id")), positive(content.get("id"))
    if kind not in _ADDRESSES or owner is None or number is None:
        return None
    return f"{SITE}/{_ADDRESSES[kind]}{owner}_{number}"
