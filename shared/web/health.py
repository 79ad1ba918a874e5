"""Whether the process lives, whether it can do its work, and what it runs beside answering requests."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from litestar import Litestar

Check = Callable[[], bool | Awaitable[bool]]
Run = Callable[[asyncio.Event], Awaitable[None]]

CHECK_SECONDS = 2.0
MAX_LOOP_AGE = 60.0
"""Seconds without a turn after which a background task counts as hung."""
DRAIN_SECONDS = 15.0
"""How long background tasks may take to finish what is in flight."""

_log = structlog.get_logger("web")


class Health:
    """The state of one process: `app.state.health`."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = dict(checks)
        self._ages: dict[str, Callable[[], float]] = {}
        self.stopping = asyncio.Event()
        """Set when the process was told to stop: endless answers (SSE) end then."""
        self.failed = asyncio.Event()
        """Set when a background task failed: the process must end."""
        self.failure: str | None = None

    def watch(self, task: str, age: Callable[[], float]) -> None:
        """Counts `task` as hung once `age()` exceeds MAX_LOOP_AGE."""
        self._ages[task] = age

    def unwatch(self, task: str) -> None:
        """The task has ended as it should."""
        self._ages.pop(task, None)

    def fail(self, task: str, error: BaseException | None) -> None:
        """A background task ended that never should."""
        if self.failure is None:
            what = "ended" if error is None else type(error).__name__
            self.failure = f"{task}: {what}"
        _log.error("background task failed", task=task, exc_info=error)
        self.failed.set()

    def ailment(self) -> str | None:
        """Why a restart would help; None while the process is well."""
        if self.failure is not None:
            return self.failure
        hung = [task for task, age in self._ages.items() if age() > MAX_LOOP_AGE]
        return f"hung: {', '.join(sorted(hung))}" if hung else None

    async def parts(self) -> dict[str, bool]:
        """Each part this service needs, and whether it is there now; takes at most CHECK_SECONDS."""
        names = list(self._checks)
        answers = await asyncio.gather(*(self._ask(name, self._checks[name]) for name in names))
        parts = dict(zip(names, answers, strict=True))
        if self.stopping.is_set():
            parts["running"] = False
        return parts

    async def _ask(self, part: str, check: Check) -> bool:
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                answer = check()
                return bool(await answer) if inspect.isawaitable(answer) else bool(answer)
        except Exception as error:
            # Whatever a check raises, its part is not there; a probe must answer.
            _log.warning("readiness check failed", part=part, error=type(error).__name__)
            return False


class Background:
    """Tasks that run as long as the service; made by `background`."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._stop = asyncio.Event()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def start(self, task: str, run: Run, *, age: Callable[[], float] | None = None) -> None:
        """Runs `run(stop)` until it returns, which it must soon after `stop` is set.

        Raising, or returning earlier, ends the process with exit code 1. `age` tells the seconds since its loop last
        turned; /healthz fails when that exceeds MAX_LOOP_AGE.
        """
        if task in self._tasks:
            raise ValueError(f"there is a task {task} already")
        self._tasks[task] = asyncio.create_task(self._run(task, run), name=task)
        if age is not None:
            self._health.watch(task, age)

    async def _run(self, task: str, run: Run) -> None:
        try:
            await run(self._stop)
        except Exception as error:
            self._health.fail(task, error)
        else:
            if not self._stop.is_set():
                self._health.fail(task, None)
        finally:
            self._health.unwatch(task)

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Tells every task to stop and waits; cancels those that take longer than `seconds`."""
        self._stop.set()
        tasks = self._tasks.values()
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=seconds)
        for task in late:
            _log.warning("background task did not stop in time", task=task.get_name())
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=1.0)


@asynccontextmanager
async def background(app: Litestar) -> AsyncIterator[Background]:
    """The owner of a lifespan's tasks: on leaving it, all have drained.

    async with await Bus.connect(...) as bus, background(app) as tasks:
        tasks.start("tagging", consumer.run, age=consumer.loop_age)
        yield
    """
    tasks = Background(app.state.health)
    try:
        yield tasks
    finally:
        await tasks.drain()
