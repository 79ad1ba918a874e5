"""What a platform told becomes durable: repetitions and our own echoes left out, posts looked up, nothing lost.

The order is store, then remember. A crash between the two loses nothing: the platform sends again, or the cursor was
not moved, and what comes twice is found among the comments' heads.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import Protocol

import msgspec
import structlog

from services.ingest.connectors.received import PostCopy, Received, Thread, digest
from services.ingest.intake import MAX_BATCH, Counts
from services.ingest.sources.source import Source
from services.ingest.submission import Entry, Refusal, Submission, held, to_entry, to_entry_read_back
from shared.bus import Outgoing
from shared.clock import Clock, NewId, new_id, utc_now
from shared.events import CommentCreated, DeadLetter
from shared.obs import metrics

MAX_KEPT_PAYLOAD = 700_000
"""Bytes of a payload that a dead letter keeps; more would not pass the broker. Longer ones are cut."""

_PLAIN = re.compile(r"[A-Za-z0-9._:=+/-]{1,200}")

log = structlog.get_logger(__name__)


class Seen(Protocol):
    """Which events were seen; every call may raise Transient."""

    async def find(self, keys: Collection[str]) -> set[str]:
        """Those of `keys` that were."""

    async def record(self, keys: Collection[str], seen_at: datetime) -> None:
        """Remembers them, durably on return."""


class Copies(Protocol):
    """Telegram's map of posts; every call may raise Transient."""

    async def find(self, threads: Collection[Thread]) -> dict[Thread, PostCopy]:
        """Those that are known."""

    async def record(self, copies: Sequence[PostCopy]) -> None:
        """Remembers them, durably on return."""


Submit = Callable[[Sequence[Entry]], Awaitable[Counts]]
"""`Intake.submit`."""
Echoes = Callable[[Submission], Awaitable[bool]]
"""Whether what the page itself seems to have written is the echo of an action of ours; may raise Transient."""
Bury = Callable[[Outgoing], Awaitable[None]]
"""Publishes a dead letter; may raise Unavailable."""
Moved = Callable[[Source, str], Awaitable[None]]
"""Telegram: the source's group has this id from now on; may raise Transient or Unavailable."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a payload's events."""

    accepted: int = 0
    repeated: int = 0
    """Events seen before, and comments that they told nothing new of."""
    echoes: int = 0
    skipped: int = 0
    buried: int = 0
    """Of a known kind and yet unusable, and not met before: kept in a dead letter with the whole payload."""
    unusable: int = 0
    """The same, with those that were met before."""
    moved: str | None = None
    """Telegram: the group's new id, or its first that is known."""
    lag: float | None = None
    """How old the newest comment was, in seconds, where one is new and says when it was written."""

    @property
    def news(self) -> int:
        """Events of the page that told something new."""
        return self.accepted + self.echoes + self.buried


class Arrivals:
    """Takes in what connectors decoded. `take` returns only when everything is durable."""

    def __init__(
        self,
        *,
        submit: Submit,
        seen: Seen,
        copies: Copies,
        echoes: Echoes,
        bury: Bury,
        author_key: bytes,
        moved: Moved | None = None,
        clock: Clock = utc_now,
        new_id: NewId = new_id,
    ) -> None:
        self._moved = moved
        self._submit = submit
        self._seen = seen
        self._copies = copies
        self._echoes = echoes
        self._bury = bury
        self._author_key = author_key
        self._clock = clock
        self._new_id = new_id

    async def take(
        self,
        source: Source,
        events: Sequence[Received],
        payload: bytes,
        *,
        as_of: datetime | None = None,
        kept: bool = False,
    ) -> Taken:
        """Everything in `events`, which were decoded from `payload`; taking the same again is safe.

        What was read back (`Received.read_back`) and is not gone stood so at `as_of`, and tells nothing of a comment
        that has changed since. `kept`: a dead letter has had the payload since `as_of`; then that goes for all of it,
        and what is unusable makes no other letter.

        Raises Transient or Unavailable where it cannot be made durable now: then nothing was promised.
        """
        await self._copies.record([it.copy for it in events if it.copy is not None])
        # Of a letter each event is wanted: those that were seen say where their comments stood before the next.
        fresh, repeated = (list(events), 0) if kept else await self._unseen(source, events)
        posts = await self._copies.find({it.thread for it in fresh if it.thread is not None})
        entries: list[Entry] = []
        unusable: dict[str, str] = {}
        lost: set[str | None] = set()
        echoes = empty = 0
        received_at, trace = self._clock(), self._new_id().hex
        for number, event in enumerate(fresh):
            submission = event.submission
            if event.fault is not None:
                unusable[_key(source, f"unusable:{event.fault}")] = event.skipped or "cannot be read"
                lost.add(event.key)
            if submission is None:
                continue
            if brings_nothing(submission):
                empty += 1
                continue
            own = submission.author_kind == "page" and submission.page == source.page
            if own and submission.event == "created" and await self._echoes(submission):
                echoes += 1
                continue
            for each in (event, *await self._standing(event, submission, own=own)):
                found = _with_post(each.submission or submission, event, posts)
                result = self._entry(source, each, found, received_at, f"{trace}-{number}")
                if isinstance(result, Entry):
                    # That a comment is gone is told once by some platforms, and mended by the next reading if wrong.
                    late = kept or (each.read_back and submission.event != "deleted")
                    entries.append(msgspec.structs.replace(result, as_of=as_of) if late else result)
                else:
                    unusable[_key(source, f"unusable:{digest(repr(submission))}")] = result.error
                    lost.add(event.key)
        buried = 0 if kept else await self._bury_new(source, payload, unusable)
        moved = [it.moved[1] for it in fresh if it.moved is not None]
        # Telegram copies posts into the channel's own group only: from now on no other group speaks for it.
        copying = events if source.group is None else [it for it in fresh if it.linked]
        groups = [it.copy.thread.group for it in copying if it.copy is not None]
        moved = [group for group in groups if group != source.group] + moved
        if moved and self._moved is not None:
            await self._moved(source, moved[-1])
        counts = Counts()
        for start in range(0, len(entries), MAX_BATCH):
            done = await self._submit(entries[start : start + MAX_BATCH])
            counts = Counts(accepted=counts.accepted + done.accepted, duplicates=counts.duplicates + done.duplicates)
        # What was unusable counts as not seen: a later release may read it when the platform tells it again.
        keys = {_key(source, it.key) for it in fresh if it.key is not None and it.key not in lost}
        await self._seen.record(keys | unusable.keys(), self._clock())
        skipped = [it.skipped for it in fresh if it.skipped is not None and it.fault is None]
        for result_name, count in (("repeated", repeated), ("echo", echoes), ("skipped", len(skipped) + empty)):
            if count:
                metrics.INGEST_COMMENTS.labels(platform=source.platform, result=result_name).inc(count)
        if skipped:
            log.debug("skipped", source=source.id, reasons=sorted(set(skipped))[:10])
        return Taken(
            accepted=counts.accepted,
            repeated=repeated + counts.duplicates,
            echoes=echoes,
            skipped=len(skipped) + empty,
            buried=buried,
            unusable=len(unusable),
            moved=moved[-1] if moved else None,
            lag=_lag(entries, received_at) if counts.accepted else None,
        )

    async def bury(self, source: Source, payload: bytes, reason: str, detail: str) -> None:
        """Keeps a payload that cannot be used, whole, for a person to look at; raises Unavailable."""
        content = hashlib.blake2b(payload, digest_size=16).hexdigest()
        letter = DeadLetter(
            service="ingest",
            reason=reason,
            detail=detail[:2_000],
            stream="",
            sequence=0,
            consumer=origin(source.id),
            subject="",
            deliveries=1,
            at=self._clock(),
            payload=payload[:MAX_KEPT_PAYLOAD],
        )
        await self._bury(Outgoing(event=letter, msg_id=f"dead:source:{source.id}:{reason}:{content}"))
        metrics.DEAD_LETTERS.labels(service="ingest", reason=reason).inc()
        log.warning("payload kept as a dead letter", source=source.id, reason=reason, bytes=len(payload))

    async def _standing(self, event: Received, submission: Submission, *, own: bool) -> tuple[Received, ...]:
        """What a return says is there again: the creation may have been missed, or come after the deletion."""
        standing = msgspec.structs.replace(submission, event="created")
        if submission.event != "restored" or _bare(submission) or (own and await self._echoes(standing)):
            return ()
        return (msgspec.structs.replace(event, submission=standing, read_back=True),)

    async def _bury_new(self, source: Source, payload: bytes, unusable: dict[str, str]) -> int:
        """Keeps the payload once, unless all that is unusable in it was kept before: what is polled comes again and
        again. Returns how many events were new."""
        known = await self._seen.find(unusable)
        errors = [error for key, error in unusable.items() if key not in known]
        if errors:
            await self.bury(source, payload, "unusable", "; ".join(sorted(set(errors))[:5]))
        return len(errors)

    async def _unseen(self, source: Source, events: Sequence[Received]) -> tuple[list[Received], int]:
        known = await self._seen.find({_key(source, it.key) for it in events if it.key is not None})
        fresh = []
        for event in events:
            if event.key is not None:
                key = _key(source, event.key)
                if key in known:
                    continue
                known.add(key)
            fresh.append(event)
        return fresh, len(events) - len(fresh)

    def _entry(
        self, source: Source, event: Received, submission: Submission, received_at: datetime, trace: str
    ) -> Entry | Refusal:
        if submission.page != source.page:
            return Refusal(error=f"page: it is about another page than {source.page}")
        checked = held(submission)
        if isinstance(checked, Refusal):
            return checked
        make = to_entry_read_back if event.read_back else to_entry
        return make(checked, author_key=self._author_key, received_at=received_at, trace=trace)


def origin(source_id: str) -> str:
    """Names a source as where a dead letter came from."""
    return f"source-{source_id}"


def brings_nothing(submission: Submission) -> bool:
    """Neither words nor anything else to look at: a platform's service entry, or what we do not know how to show."""
    return submission.event in ("created", "edited") and _bare(submission)


def _bare(submission: Submission) -> bool:
    return not submission.attachments and not (submission.text or "").strip()


def _lag(entries: Sequence[Entry], now: datetime) -> float | None:
    """Edits and deletions say when the comment was written, not when they happened."""
    events = [entry.event for entry in entries]
    moments = [it.posted_at for it in events if isinstance(it, CommentCreated) and it.posted_at is not None]
    return max(0.0, (now - max(moments)).total_seconds()) if moments else None


def _with_post(submission: Submission, event: Received, posts: dict[Thread, PostCopy]) -> Submission:
    if submission.post is not None or event.thread is None or event.thread not in posts:
        return submission
    return msgspec.structs.replace(submission, post=posts[event.thread].post)


def _key(source: Source, key: str) -> str:
    # A database keeps neither half of a surrogate pair nor, PostgreSQL, the character 0.
    return f"{source.platform}:{key if _PLAIN.fullmatch(key) else digest(key)}"
