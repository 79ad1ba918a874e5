"""Two thousand pages on the stand-ins, in a process of their own: `python -m tests.bench.crowd`.

Says on standard output where the stand-ins are, in one line of JSON; what is to happen comes line by line over standard
input (`Order`), and each is answered with a line.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import time
from collections.abc import Coroutine
from typing import Any, Literal, TypeVar, cast

import httpx
import msgspec

from deploy.standins import ok
from deploy.standins.max import MaxStandin
from deploy.standins.max.standin import HEADER
from deploy.standins.ok.standin import PATH as OK_PATH
from deploy.standins.telegram import TelegramStandin
from deploy.standins.vk import Access, VkStandin
from deploy.standins.wire import Answer, Request, Wire

Ill = Literal["hang", "fail"]
T = TypeVar("T")
FAILING = Answer(status=500, text="")
VK, TELEGRAM, MAX, OK = 1_000_000, -1_002_000_000_000, -71_000_000_000_000, 52_000_000_000_000
"""Where the pages' numbers begin."""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page and how it is read."""

    number: int
    platform: str
    way: Literal["hook", "poll"]

    @property
    def source(self) -> str:
        """The source's id."""
        return f"{self.platform}-{self.number}"

    @property
    def page(self) -> str:
        """As sources name it."""
        begin = {"vk": -VK, "telegram": TELEGRAM, "max": MAX, "ok": OK}[self.platform]
        return f"{self.platform}:{begin - self.number if begin < 0 else begin + self.number}"

    @property
    def secrets(self) -> dict[str, str]:
        """What the source is added with."""
        match self.platform:
            case "vk":
                given = {"community_token": f"community-{self.number}", "service_token": f"service-{self.number}"}
                return given | ({"confirmation": "c0nf1rm"} if self.way == "hook" else {})
            case "ok":
                return {
                    "application_key": ok.APPLICATION_KEY,
                    "application_secret": ok.APPLICATION_SECRET,
                    "access_token": f"token-{self.number}",
                }
        return {"bot_token": f"{700_000 + self.number}:bot"}


class Hook(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page's platform calls."""

    url: str
    secret: str


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """`pages` are set up, `hooks` (by source) connected, `ill` (by source) break or heal; `rate` comments a second are
    written on pages that are never ill, for `seconds`, and the answer comes when that is over."""

    pages: tuple[Page, ...] = ()
    hooks: dict[str, Hook] = {}
    ill: dict[str, Ill | None] = {}
    rate: float = 0.0
    seconds: float = 0.0


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an order."""

    written: int = 0
    slow: int = 0
    """Of these on pages of Odnoklassniki."""
    late: float = 0.0
    """Seconds that the writer fell behind at worst."""
    asked: int = 0
    """Requests that the stand-ins have got since they began."""
    refused: int = 0
    """Calls of hooks that were not answered well and sent again."""


class Crowd:
    """All pages."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.hooks: dict[str, Hook] = {}
        self.ill: dict[str, Ill] = {}
        self._turned: dict[str, asyncio.Event] = {}
        self._turned_ever: set[str] = set()
        self.asked = self.refused = 0
        self.vk = _Vk(self)
        self.ok = _Ok(self)
        self.telegrams: dict[str, TelegramStandin] = {}
        self.maxes: dict[str, _Max] = {}
        self._under: dict[str, Any] = {}
        self._calling: set[asyncio.Task[None]] = set()
        self._client = httpx.AsyncClient(timeout=10.0, trust_env=False)
        self._random = random.Random(1)  # no secret

    def set_up(self, page: Page) -> None:
        """Makes the page with one post."""
        self.pages[page.source] = page
        local = int(page.page.partition(":")[2])
        match page.platform:
            case "vk":
                group = -local
                self.vk.world.group(group)
                for kind in ("community", "service"):
                    access = Access(kind=cast(Any, kind), group=group)
                    self.vk.tokens[f"{kind}-{page.number}"] = access
                self._under[page.source] = self.vk.world.thing("wall", local, 1)
            case "ok":
                self.ok.tokens.add(page.secrets["access_token"])
                self._under[page.source] = self.ok.topic(self.ok.group(str(local)))
            case "telegram":
                token = page.secrets["bot_token"]
                made = TelegramStandin(token=token, channel=local, group=local - 500_000_000_000, seed=page.number)
                self.telegrams[token] = made
                self._under[page.source] = made.publish("post")
            case "max":
                token = page.secrets["bot_token"]
                self.maxes[token] = _Max(self, page, token=token, chat=local)
                self._under[page.source] = self.maxes[token].publish("post")

    def turn(self, source: str, ill: Ill | None) -> None:
        """The page falls ill or is well again: at once, for requests under way too. From then on nobody comments
        there, so that the windows compare the same pages."""
        self._turned_ever.add(source)
        if ill is None:
            self.ill.pop(source, None)
        else:
            self.ill[source] = ill
        self._turned.pop(source, asyncio.Event()).set()

    async def stand(self, source: str, work: Coroutine[Any, Any, T], failing: T) -> T:
        """What `work` answers; `failing` where the page fails, and nothing before it is well again where it hangs."""
        self.asked += 1
        working = asyncio.ensure_future(work)
        if source not in self.ill:
            turned = asyncio.ensure_future(self._turned.setdefault(source, asyncio.Event()).wait())
            await asyncio.wait({working, turned}, return_when=asyncio.FIRST_COMPLETED)
            turned.cancel()
            if working.done():
                return working.result()
        working.cancel()
        if self.ill.get(source) == "hang":
            await self._turned.setdefault(source, asyncio.Event()).wait()
        return failing

    async def write(self, rate: float, seconds: float) -> Told:
        """Comments on pages that are never ill; each says in its text when it was written, in nanoseconds."""
        well = [page for source, page in self.pages.items() if source not in self._turned_ever]
        begun, late, slow = time.monotonic(), 0.0, 0
        total = int(rate * seconds)
        for number in range(total):
            wait = begun + number / rate - time.monotonic()
            late = max(late, -wait)
            if wait > 0:
                await asyncio.sleep(wait)
            page = self._random.choice(well)
            slow += page.platform == "ok"
            self._comment(page)
        return Told(written=total, slow=slow, late=late, asked=self.asked, refused=self.refused)

    def _comment(self, page: Page) -> None:
        under, text = self._under[page.source], f"{time.time_ns()} Когда включат воду?"
        match page.platform:
            case "vk":
                self.vk.world.comment(under, 77, text)
            case "ok":
                self.ok.comment(under, text)
            case "telegram":
                self.telegrams[page.secrets["bot_token"]].comment(under, text)
            case "max":
                self.maxes[page.secrets["bot_token"]].comment(under, text)

    def call(self, source: str, content: object, header: str | None = None) -> None:
        """Calls the page's hook until it is answered well."""
        hook = self.hooks.get(source)
        if hook is None:
            return
        if header is None and isinstance(content, dict):
            content = content | {"secret": hook.secret}
        task = asyncio.create_task(self._call(hook, content, {header: hook.secret} if header else {}))
        self._calling.add(task)
        task.add_done_callback(self._calling.discard)

    async def _call(self, hook: Hook, content: object, headers: dict[str, str]) -> None:
        body = msgspec.json.encode(content)
        for _ in range(100):
            with contextlib.suppress(httpx.HTTPError):
                if (await self._client.post(hook.url, content=body, headers=headers)).status_code == 200:
                    return
            self.refused += 1
            await asyncio.sleep(0.5)

    async def telegram(self, request: Request) -> Answer:
        """Of whichever bot it is."""
        token = request.path.split("/")[1].removeprefix("bot")
        if token not in self.telegrams:
            return Answer(status=401, json={"ok": False, "error_code": 401, "description": "Unauthorized"})
        source = f"telegram-{int(token.partition(':')[0]) - 700_000}"
        return await self.stand(source, self.telegrams[token].answer(request), FAILING)

    async def max(self, request: Request) -> Answer:
        """Of whichever bot it is."""
        token = request.headers.get("authorization", "")
        if token not in self.maxes:
            return Answer(status=401, json={"code": "verify.token", "message": "Invalid access_token"})
        return await self.stand(self.maxes[token].source, self.maxes[token].answer(request), FAILING)


class _Vk(VkStandin):
    def __init__(self, crowd: Crowd) -> None:
        super().__init__()
        self._crowd = crowd

    def _happened(self, group: int, event: dict[str, Any]) -> None:
        super()._happened(group, event)
        self._crowd.call(f"vk-{group - VK}", event)

    async def call(self, request: Request) -> Answer:
        if request.path.startswith("/events/"):
            number = int(request.path.rpartition("/")[2]) - VK
        else:
            number = int(request.form().get("access_token", "-0").rpartition("-")[2])
        self.calls.clear()
        return await self._crowd.stand(f"vk-{number}", super().call(request), FAILING)


class _Ok(ok.OkStandin):
    def __init__(self, crowd: Crowd) -> None:
        super().__init__()
        self._crowd = crowd

    async def call(self, request: Request) -> Answer:
        self.calls.clear()
        source = f"ok-{request.form().get('access_token', '-0').rpartition('-')[2]}"
        return await self._crowd.stand(source, super().call(request), FAILING)


class _Max(MaxStandin):
    def __init__(self, crowd: Crowd, page: Page, *, token: str, chat: int) -> None:
        self._crowd, self.source, self._hooked = crowd, page.source, page.way == "hook"
        super().__init__(token=token, chat=chat)

    def tell(self, update: dict[str, object]) -> None:
        if self._hooked:
            self._crowd.call(self.source, update | {"timestamp": int(time.time() * 1_000)}, HEADER)
        else:
            super().tell(update)


async def _serve() -> None:
    crowd = Crowd()
    telegram, max_ = Wire(crowd.telegram), Wire(crowd.max)
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with crowd.vk, crowd.ok:
        addresses = {
            "OTKLIK_VK_URL": crowd.vk.address,
            "OTKLIK_TELEGRAM_URL": f"http://127.0.0.1:{await telegram.start()}",
            "OTKLIK_MAX_URL": f"http://127.0.0.1:{await max_.start()}",
            "OTKLIK_OK_URL": f"{crowd.ok.address}{OK_PATH}",
        }
        _say(addresses)
        while line := await reader.readline():
            order = msgspec.json.decode(line, type=Order)
            for page in order.pages:
                crowd.set_up(page)
            crowd.hooks |= order.hooks
            for source, ill in order.ill.items():
                crowd.turn(source, ill)
            written = await crowd.write(order.rate, order.seconds) if order.rate else None
            _say(written or Told(asked=crowd.asked, refused=crowd.refused))
        await telegram.stop()
        await max_.stop()


def _say(value: object) -> None:
    print(msgspec.json.encode(value).decode(), flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve())
