"""One process that answers HTTP until it is told to stop, and then lets go of everything in order."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable

import structlog
import uvloop
from granian.constants import Interfaces
from granian.server.embed import Server
from litestar import Litestar

from shared.settings import SettingsError
from shared.web.health import Health

STOP_SECONDS = 25.0
"""From the signal to the end; container engines kill after 30 (Kubernetes) or 10 (Docker, unless told otherwise)."""
ANSWER_SECONDS = 8.0
"""Of these, how long requests in flight may take to be answered."""
BACKLOG = 1024

_log = structlog.get_logger("web")


class CannotListen(Exception):
    """The address is taken or not ours; the message is for the operator."""


def serve(
    app_factory: Callable[[], Litestar],
    *,
    host: str,
    port: int,
    port_variable: str,
    stop_seconds: float = STOP_SECONDS,
) -> None:
    """Runs the application until SIGTERM or SIGINT; returns when everything has drained.

    Exits with code 1, after one clear line, when the port is taken, the application does not start, a background task
    fails, or draining takes longer than `stop_seconds`. A second signal ends the process at once.
    """
    try:
        _check_free(host, port, port_variable)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(_serve(app_factory, host, port, stop_seconds))
    except (CannotListen, SettingsError) as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the operator's terminal, in one line
        code = 1
    if code:
        sys.exit(code)


def _check_free(host: str, port: int, variable: str) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server will: an address whose last connections linger is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            raise CannotListen(
                f"cannot listen on {host}:{port} ({error.strerror}); choose another port with {variable}"
            ) from error


async def _serve(app_factory: Callable[[], Litestar], host: str, port: int, stop_seconds: float) -> int:
    app = app_factory()
    health: Health = app.state.health
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _on_signal, told)
    code = 0
    deadline: asyncio.Timeout | None = None
    try:
        async with asyncio.timeout(None) as deadline, app.lifespan():
            server = _server(app, host, port)
            serving = asyncio.create_task(server.serve(), name="http")
            _log.info("listening", host=host, port=port)
            await _first(told, health.failed, serving)
            deadline.reschedule(loop.time() + stop_seconds)
            health.stopping.set()
            code = await _end(server, serving, stop_seconds=ANSWER_SECONDS)
    except TimeoutError:
        if deadline is None or not deadline.expired():
            raise
        _log.error("did not stop in time", seconds=stop_seconds)
        _exit_now(1)
    except Exception as error:
        setting = _setting_at_fault(error)
        if setting is not None:
            raise setting from error
        _log.error("cannot run", exc_info=error)
        return 1
    _log.info("stopped")
    return 1 if health.failure is not None else code


def _server(app: Litestar, host: str, port: int) -> Server:
    # ASGINL: the lifespan is ours, so that what fails in it is ours to tell.
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        backlog=BACKLOG,
        log_enabled=False,
    )
    logging.getLogger("_granian").propagate = False
    return server


def _setting_at_fault(error: BaseException) -> SettingsError | None:
    if isinstance(error, BaseExceptionGroup):
        # Litestar's lifespan runs in a task group, which wraps what fails in it.
        return next(filter(None, map(_setting_at_fault, error.exceptions)), None)
    return error if isinstance(error, SettingsError) else None


async def _first(told: asyncio.Event, failed: asyncio.Event, serving: asyncio.Task[None]) -> None:
    """Returns when one of the three has happened."""
    waits = [asyncio.create_task(event.wait()) for event in (told, failed)]
    try:
        await asyncio.wait({*waits, serving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def _end(server: Server, serving: asyncio.Task[None], *, stop_seconds: float) -> int:
    """Stops taking requests and waits for those in flight."""
    if serving.done():
        error = serving.exception()
        _log.error("the HTTP server ended by itself", exc_info=error)
        return 1
    server.stop()  # type: ignore[no-untyped-call]  # granian leaves this one without a return type
    _, late = await asyncio.wait({serving}, timeout=stop_seconds)
    if late:
        _log.warning("requests in flight were cut off", seconds=stop_seconds)
        serving.cancel()
        await asyncio.wait({serving}, timeout=1.0)
    return 0


def _on_signal(told: asyncio.Event) -> None:
    if told.is_set():
        _log.warning("told twice, ending at once")
        _exit_now(1)
    _log.info("stopping")
    told.set()


def _exit_now(code: int) -> None:
    """Ends without waiting for threads, which may be what hangs."""
    sys.stderr.flush()
    os._exit(code)
