"""A small HTTP/1.1 server that may also hang, or hang up without an answer, which a proper one would not."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, urlsplit

import msgspec

MAX_BODY = 4 * 1024 * 1024
IDLE_SECONDS = 120.0


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request; fields of a form and of the query together."""

    method: str
    path: str
    fields: dict[str, str]
    body: bytes


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """An answer."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)


class HangUp(Exception):
    """Raised by a handler: the connection is closed and nothing is said."""


Handler = Callable[[Asked], Awaitable[Said]]


class Loopback:
    """Serves `handler` on 127.0.0.1 within its context; port 0 takes any."""

    def __init__(self, handler: Handler, *, port: int = 0) -> None:
        self._handler = handler
        self.port = port
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """`http://127.0.0.1:<port>`."""
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Loopback:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=64 * 1024)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        connections = list(self._connections)
        for each in connections:
            each.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this in a task
        self._connections.add(task)
        try:
            # Cancelled at the end; asyncio would report that as an error of this callback.
            with contextlib.suppress(
                HangUp, TimeoutError, OSError, asyncio.IncompleteReadError, ValueError, asyncio.CancelledError
            ):
                while True:
                    said = await self._handler(await _request(reader))
                    writer.write(_bytes(said))
                    await writer.drain()
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()


async def _request(reader: asyncio.StreamReader) -> Asked:
    async with asyncio.timeout(IDLE_SECONDS):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    size = int(headers.get("content-length", "0"))
    if not 0 <= size <= MAX_BODY:
        raise HangUp
    body = await reader.readexactly(size)
    parts = urlsplit(target)
    fields = dict(parse_qsl(parts.query))
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        fields |= dict(parse_qsl(body.decode(), keep_blank_values=True))
    return Asked(method=method, path=parts.path, fields=fields, body=body)


def _bytes(said: Said) -> bytes:
    lines = [f"HTTP/1.1 {said.status} -", f"Content-Length: {len(said.body)}"]
    lines += [f"{name}: {value}" for name, value in said.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + said.body
