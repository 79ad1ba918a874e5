"""The stand-in put together: API, long poll and hook on one port, and what it can be told to do wrong."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import defaultdict, deque
from typing import Any

import msgspec

from deploy.standins.delivery import Manner
from deploy.standins.page import Names, Page
from deploy.standins.standin import NoSuchOrder, NotPossible, Standin
from deploy.standins.vk.callback import Callback, CallbackServer
from deploy.standins.vk.long_poll import LongPoll
from deploy.standins.vk.methods import Access, ApiError, Methods
from deploy.standins.vk.sight import comment_id, find_comment, find_post, post_id, seen
from deploy.standins.vk.world import Key, Thing, World
from deploy.standins.wire import Answer, Request

_A_SECOND = {"community": 20, "user": 3, "service": 3}
GROUP = 456
NAME = "Администрация Светлогорска"


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a stand-in goes on from."""

    names: dict[int, str]
    things: list[Thing]
    callbacks: list[Callback] = []
    waiting: list[dict[str, Any]] = []
    """Events that no hook took yet."""


class VkStandin(Standin):
    """A test double of api.vk.com. What happens is told through `world`."""

    names = Names(ru="ВКонтакте (VK)", en="VK")

    def __init__(self) -> None:
        super().__init__()
        self.world = World(self._happened)
        self.methods = Methods(self.world, long_poll=self._server_of)
        self.tokens: dict[str, Access] = {}
        self.calls: list[tuple[str, dict[str, Any]]] = []
        """Methods called, those within an `execute` too, with their parameters but the token."""
        self.limit_rates = False
        """Whether more calls in a second than VK allows are refused with error 6."""
        self.callbacks: list[CallbackServer] = []
        self._recalled: Memory | None = None
        self._polls: dict[int, LongPoll] = defaultdict(LongPoll)
        self._recent: dict[str, deque[float]] = defaultdict(deque)
        self._tasks: set[asyncio.Task[None]] = set()

    @classmethod
    def town(cls, group: int = GROUP, name: str = NAME) -> VkStandin:
        """A community with three tokens, `community`, `user` (of its administrator) and `service`."""
        made = cls()
        made.world.group(group, name)
        made.tokens |= {
            "community": Access(kind="community", group=group),
            "user": Access(kind="user", group=group, user=1),
            "service": Access(kind="service"),
        }
        return made

    async def start(self, port: int = 0) -> None:
        await super().start(port)
        kept, self._recalled = self._recalled, None
        for callback in [] if kept is None else kept.callbacks:
            made = self._call_back(callback)
            for event in [] if kept is None else kept.waiting:
                made.put(event)

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for each in self.callbacks:
            await each.stop()
        await super().stop()

    def long_poll(self, group: int) -> LongPoll:
        """A community's events."""
        return self._polls[group]

    def callback(self, url: str, **told: Any) -> CallbackServer:
        """Sets up a server of the Callback API with what `Callback` takes, as on the site; `confirm` it next."""
        return self._call_back(Callback(url=url, **told))

    def _call_back(self, callback: Callback) -> CallbackServer:
        made = CallbackServer(callback)
        self.callbacks.append(made)
        made.start()
        return made

    def shown(self) -> Page:
        return seen(self.world, next(iter(self.world.names), None))

    def publish_post(self, text: str) -> str:
        group = next(iter(self.world.names))
        walls = [key[2] for key in self.world.things if key[:2] == ("wall", -group)]
        return post_id(self.world.thing("wall", -group, max(walls, default=0) + 1, text=text))

    def say(self, post: str, text: str, *, to: str | None, who: str) -> str:
        key = find_post(self.world, post)
        if self.world.things[key].closed:
            raise NotPossible("closed")
        answered = None if to is None else find_comment(self.world, to)[1]
        author = key[1] if who == "page" else int(who)
        return comment_id(key, self.world.comment(key, author, text, reply_to=answered))

    def reword(self, comment: str, text: str) -> None:
        self.world.edit(*find_comment(self.world, comment), text)

    def remove_comment(self, comment: str) -> None:
        self.world.delete(*find_comment(self.world, comment))

    def deliver(self, manner: Manner) -> None:
        for each in self.callbacks:
            each.manner = manner

    def undelivered(self) -> int:
        return sum(len(each.waiting) for each in self.callbacks)

    def memory(self) -> Memory:
        return Memory(
            names=self.world.names,
            things=list(self.world.things.values()),
            callbacks=[each.callback for each in self.callbacks],
            waiting=[it.event for each in self.callbacks for it in each.waiting],
        )

    def recall(self, memory: bytes) -> None:
        kept = msgspec.json.decode(memory, type=Memory)
        self.world.recall(kept.names, kept.things)
        self._recalled = kept

    async def order(self, name: str, given: dict[str, Any]) -> object:
        """`callback`: what the method takes, in place of all others; answers `confirmed`. `no_callback`: there are
        none. `thing`: `kind`, `owner` and `object` of what can be commented on; answers its `id`. `rules`: any of
        `limit_rates`, `guid_works`, and `failed` (codes that the long poll of `group` answers next)."""
        if name == "callback":
            old, self.callbacks = self.callbacks, []
            made = self.callback(**given)
            for each in old:
                await each.stop()
                made.take_over(each.waiting)
            return {"confirmed": await made.confirm()}
        if name == "no_callback":
            while self.callbacks:
                await self.callbacks.pop().stop()
            return {}
        if name == "thing":
            key: Key = (given["kind"], int(given["owner"]), int(given["object"]))
            return {"id": post_id(self.world.thing(*key))}
        if name != "rules":
            raise NoSuchOrder
        self.limit_rates = given.get("limit_rates", self.limit_rates)
        self.methods.guid_works = given.get("guid_works", self.methods.guid_works)
        if "failed" in given:
            self._polls[int(given["group"])].fail_next += given["failed"]
        return {}

    async def call(self, request: Request) -> Answer:
        """Methods and the long poll."""
        first, _, rest = request.path.lstrip("/").partition("/")
        fields = dict(request.query) | request.form()
        if first == "events" and rest.isdecimal():
            wait = float(fields.get("wait", "25"))
            return Answer(json=await self._polls[int(rest)].ask(fields.get("key", ""), fields.get("ts", ""), wait))
        if first == "method" and request.method == "POST":
            return await self._method(rest, fields)
        return Answer(status=404, json={})

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
                each.put(event)

    def _server_of(self, group: int) -> dict[str, Any]:
        poll = self._polls[group]
        return {"server": f"{self.address}/events/{group}", "key": poll.key, "ts": str(poll.ts)}

    async def _method(self, name: str, fields: dict[str, Any]) -> Answer:
        if (instead := await self.faults.before(name)) is not None:
            return instead
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
            return Answer(json={"error": {"error_code": error.code, "error_msg": "…", "request_params": []}})
        self.faults.after(name)
        return Answer(json=answer)

    def _one(self, name: str, access: Access, fields: dict[str, Any]) -> Any:
        self.calls.append((name, fields))
        if (code := self.faults.refusal(name)) is not None:
            raise ApiError(code)
        try:
            return self.methods.call(name, access, fields)
        except (KeyError, ValueError):
            raise ApiError(100) from None

    def _execute(self, access: Access, fields: dict[str, Any]) -> dict[str, Any]:
        self.calls.append(("execute", fields))
        if (code := self.faults.refusal("execute")) is not None:
            raise ApiError(code)
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
