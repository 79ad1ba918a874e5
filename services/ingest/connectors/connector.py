"""What every platform's connector can do; one conformance suite holds them all to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from services.ingest.connectors.received import Received
from services.ingest.sources.source import Source
from shared.events import Action, ActionKind, Platform

Decoder = Callable[[bytes, str | None], list[Received]]
"""`Connector.decode` alone: pure, and to be had without a connection."""


class HookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What a platform is told once everything in its call is durable."""

    status: int = 200
    body: bytes = b""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the hook that proved genuine: `events` are to be made durable, then `answer` is given."""

    events: tuple[Received, ...] = ()
    answer: HookAnswer


class Forged(Exception):
    """The call does not carry the source's secret, or is about another page. Answered with 403, and nothing said."""


class Polled(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to a poll. Once its events are durable, `cursor` is kept and the next poll begins with it."""

    events: tuple[Received, ...]
    cursor: bytes
    """Opaque to everybody else; at most 4,096 bytes, and none at all where the platform keeps the place itself."""
    payload: bytes = b""
    """The platform's answer as it came, kept until the events are durable, and for good if one of them is unusable."""
    wait: float = 0.0
    """Seconds until asking again makes sense."""
    behind: bool = False
    """Something was missed that only `backfill` can bring (VK's `failed: 1`): run it before the next poll."""


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """What a source's credentials turned out to allow, as `test` found by asking the platform."""

    name: str = ""
    """Of the page, as the platform has it."""
    reads: bool
    acts: tuple[ActionKind, ...] = ()
    problems: tuple[str, ...] = ()
    """What is missing, each in a sentence that says what to do about it."""
    group: str | None = None
    """Telegram: id of the channel's discussion group, as the channel names it."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """An action is on the platform. `comment` is the comment that came to be, as an id of ours (`vk:wall:-1:2:3`)."""

    comment: str | None = None
    link: str | None = None


class Connector(Protocol):
    """One platform. Stateless but for its HTTP client: everything about a source comes with the call.

    Whatever asks the platform raises `failure.PlatformError`s, and nothing else for any answer whatsoever.
    """

    platform: Platform
    taken: HookAnswer
    """What a genuine call is answered with for the platform not to send it again, even where it could not be read."""

    def decode(self, payload: bytes, page: str | None = None) -> list[Received]:
        """What a payload of the platform (a hook's body, an answer to a poll, an API answer) becomes; never empty.

        `page` is that of the source it came by, where the payload does not say. Tolerant: unknown fields, missing
        fields and unknown types never raise. Raises NotThisPlatform for what is no payload of this platform.
        """

    def events(self, source: Source, payload: bytes) -> tuple[Received, ...]:
        """What a payload that came genuinely by `source`, by hook or poll, tells of its page. Raises as `decode`."""

    def hook(self, source: Source, headers: Mapping[str, str], body: bytes) -> Call:
        """Checks the secret in constant time and decodes; header names are in lower case. Raises Forged, and
        NotThisPlatform for a genuine call that cannot be read (it is kept as a dead letter and answered as usual)."""

    async def poll(self, source: Source, cursor: bytes | None) -> Polled:
        """Asks once for what is new, waiting on the platform's side where it can; None begins now."""

    async def backfill(self, source: Source, cursor: bytes | None) -> Polled | None:
        """One step through what the page already holds (posts of the last days, their comments, edits and deletions);
        None once through. Platforms that cannot be read back return None at once."""

    async def test(self, source: Source) -> Rights:
        """Asks the platform who the credentials are and what they may do; harmless."""

    def acts(self, source: Source, comment: str | None = None) -> tuple[ActionKind, ...]:
        """The kinds of action that the source's credentials are there for, about `comment` where one is given."""

    async def act(self, source: Source, action: Action, key: str) -> Done:
        """Does it once; `key` names this one attempt for ever, where the platform knows such a thing."""

    async def look(self, source: Source, action: Action, key: str) -> Done | None:
        """Whether an action that was begun is on the platform: Done, or None when it surely is not. Raises Unclear
        where the platform or the credential cannot tell."""

    def link(self, page: str, post: str | None, comment: str) -> str:
        """Where a person sees the comment; the page itself where the platform has no such address."""
