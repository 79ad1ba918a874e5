"""Alive, ready, and what runs beside answering requests."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from shared.errors import Fatal
from shared.web import Service, background
from shared.web.health import Health
from tests.fixtures.orders import problem


async def ask(checks: dict[str, Any]) -> dict[str, bool]:
    return await Health(checks).parts()


async def test_every_part_is_asked_and_none_can_break_the_probe() -> None:
    async def there() -> bool:
        return True

    async def broken() -> bool:
        raise OSError

    parts = await ask({"a": there, "b": broken, "c": lambda: True, "d": lambda: False, "e": lambda: 1 / 0})
    assert parts == {"a": True, "b": False, "c": True, "d": False, "e": False}


async def test_a_part_that_does_not_answer_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.web.health.CHECK_SECONDS", 0.01)

    async def silent() -> bool:
        await asyncio.Event().wait()
        return True

    assert await ask({"a": silent}) == {"a": False}


async def test_a_hung_task_makes_the_process_unhealthy(app: Service, client: httpx.AsyncClient) -> None:
    age = 60.0
    app.state.health.watch("tagging", lambda: age)
    assert (await client.get("/healthz")).status_code == 200
    age = 61.0
    assert "tagging" in problem(await client.get("/healthz"), 503)["detail"]


async def test_a_stopping_process_is_not_ready(app: Service, client: httpx.AsyncClient) -> None:
    app.state.health.stopping.set()
    assert problem(await client.get("/readyz"), 503)["parts"] == {"keys": True, "running": False}


async def test_background_tasks_stop_when_told(app: Service) -> None:
    ended: list[str] = []

    async def run(stop: asyncio.Event) -> None:
        await stop.wait()
        ended.append("run")

    async with background(app) as tasks:
        tasks.start("run", run)
        with pytest.raises(ValueError, match="already"):
            tasks.start("run", run)
        await asyncio.sleep(0)
    assert ended == ["run"]
    assert not app.state.health.failed.is_set()


async def test_a_background_task_that_fails_or_ends_fails_the_process(app: Service) -> None:
    async def ends(_stop: asyncio.Event) -> None:
        return

    async def dies(_stop: asyncio.Event) -> None:
        raise Fatal("the model is missing")

    for run, what in ((ends, "ended"), (dies, "Fatal")):
        app.state.health.failed.clear()
        app.state.health.failure = None
        async with background(app) as tasks:
            tasks.start("tagging", run)
            await asyncio.wait_for(app.state.health.failed.wait(), 10)
        assert app.state.health.ailment() == f"tagging: {what}"


async def test_a_task_that_does_not_stop_is_cancelled(app: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    cancelled = asyncio.Event()

    async def stubborn(_stop: asyncio.Event) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with background(app) as tasks:
        tasks.start("stubborn", stubborn)
        await asyncio.sleep(0)
        await tasks.drain(0.01)
    assert cancelled.is_set()
