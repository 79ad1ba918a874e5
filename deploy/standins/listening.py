"""Lets a stand-in listen on a port of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from granian.constants import Interfaces
from granian.server.embed import Server

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

START_SECONDS = 10.0
STOP_SECONDS = 10.0


@asynccontextmanager
async def listening(app: Asgi, port: int = 0) -> AsyncIterator[str]:
    """Serves `app` on 127.0.0.1 while the block runs and gives its address; port 0 takes a free one."""
    if port == 0:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    server = Server(app, address="127.0.0.1", port=port, interface=Interfaces.ASGINL, log_enabled=False)
    task = asyncio.create_task(server.serve())
    try:
        await _answering(port, task)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop()  # type: ignore[no-untyped-call]  # as above
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(task, STOP_SECONDS)


async def _answering(port: int, task: asyncio.Task[Any]) -> None:
    async with asyncio.timeout(START_SECONDS):
        while not task.done():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                await writer.wait_closed()
                return
    await task
