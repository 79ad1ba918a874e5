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
from shared.errors import Transient, Unavailable
from shared.events import Action, Platform
from shared.obs import metrics

MAX_OPEN = 2_000
"""Actions of one platform that wait or are under way in one process; further ones stay in the stream."""


class Worker:
    """The handler of one platform's durable on ACTIONS. Several replicas may run it at once, over one database."""

    def __init__(
        self,
        platform: Platform,
        means: Means,
        *,
        max_open: int = MAX_OPEN,
        max_failures: int = Patience().max_failures,
    ) -> None:
        """`max_failures` are the deliveries after which the consumer gives up what fails by an unforeseen error."""
        self._platform = platform
        self._means = means
        self._max_open = max_open
        self._max_failures = max_failures
        self._lanes = Lanes()
        self._open: set[asyncio.Task[None]] = set()

    def stops_with(self, stop: asyncio.Event) -> None:
        """Once `stop` is set, what waits is handed back at once. Call it before the first batch."""
        self._means = msgspec.structs.replace(self._means, waiting=Waiting(stop))

    async def handle(self, batch: Sequence[Delivered]) -> Mapping[int, Later]:
        """Promises an outcome for each action of the batch; raises Transient while too many are open.

        An action that a fault of ours has failed as often as the consumer bears goes to a person, and becomes a dead
        letter all the same.
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

    async def _carry(self, delivered: Delivered) -> None:
        action = cast(Action, delivered.event)
        try:
            await self.carry(action)
        except (Transient, Unavailable):
            raise
        except Exception:
            if delivered.deliveries >= self._max_failures:
                await Course(action, Lanes().join(action.page), self._means).give_up()
            raise

    def _promise(self, delivered: Delivered) -> Later:
        task = asyncio.create_task(self._carry(delivered), name="action")
        self._open.add(task)
        task.add_done_callback(self._closed)
        self._gauge()
        # A task is a future; that it comes to None is what the promise means by done.
        return cast(Later, task)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._open.discard(task)
        self._gauge()

    def _gauge(self) -> None:
        metrics.ACTIONS_OPEN.labels(platform=self._platform).set(len(self._open))
