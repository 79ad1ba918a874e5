"""One process: it starts, drains and ends as operators expect, whatever happens."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from tests.fixtures.ports import free_port

Start = Callable[..., Awaitable[Process]]


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
async def start(port: int) -> AsyncIterator[Start]:
    """Starts the small service; what still runs at the end is killed."""
    started: list[Process] = []

    async def begin(how: str = "well") -> Process:
        command = [sys.executable, "-m", "tests.fixtures.small_service", str(port), how]
        process = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=PIPE)
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.fixture
async def client(port: int) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        yield client


async def until_up(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                await client.get("/healthz")
            except httpx.TransportError:
                await asyncio.sleep(0.05)
            else:
                return


async def said(process: Process, event: str) -> None:
    """Returns once it logged the event."""
    assert process.stderr is not None
    async with asyncio.timeout(30):
        while f'"{event}"' not in (line := (await process.stderr.readline()).decode()):
            assert line, f"it ended and never said {event}"


async def ended(process: Process) -> tuple[int, str, list[dict[str, object]]]:
    """Exit code, standard output, log entries; a line that is no JSON is an entry of its own."""
    out, err = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode is not None
    lines = err.decode().splitlines()
    return (
        process.returncode,
        out.decode(),
        [json.loads(line) if line.startswith("{") else {"plain": line} for line in lines],
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_stop_it_answers_what_is_in_flight_then_drains(
    start: Start, client: httpx.AsyncClient, number: signal.Signals
) -> None:
    process = await start()
    await until_up(client)
    request = asyncio.create_task(client.get("/slow"))
    async with client.stream("GET", "/endless") as stream:
        lines = stream.aiter_lines()
        assert await anext(lines) == "data: x"
        await said(process, "slowly")
        process.send_signal(number)
        rest = [line async for line in lines]
    assert "data: end" in rest
    answer = await request
    assert (answer.status_code, answer.text) == (200, "done")
    code, out, entries = await ended(process)
    assert code == 0
    assert out.split() == ["drained", "closed"]
    assert [entry.get("event") for entry in entries][-1] == "stopped"


async def test_a_second_signal_ends_it_at_once(start: Start, client: httpx.AsyncClient) -> None:
    process = await start("hangs")
    await until_up(client)
    process.terminate()
    # Two that are sent at once may arrive as one.
    await said(process, "stopping")
    process.terminate()
    code, out, entries = await ended(process)
    assert (code, out) == (1, "")
    assert entries[-1]["event"] == "told twice, ending at once"


async def test_what_does_not_drain_in_time_is_cut_off(start: Start, client: httpx.AsyncClient) -> None:
    process = await start("hangs")
    await until_up(client)
    process.terminate()
    code, _, entries = await ended(process)
    assert code == 1
    assert entries[-1]["event"] == "did not stop in time"


@pytest.mark.parametrize("how", ["dies", "ends"])
async def test_a_background_task_that_is_gone_ends_the_process(start: Start, how: str) -> None:
    code, out, entries = await ended(await start(how))
    assert code == 1
    assert out.split() == ["closed"]
    (failure,) = [entry for entry in entries if entry.get("event") == "background task failed"]
    assert failure["task"] == "work"
    if how == "dies":
        assert "Fatal: the model is missing" in str(failure["exception"])


async def test_a_port_in_use_is_one_clear_line(start: Start, port: int) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        code, _, entries = await ended(await start())
    assert code == 1
    (line,) = entries
    assert str(port) in str(line["plain"])
    assert "OTKLIK_SMALL_PORT" in str(line["plain"])


async def test_a_missing_setting_is_one_clear_line(start: Start) -> None:
    code, _, entries = await ended(await start("unset"))
    assert code == 1
    assert entries == [{"plain": "error: OTKLIK_AUTHOR_KEY: not set, and there is no default"}]


async def test_a_start_that_fails_is_told_without_a_traceback_on_the_terminal(start: Start) -> None:
    code, _, entries = await ended(await start("broken"))
    assert code == 1
    (line,) = entries
    assert (line["event"], line["level"]) == ("cannot run", "error")
    assert "OSError: no such model" in str(line["exception"])


async def test_answers_are_the_same_over_a_real_connection(start: Start, client: httpx.AsyncClient) -> None:
    await start()
    await until_up(client)
    answer = await client.get("/v1/nothing")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    head = await client.head("/healthz")
    assert (head.status_code, head.content) == (200, b"")
    for path, status in (("/slow", 405), ("/v1/nothing", 404), ("/echo", 413)):
        big = await client.post(path, content=b" " * (9 * 1024 * 1024))
        assert (path, big.status_code) == (path, status), "an answer arrives although the body was not wanted"
    ready = await client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["parts"] == {"keys": False}
