"""A small HTTP/1.1 server on 127.0.0.1 that can also do what no honest server does: act, and never answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

ADDRESS = "127.0.0.1"
MAX_HEAD = 64 * 1024
MAX_BODY = 4 * 1024 * 1024
IDLE_SECONDS = 120.0
"""How long a connection may say nothing."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes

    def json(self) -> dict[str, object]:
        """The body's object; empty where it is none."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, object])
        except msgspec.MsgspecError:
            return {}

    def form(self) -> dict[str, str]:
        """The body's fields, where it is a form."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return {}
        return dict(parse_qsl(self.body.decode(errors="replace"), keep_blank_values=True))


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What is answered: `json` is encoded, `text` and `html` sent as they are."""

    status: int = 200
    json: object = None
    text: str | None = None
    html: str | None = None
    headers: dict[str, str] = {}


class Lost(Exception):
    """The connection ends without an answer."""


Handler = Callable[[Request], Awaitable[Answer]]


class Wire:
    """Listens from `start` to `stop`; every request goes to `handler`."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self, port: int = 0) -> int:
        """Returns the port, a free one for 0; raises OSError where it is taken."""
        self._server = await asyncio.start_server(self._accept, ADDRESS, port, limit=MAX_HEAD)
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    async def stop(self) -> None:
        """Ends every connection."""
        if self._server is None:
            return
        self._server.close()
        for task in self._open:
            task.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=5)
        self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read(reader)) is not None:
                answer = await self._handler(request)
                writer.write(_encode(answer))
                await writer.drain()
        except (Lost, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class Served:
    """A server with an address, a beginning and an end."""

    def __init__(self) -> None:
        self._wire = Wire(self.answer)
        self.address = ""
        """`http://127.0.0.1:<port>`, once it listens."""

    async def answer(self, request: Request) -> Answer:
        """Answers one request; raises Lost to answer nothing."""
        raise NotImplementedError

    async def start(self, port: int = 0) -> None:
        """Listens on `port`, or on a free one."""
        self.address = f"http://{ADDRESS}:{await self._wire.start(port)}"

    async def stop(self) -> None:
        """Stops listening."""
        await self._wire.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, TimeoutError):
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= MAX_BODY:
        raise ValueError("a body of that length is not read")
    parts = urlsplit(target)
    return Request(
        method=method,
        path=unquote(parts.path),
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers=headers,
        body=await _body(reader, length),
    )


async def _body(reader: asyncio.StreamReader, length: int) -> bytes:
    async with asyncio.timeout(IDLE_SECONDS):
        return await reader.readexactly(length)


def _encode(answer: Answer) -> bytes:
    if answer.html is not None:
        kind, body = "text/html; charset=utf-8", answer.html.encode()
    elif answer.text is not None:
        kind, body = "text/plain; charset=utf-8", answer.text.encode()
    else:
        kind, body = "application/json", b"" if answer.json is None else msgspec.json.encode(answer.json)
    headers = {"Content-Type": kind, "Content-Length": str(len(body))} | answer.headers
    lines = [f"HTTP/1.1 {answer.status} -"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body
