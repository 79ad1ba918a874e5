"""The stand-in put together: API, long poll and hook on one port, and what it can be told to do wrong."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter, defaultdict, deque
from typing import Any

import msgspec

from deploy.standins.vk import wall
from deploy.standins.vk.callback import CallbackServer
from deploy.standins.vk.long_poll import LongPoll
from deploy.standins.vk.loopback import Asked, HangUp, Loopback, Said
from deploy.standins.vk.methods import Access, ApiError, Methods
from deploy.standins.vk.world import World

_A_SECOND = {"community": 20, "user": 3, "service": 3}
_NOT_FOUND = Said(status=404)
_HTML = (("Content-Type", "text/html; charset=utf-8"),)


class VkStandin:
    """A test double of api.vk.com. Within its context it serves on `address`; what happens is told through `world`."""

    def __init__(self, *, port: int = 0) -> None:
        self.world = World(self._happened)
        self.methods = Methods(self.world, long_poll=self._server_of)
        self.tokens: dict[str, Access] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        """Methods called, those within an `execute` too, with their parameters but the token."""
        self.limit_rates = False
        """Whether more calls in a second than VK allows are refused with error 6."""
        self.fail: dict[str, deque[int]] = defaultdict(deque)
        """By method (`*` for all): error codes to answer next instead of doing anything."""
        self.lose: Counter[str] = Counter()
        """By method: so many answers next are lost after the thing was done."""
        self.hang: dict[str, float] = {}
        """By method (`*` for all): seconds before anything is done."""
        self.statuses: deque[tuple[int, bytes]] = deque()
        """HTTP answers to give next instead of doing anything, whatever is asked of the API."""
        self.callbacks: list[CallbackServer] = []
        self._polls: dict[int, LongPoll] = defaultdict(LongPoll)
        self._loopback = Loopback(self._handle, port=port)
        self._recent: dict[str, deque[float]] = defaultdict(deque)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """What connectors take for the API's."""
        return self._loopback.address

    async def __aenter__(self) -> VkStandin:
        await self._loopback.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._loopback.__aexit__(*error)

    def long_poll(self, group: int) -> LongPoll:
        """A community's events."""
        return self._polls[group]

    def callback(
        self, url: str, *, group: int, secret: str | None, confirmation: str, retry_seconds: float = 0.05
    ) -> CallbackServer:
        """Sets up a server of the Callback API, as on the site; `confirm` it next."""
        made = CallbackServer(url, group=group, secret=secret, confirmation=confirmation, retry_seconds=retry_seconds)
        self.callbacks.append(made)
        self._start(made.run())
        return made

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _happened(self, group: int, event: dict[str, Any]) -> None:
        self._polls[group].events.append(event)
        with contextlib.suppress(RuntimeError):
            self._start(self._polls[group].wake())
        for each in self.callbacks:
            if each.group == group:
                each.add(event)

    def _server_of(self, group: int) -> dict[str, Any]:
        poll = self._polls[group]
        return {"server": f"{self.address}/events/{group}", "key": poll.key, "ts": str(poll.ts)}

    async def _handle(self, asked: Asked) -> Said:
        first, _, rest = asked.path.lstrip("/").partition("/")
        if first == "events" and rest.isdecimal():
            fields = asked.fields
            wait = float(fields.get("wait", "25"))
            return _json(await self._polls[int(rest)].ask(fields.get("key", ""), fields.get("ts", ""), wait))
        if first == "method" and asked.method == "POST":
            return await self._method(rest, asked.fields)
        if first == "standin" and asked.method == "POST":
            return await self._told(rest, asked.body)
        return self._seen(first, asked)

    def _seen(self, path: str, asked: Asked) -> Said:
        """The pages for people; a form sent leads back to its page."""
        if not path:
            return Said(body=wall.front(self.world), headers=_HTML)
        key = wall.find(self.world, path)
        if key is None:
            return _NOT_FOUND
        if asked.method == "POST":
            wall.written(self.world, key, asked.body)
            return Said(status=303, headers=(("Location", f"/{path}"),))
        return Said(body=wall.thing_page(self.world, key), headers=_HTML)

    async def _method(self, name: str, fields: dict[str, str]) -> Said:
        await asyncio.sleep(self.hang.get(name, self.hang.get("*", 0.0)))
        if self.statuses:
            status, body = self.statuses.popleft()
            return Said(status=status, body=body)
        secret = fields.pop("access_token", "")
        access = self.tokens.get(secret)
        try:
            if access is None or not fields.pop("v", ""):
                raise ApiError(5 if access is None else 8)
            self._spend(secret, access)
            answer = (
                self._execute(access, fields) if name == "execute" else {"response": self._one(name, access, fields)}
            )
        except ApiError as error:
            return _json({"error": {"error_code": error.code, "error_msg": "…", "request_params": []}})
        if self.lose[name]:
            self.lose[name] -= 1
            raise HangUp
        return _json(answer)

    def _one(self, name: str, access: Access, fields: dict[str, Any]) -> Any:
        self.calls.append((name, fields))
        for which in (name, "*"):
            if self.fail[which]:
                raise ApiError(self.fail[which].popleft())
        try:
            return self.methods.call(name, access, fields)
        except (KeyError, ValueError):
            raise ApiError(100) from None

    def _execute(self, access: Access, fields: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(("execute", fields))
        if self.fail["execute"]:
            raise ApiError(self.fail["execute"].popleft())
        if access.kind == "service":
            raise ApiError(28)
        batch = self.methods.batch(str(fields.get("code", "")))
        if batch is None:
            raise ApiError(12)
        results: list[Any] = []
        errors: list[dict[str, Any]] = []
        for name, given in batch:
            try:
                results.append(self._one(name, access, given))
            except ApiError as error:
                results.append(False)
                errors.append({"method": name, "error_code": error.code, "error_msg": "…"})
        return {"response": results} | ({"execute_errors": errors} if errors else {})

    def _spend(self, secret: str, access: Access) -> None:
        recent, now = self._recent[secret], time.monotonic()
        while recent and recent[0] <= now - 1.0:
            recent.popleft()
        if self.limit_rates and len(recent) >= _A_SECOND[access.kind]:
            raise ApiError(6)
        recent.append(now)

    async def _told(self, what: str, body: bytes) -> Said:
        """`POST /standin/<what>`, for whoever runs the stand-in as a process of its own.

        `comment`, `edit`, `delete`, `restore`: `kind`, `owner` and `object` of a thing, which is made where it is not,
        and what the method of `World` takes besides. `callback`: what the method takes; answers `confirmed`. `faults`:
        any of `fail` (method: list of codes), `lose` and `hang` (method: number), `limit_rates`, `guid_works`,
        `repeat` (deliveries of each event) and `failed` (codes of the long poll of `group`).
        """
        try:
            given = msgspec.json.decode(body, type=dict[str, Any])
            if what == "callback":
                return _json({"confirmed": await self.callback(**given).confirm()})
            if what == "faults":
                self._break(given)
                return _json({})
            key = (given.pop("kind"), int(given.pop("owner")), int(given.pop("object")))
            if key not in self.world.things:
                self.world.thing(*key)
            match what:
                case "comment":
                    return _json({"id": self.world.comment(key, **given)})
                case "edit":
                    self.world.edit(key, **given)
                case "delete":
                    self.world.delete(key, **given)
                case "restore":
                    self.world.restore(key, **given)
                case _:
                    return _NOT_FOUND
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
            return Said(status=400)
        return _json({})

    def _break(self, given: dict[str, Any]) -> None:
        for method, codes in given.get("fail", {}).items():
            self.fail[method] += codes
        self.lose.update(given.get("lose", {}))
        self.hang |= given.get("hang", {})
        self.limit_rates = given.get("limit_rates", self.limit_rates)
        self.methods.guid_works = given.get("guid_works", self.methods.guid_works)
        for each in self.callbacks:
            each.repeat = given.get("repeat", each.repeat)
        if "failed" in given:
            self._polls[int(given["group"])].fail_next += given["failed"]


def _json(value: object) -> Said:
    return Said(body=msgspec.json.encode(value))
