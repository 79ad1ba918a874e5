"""What a Telegram message says and what hangs on it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from services.ingest.connectors.telegram.messages import Message
from services.ingest.connectors.tolerance import MAX_URL, bounded
from services.ingest.submission import SubmittedAttachment
from shared.events.base import MAX_ATTACHMENTS

_KINDS = (
    ("live_photo", "photo"),
    ("photo", "photo"),
    ("video", "video"),
    ("video_note", "video"),
    ("animation", "video"),
    ("audio", "audio"),
    ("voice", "voice"),
    ("document", "document"),
    ("sticker", "sticker"),
    ("poll", "poll"),
    ("paid_media", "other"),
    ("story", "other"),
    ("checklist", "other"),
    ("contact", "other"),
    ("dice", "other"),
    ("game", "other"),
    ("venue", "other"),
    ("location", "other"),
)
# For older clients these come with a second field that tells of the same thing.
_TWICE = {"animation": "document", "venue": "location", "live_photo": "photo"}


def text_of(message: Message) -> str:
    """The words: of the text, the caption, or the poll's question and answers."""
    if message.text is not None:
        return bounded(message.text)
    if message.caption is not None:
        return bounded(message.caption)
    if message.rich_message is not None:
        return bounded("".join(_words(message.rich_message)).strip())
    if message.poll is not None:
        lines = [message.poll.question, *(option.text for option in message.poll.options)]
        return bounded("\n".join(line for line in lines if line))
    return ""


def attachments_of(message: Message) -> tuple[SubmittedAttachment, ...]:
    """Files carry no address: theirs would need the bot's token. Links are those that hide behind words."""
    told: set[str] = set()
    found = []
    for name, kind in _KINDS:
        if getattr(message, name) and name not in told:
            told.add(_TWICE.get(name, name))
            found.append(SubmittedAttachment(kind=kind))  # type: ignore[arg-type]  # the table holds its kinds only
    links = dict.fromkeys(
        entity.url
        for entity in [*message.entities, *message.caption_entities]
        if entity.type == "text_link" and entity.url and len(entity.url) <= MAX_URL
    )
    found += [SubmittedAttachment(kind="link", url=url) for url in links]
    return tuple(found[:MAX_ATTACHMENTS])


def _words(value: object, *, said: bool = False) -> Iterator[str]:
    """Every piece of text in a rich message, in order; a block of its own ends with a line feed."""
    if isinstance(value, str):
        if said:
            yield value
    elif isinstance(value, list):
        for each in value:
            yield from _words(each, said=said)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "text":
                yield from _words(each, said=True)
            elif isinstance(each, list | dict):
                yield from _words(each)
        if not said and "text" in value:
            yield "\n"
