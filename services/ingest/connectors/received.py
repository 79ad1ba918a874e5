"""What one event of a platform amounts to, before anything is stored. Pure."""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from services.ingest.submission import Submission

MAX_REASON = 200
"""Characters of why something was skipped."""


class NotThisPlatform(ValueError):
    """What came is no payload of the platform at all; the message says in one line what was expected."""


class Thread(msgspec.Struct, frozen=True, kw_only=True):
    """Telegram: the automatic copy of a channel's post in its discussion group, which all comments hang on."""

    group: str
    copy: str
    """Id of the copy's message in the group."""


class PostCopy(msgspec.Struct, frozen=True, kw_only=True):
    """Telegram: which post of which channel a copy is of. Told once, when the post appears, and needed for ever."""

    thread: Thread
    channel: str
    post: str


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One event: a comment event, or the reason why it is none.

    Exactly one of `submission`, `copy`, `moved` and `skipped` is there.
    """

    key: str | None = None
    """Recognises the event when the platform sends it again, for 30 days; None where it has no id of its own. Local to
    the platform: `{group}:{event_id}` of VK, `{bot}:{update_id}` of Telegram, type, mid and timestamp of MAX."""
    submission: Submission | None = None
    read_back: bool = False
    """`submission` tells how the comment stands and not what happened: it is taken in by `to_entry_read_back`."""
    thread: Thread | None = None
    """Telegram: where the post of `submission` is to be looked up, if it does not say so itself."""
    copy: PostCopy | None = None
    linked: bool = False
    """Telegram copied the post of `copy` just now: its group is the channel's discussion group from here on."""
    moved: tuple[str, str] | None = None
    """Telegram: the group's id was the first and is the second from now on."""
    skipped: str | None = None
    """In a few plain words, at most MAX_REASON characters, one of few that a counter can bear: `like_add`, `not a
    comment`; never anything of the content."""
    fault: str | None = None
    """Set where it was skipped though it is of a kind that we take: the payload is kept as a dead letter. Recognises
    what was wrong when it is read again."""


def skipped(reason: str, key: str | None = None) -> Received:
    """An event that is none of ours."""
    return Received(key=key, skipped=reason[:MAX_REASON])


def unusable(reason: str, told: object, key: str | None = None) -> Received:
    """An event that would be ours, and lacks what it needs or cannot be read at all; `told` is what came of it."""
    try:
        words = repr(told)
    except RecursionError:
        words = "too deep"
    return Received(key=key, skipped=reason[:MAX_REASON], fault=digest(words))


def digest(words: str) -> str:
    """32 hexadecimal digits that stand for any `str`, lone surrogates included."""
    return blake2b(words.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
