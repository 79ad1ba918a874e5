"""Recognises, among what pages write, the replies that we wrote ourselves."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from services.ingest.actions.entry import text_digest
from services.ingest.submission import Submission
from shared.clock import Clock, utc_now

ECHO_TIME = timedelta(hours=6)
"""How long after an attempt its echo may come, where nobody knows the id that it got: platforms' own retries take
hours. Later the same words are taken for an answer given by hand."""


class EchoJournal(Protocol):
    """What of the journal it takes; may raise Transient."""

    async def echo(self, page: str, comment: str, parent: str | None, *, digest: bytes, since: datetime) -> bool:
        """See `store.journal.echo`."""


class Echo:
    """`echoes` is what `arrivals.Echoes` asks for."""

    def __init__(self, journal: EchoJournal, clock: Clock = utc_now) -> None:
        self._journal = journal
        self._clock = clock

    async def echoes(self, submission: Submission) -> bool:
        """Whether it is a reply of ours that comes back; if it was not known what that reply became, it is now.

        What was handed to a person is never one: the same words then are that person's answer. Raises Transient.
        """
        if submission.author_kind != "page" or submission.event != "created":
            return False
        front = f"{submission.platform}:"
        parent = None if submission.parent is None else front + submission.parent
        digest = text_digest(submission.text or "")
        since = self._clock() - ECHO_TIME
        return await self._journal.echo(submission.page, front + submission.id, parent, digest=digest, since=since)
