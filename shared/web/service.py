"""The application as a whole sees a request: its id, its line in the log, its metrics, and HEAD."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from litestar import Litestar
from litestar.routes import HTTPRoute
from litestar.types import HTTPScope, Message, Receive, Send

from shared.clock import new_id
from shared.obs import metrics
from shared.web.problem import MEDIA_TYPE

_log = structlog.get_logger("web")

QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
"""Asked every few seconds; their lines stand at debug."""

SWALLOWED_BYTES = 32 * 1024 * 1024
SWALLOWED_SECONDS = 10.0
"""How much of a body that nobody wants is read before an error is answered. Closing the connection with the body
unread makes the network stack discard our answer, and the client learns only that the connection broke."""

NO_HANDLER = "(none)"
"""The handler's name for requests that matched no path."""


class Service(Litestar):
    """Litestar with one canonical log line, two metrics and a request id for every request, whatever became of it."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI entry point."""
        if scope["type"] != "http":
            await super().__call__(scope, receive, send)
            return
        await _Exchange(self, scope, receive, send).run(super().__call__)

    def allowed_methods(self, path_template: str) -> bytes:
        """What `Allow` says for a path, HEAD included where there is GET."""
        methods = {
            str(method)
            for route in self.routes
            if isinstance(route, HTTPRoute) and (route.path_format or "/") == path_template
            for handler in route.route_handlers
            for method in handler.http_methods
        }
        return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set()))).encode()


class _Exchange:
    """One request and its answer."""

    def __init__(self, app: Service, scope: HTTPScope, receive: Receive, send: Send) -> None:
        self._app = app
        self._scope = scope
        self._receive = receive
        self._send = send
        self._began = time.perf_counter()
        self._first_byte: float | None = None
        self._status = 0
        self._head = scope["method"] == "HEAD"
        self._head_done = False
        self._body_read = not _announces_body(scope)
        self.request_id = str(new_id())

    async def run(self, call: Any) -> None:
        scope = self._scope
        scope.setdefault("state", {})["request_id"] = self.request_id
        if self._head:
            # RFC 9110: HEAD is answered like GET, without the content.
            scope["method"] = "GET"
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=self.request_id)
        try:
            await call(scope, self._hear, self._say)
        except Exception as error:
            # Past the application's own handlers: an answer that broke while it was sent.
            _log.error("answer failed", exc_info=error)
            if self._status == 0:
                await self._apologize()
            else:
                raise
        finally:
            self._report()
            structlog.contextvars.clear_contextvars()

    async def _hear(self) -> Any:
        if self._head_done:
            # Whoever still streams an answer to HEAD may stop.
            return {"type": "http.disconnect"}
        message = await self._receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            self._body_read = True
        return message

    async def _say(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if message["status"] >= 400 and not self._body_read:
                await self._swallow()
            self._status = message["status"]
            self._first_byte = time.perf_counter()
            headers = [*message.get("headers", []), (b"x-request-id", self.request_id.encode())]
            if self._scope["method"] == "OPTIONS" and self._status < 400:
                # Litestar's own answer knows only the methods of the handler that was registered first.
                template = str(self._scope.get("path_template"))
                headers = [(name, value) for name, value in headers if name.lower() != b"allow"]
                headers.append((b"allow", self._app.allowed_methods(template)))
            message["headers"] = headers
        elif self._head and message["type"] == "http.response.body":
            if self._head_done:
                return
            self._head_done = True
            message["body"] = b""
            message["more_body"] = False
        await self._send(message)

    async def _swallow(self) -> None:
        swallowed = 0
        with suppress(TimeoutError):
            async with asyncio.timeout(SWALLOWED_SECONDS):
                while not self._body_read and swallowed < SWALLOWED_BYTES:
                    swallowed += len((await self._hear()).get("body", b""))

    async def _apologize(self) -> None:
        document = {"title": "Internal error", "status": 500, "instance": f"urn:uuid:{self.request_id}"}
        body = msgspec.json.encode(document)
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
        await self._say({"type": "http.response.start", "status": 500, "headers": headers})
        await self._say({"type": "http.response.body", "body": body, "more_body": False})

    def _report(self) -> None:
        handler = str(self._scope.get("path_template") or NO_HANDLER)
        method = _known_method("HEAD" if self._head else self._scope["method"])
        ended = time.perf_counter()
        metrics.HTTP_REQUESTS.labels(handler=handler, method=method, status=str(self._status)).inc()
        metrics.HTTP_SECONDS.labels(handler=handler, method=method).observe((self._first_byte or ended) - self._began)
        speak = _log.debug if handler in QUIET else _log.info
        speak(
            "request",
            method=method,
            handler=handler,
            status=self._status,
            ms=round((ended - self._began) * 1000, 1),
        )


def _announces_body(scope: HTTPScope) -> bool:
    """Whether a body follows without being asked for (who sends Expect waits for our word, and may get the error)."""
    names = {name for name, value in scope["headers"] if (name, value) != (b"content-length", b"0")}
    return bool(names & {b"content-length", b"transfer-encoding"}) and b"expect" not in names


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _known_method(method: str) -> str:
    # A client may send any word; a label may not take any value.
    return method if method in _METHODS else "other"
