"""Takes one platform's actions from their stream: each in a task of its own, a page's one after another."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import cast

import msgspec

from services.ingest.actions.course import Course, Means
from services.ingest.actions.lane import Lanes
from services.ingest.actions.waiting import Waiting
from shared.bus import Delivered, Later, Patience
from shared.errors import Poison, Transient, Unavailable
from shared.events import Action, Platform
from shared.obs import metrics

MAX_OPEN = 2_000
"""Actions of one platform that wait or are under way in one process; further ones stay in the stream."""
LAST_DELIVERY = 500
"""From this delivery on an action is only handed to a person: whatever comes so often, through all its restarts, may be
what kills the process."""


class Worker:
    """The handler of one platform's durable on ACTIONS. Several replicas may run it at once, over one database."""

    def __init__(
        self,
        platform: Platform,
        means: Means,
        *,
        max_open: int = MAX_OPEN,
        max_failures: int = Patience().max_failures,
        last_delivery: int = LAST_DELIVERY,
    ) -> None:
        """`max_failures` are the deliveries after which the consumer gives up what fails by an unforeseen error."""
        self._platform = platform
        self._means = means
        self._max_open = max_open
        self._max_failures = max_failures
        self._last_delivery = last_delivery
        self._lanes = Lanes()
        self._open: set[asyncio.Task[Poison | None]] = set()

    def stops_with(self, stop: asyncio.Event) -> None:
        """Once `stop` is set, what waits is handed back at once. Call it before the first batch."""
        self._means = msgspec.structs.replace(self._means, waiting=Waiting(stop))

    async def handle(self, batch: Sequence[Delivered]) -> Mapping[int, Later]:
        """Promises an outcome for each action of the batch; raises Transient while too many are open.

        An action that a fault of ours has failed as often as the consumer bears, or that never came to its end in
        LAST_DELIVERY deliveries, goes to a person, and becomes a dead letter all the same.
        """
        if len(self._open) + len(batch) > self._max_open:
            raise Transient(f"{len(self._open)} actions of {self._platform} wait already")
        return {index: self._promise(delivered) for index, delivered in enumerate(batch)}

    async def carry(self, action: Action) -> None:
        """As `Course.run`, in the line of the action's page."""
        place = self._lanes.join(action.page)
        try:
            await Course(action, place, self._means).run()
        finally:
            self._lanes.leave(action.page, place)

    async def _carry(self, delivered: Delivered) -> Poison | None:
        action = cast(Action, delivered.event)
        if delivered.deliveries >= self._last_delivery:
            await self._give_up(action)
            return Poison("exhausted", f"never finished in {delivered.deliveries - 1} deliveries")
        try:
            await self.carry(action)
        except (Transient, Unavailable):
            raise
        except Exception:
            if delivered.deliveries >= self._max_failures:
                await self._give_up(action)
            raise
        return None

    async def _give_up(self, action: Action) -> None:
        await Course(action, Lanes().join(action.page), self._means).give_up()

    def _promise(self, delivered: Delivered) -> Later:
        task = asyncio.create_task(self._carry(delivered), name="action")
        self._open.add(task)
        task.add_done_callback(self._closed)
        self._gauge()
        return task

    def _closed(self, task: asyncio.Task[Poison | None]) -> None:
        self._open.discard(task)
        self._gauge()

    def _gauge(self) -> None:
        metrics.ACTIONS_OPEN.labels(platform=self._platform).set(len(self._open))
