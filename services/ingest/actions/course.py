"""One action's way, from whatever the journal knows of it to its outcome.

The order is record, call, record, publish. Whatever breaks off in between, the next one who gets the action finds in
the journal how far it came.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime, timedelta

import msgspec
import structlog

from services.ingest.actions.attempt import Again, LookAgain, Verdict, after_absence, after_attempt, after_look
from services.ingest.actions.decision import (
    BROKE,
    MAY_BE_DONE,
    Begin,
    Look,
    Settle,
    Situation,
    Tell,
    Wait,
    by_hand,
    decide,
)
from services.ingest.actions.entry import Entry, outcome_of
from services.ingest.actions.lane import Place
from services.ingest.actions.sources import Sources
from services.ingest.actions.waiting import Waiting
from services.ingest.connectors.connector import Connector, Done
from services.ingest.connectors.failure import NotSent, PlatformError, Unclear
from services.ingest.sources.source import Source
from services.ingest.store.journal import NotBefore, Pace, StoredJournal
from shared.bus import Outgoing, Published
from shared.clock import Clock, utc_now
from shared.errors import Transient
from shared.events import Action, OutcomeKind
from shared.obs import metrics

ATTEMPT_SECONDS = 90.0
"""For one attempt or look, the token's turn at the gate (60 s) included."""
HOLD_SECONDS = 30.0
"""How long an attempt is left alone before somebody else may look for it; prolonged at a third of it while it lasts."""
RECONSIDER_SECONDS = 60.0
"""Whoever waits longer looks up this often whether the action was cancelled or its source changed."""
MAX_DETAIL = 2_000
MAX_LINK = 2_048
"""Characters that an Outcome takes."""

log = structlog.get_logger(__name__)

Publish = Callable[[Sequence[Outgoing]], Awaitable[Sequence[Published]]]


class Times(msgspec.Struct, frozen=True, kw_only=True):
    """How long what may take, in seconds; tests are in a hurry."""

    attempt: float = ATTEMPT_SECONDS
    hold: float = HOLD_SECONDS
    reconsider: float = RECONSIDER_SECONDS


class Means(msgspec.Struct, frozen=True, kw_only=True):
    """What every action of a platform is carried out with."""

    connector: Connector | None
    """None: nothing can be done on this platform, and everything goes to a person."""
    journal: StoredJournal
    sources: Sources
    publish: Publish
    waiting: Waiting
    clock: Clock = utc_now
    times: Times = Times()


class Course:
    """Carries one action through. Cancelled at any moment it leaves behind what a crash would."""

    def __init__(self, action: Action, place: Place, means: Means) -> None:
        self._action = action
        self._place = place
        self._means = means
        self._waiting = means.waiting
        self._journal = means.journal
        self._group: str | None = None
        """Telegram: where the group has moved to."""

    async def run(self) -> None:
        """Returns once the outcome is published; raises Transient when told to stop before that."""
        wait: float | None = 0.0
        while wait is not None:
            await self._waiting.sleep(wait)
            async with self._place:
                wait = 0.0
                while wait == 0.0:
                    await self._waiting.sleep(0.0)
                    wait = await self._step()

    async def give_up(self) -> None:
        """Hands it to a person, once a fault of ours has kept it from every other outcome. Asks nobody but the journal;
        raises whatever the fault raises here too, and Transient when told to stop, or when somebody else has begun it
        at this moment."""
        action, now = self._action, self._means.clock()
        entry = (await self._waiting.patiently(lambda: self._journal.find(action, now))).entry
        if entry is None or not entry.settled:
            begun = entry if entry is not None and entry.state == "begun" else None
            detail = by_hand(action, BROKE) if begun is None else MAY_BE_DONE
            await self._record(begun, "needs_person", detail=detail, link=None)
            entry = (await self._waiting.patiently(lambda: self._journal.find(action, now))).entry
        if entry is None or not entry.settled:
            raise Transient("somebody else is at it")
        await self._tell(entry)

    async def _step(self) -> float | None:
        """One step: returns in how many seconds to take the next (0: at once, still in turn), None after the last."""
        action, now, means = self._action, self._means.clock(), self._means
        known = await self._waiting.patiently(lambda: self._journal.find(action, now))
        entry = known.entry
        self._place.begun = entry is not None and entry.begun_at is not None
        source = means.sources.of_page(action.page)
        if source is not None and self._group is not None:
            source = msgspec.structs.replace(source, group=self._group)
        acts = None
        if means.connector is not None:
            acts = () if source is None else means.connector.acts(source, action.comment)
        at = Situation(action=action, known=known, source=source, acts=acts, ahead=self._place.ahead(), now=now)
        match decide(at):
            case Tell() if entry is not None:
                await self._tell(entry)
                return None
            case Settle() as settle:
                await self._settle(entry if entry is not None and entry.state == "begun" else None, settle)
            case Wait(until=until):
                return min(max((until - now).total_seconds(), 0.001), means.times.reconsider)
            case Look() if entry is not None and source is not None and means.connector is not None:
                await self._look(means.connector, source, entry)
            case Begin() if source is not None and means.connector is not None:
                await self._begin(means.connector, source)
        return 0.0

    async def _begin(self, connector: Connector, source: Source) -> None:
        """Waits for the page's turn, at most a moment longer than it takes to change one's mind; then acts."""
        action, now = self._action, self._means.clock()
        pace = Pace(seconds=source.pace_seconds, ceiling=source.daily_ceiling, hold=self._means.times.hold)
        begun = await self._waiting.patiently(lambda: self._journal.begin(action, pace, now))
        if isinstance(begun, NotBefore):
            # In turn, so that nobody overtakes; who waits behind would have to wait for the same.
            wait = (begun.at - now).total_seconds()
            await self._waiting.sleep(min(max(wait, 0.001), self._means.times.reconsider))
        elif begun is not None:
            self._place.begun = True
            await self._attempt(connector, source, begun)

    async def _attempt(self, connector: Connector, source: Source, begun: Entry) -> None:
        action = self._action
        try:
            async with asyncio.timeout(self._means.times.attempt), self._held(begun):
                done = await connector.act(source, action, begun.key)
        except Exception as error:
            told = _told(error, Unclear("no answer in time"), source)
            self._note("attempt", told)
            await self._follow(source, begun, after_attempt(action, told, begun.attempts))
            return
        self._note("attempt", None)
        await self._done(begun, done)

    async def _look(self, connector: Connector, source: Source, entry: Entry) -> None:
        """Whether what was begun is on the platform."""
        action, now = self._action, self._means.clock()
        if entry.made is not None:
            # Its echo came in: what it became is known without asking.
            await self._done(entry, Done(comment=entry.made))
            return
        until = moment_after(now, self._means.times.hold)
        if not await self._waiting.patiently(lambda: self._journal.claim(entry, now, until)):
            return
        try:
            async with asyncio.timeout(self._means.times.attempt), self._held(entry):
                done = await connector.look(source, action, entry.key)
        except Exception as error:
            # To look changes nothing: where no answer came, one may look again.
            told = _told(error, NotSent("no answer in time"), source)
            self._note("look", told)
            late = self._means.clock() >= action.not_after
            await self._follow(source, entry, after_look(action, told, entry.attempts, late=late))
            return
        self._note("look", None)
        if done is not None:
            await self._done(entry, done)
        else:
            await self._follow(source, entry, after_absence(entry.detail, entry.attempts))

    @contextlib.asynccontextmanager
    async def _held(self, begun: Entry) -> AsyncIterator[None]:
        """Keeps everybody else away from the action for as long as the block lasts."""
        holding = asyncio.create_task(self._hold(begun), name="hold")
        try:
            yield
        finally:
            holding.cancel()
            await asyncio.gather(holding, return_exceptions=True)

    async def _hold(self, begun: Entry) -> None:
        hold = self._means.times.hold
        while True:
            await asyncio.sleep(hold / 3)
            # One that fails is made up for by the next; while the database is away nobody else gets at it either.
            with contextlib.suppress(Transient):
                await self._journal.prolong(begun, moment_after(self._means.clock(), hold))

    async def _follow(self, source: Source, begun: Entry, verdict: Verdict) -> None:
        now = self._means.clock()
        if isinstance(verdict, Settle):
            await self._settle(begun, verdict)
            return
        if isinstance(verdict, Again) and verdict.group is not None:
            group = self._group = verdict.group
            await self._waiting.patiently(lambda: self._means.sources.moved(source, group))
        free_at = moment_after(now, verdict.seconds)
        surely_not = not isinstance(verdict, LookAgain)
        detail = clean(verdict.detail)
        await self._waiting.patiently(
            lambda: self._journal.put_off(begun, free_at, surely_not_done=surely_not, detail=detail)
        )

    async def _done(self, begun: Entry, done: Done) -> None:
        await self._record(begun, "done", link=done.link or self._link(), made=done.comment)

    async def _settle(self, begun: Entry | None, settle: Settle) -> None:
        await self._record(begun, settle.result, detail=clean(settle.detail), link=self._link())

    async def _record(
        self, begun: Entry | None, result: OutcomeKind, *, detail: str = "", link: str | None, made: str | None = None
    ) -> None:
        action, now = self._action, self._means.clock()
        await self._waiting.patiently(
            lambda: self._journal.settle(action, begun, result, now=now, detail=detail, link=link, made=made)
        )

    async def _tell(self, entry: Entry) -> None:
        action = self._action
        outcome = outcome_of(entry, action.trace)
        await self._waiting.patiently(lambda: self._means.publish([Outgoing(event=outcome, msg_id=action.id)]))
        metrics.ACTIONS.labels(platform=action.platform, kind=action.kind, result=outcome.result).inc()
        log.info(
            "action settled",
            action=action.id,
            trace=action.trace,
            platform=action.platform,
            kind=action.kind,
            result=outcome.result,
            attempts=entry.attempts,
        )

    def _link(self) -> str | None:
        connector, action = self._means.connector, self._action
        return (
            None if connector is None else connector.link(action.page, action.post, action.comment)[:MAX_LINK] or None
        )

    def _note(self, call: str, error: Exception | None) -> None:
        action = self._action
        answer = "ok" if error is None else type(error).__name__ if isinstance(error, PlatformError) else "broke"
        metrics.ACTION_CALLS.labels(platform=action.platform, call=call, answer=answer).inc()
        if error is not None:
            why = error.detail if isinstance(error, PlatformError) else type(error).__name__
            log.warning("action not done", action=action.id, trace=action.trace, call=call, answer=answer, why=why)


def _told(error: Exception, late: PlatformError, source: Source) -> Exception:
    """The error, or `late` where no answer came, in words that everybody who reads outcomes and logs may see."""
    if isinstance(error, TimeoutError):
        return late
    if isinstance(error, PlatformError):
        error.detail = source.secrets.withheld_from(error.detail)
    return error


def moment_after(now: datetime, seconds: float) -> datetime:
    """So many seconds after `now`, and at most a year: a platform may ask for any wait."""
    return now + timedelta(seconds=min(seconds, 365 * 86_400))


def clean(detail: str) -> str:
    """A detail as an Outcome and both databases take it."""
    return detail.replace("\0", "\ufffd").encode(errors="replace").decode()[:MAX_DETAIL]
