"""What every stand-in has beside its platform's API: a web page for citizens, and orders for tests.

`GET /` is the page; its forms post to `/say`, `/reword` and `/remove`. `GET /standin/shown` is the same as JSON,
`GET /standin/undelivered` counts what no hook took yet, and `POST /standin/<order>` with a JSON object does what no
platform's API does:

    publish  {"text": …}                              a post appears; answers its id
    say      {"post": …, "text": …, "to": …, "who": "101" | "page"}   somebody comments; answers the comment's id
    reword   {"comment": …, "text": …}                its author edits it
    remove   {"comment": …}                           its author deletes it
    fault    {"method": …, "fault": {…}, "times": …}  see `faults.Fault`
    slow     {"method": …, "seconds": …}              until it is taken back with 0
    deliver  {"times": …, "late": …, "jumbled": …}    how hooks are called from now on; see `delivery.Manner`

and whatever else the platform adds. Nothing here is a platform's.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import msgspec

from deploy.standins.delivery import Delivery, Manner, Target
from deploy.standins.faults import Fault, Faults
from deploy.standins.page import Language, Names, Page, anchor, languages, render, render_refusal
from deploy.standins.wire import Answer, Request, Served
from deploy.standins.words import WORDS

FORMS = ("say", "reword", "remove")
SOMEBODY = "101"
"""Who writes where nobody is named."""


class NoSuchOrder(Exception):
    """There is no order of that name."""


class NotPossible(Exception):
    """Nobody may do that; `why` is one of WORDS."""

    def __init__(self, why: str) -> None:
        super().__init__(WORDS["en"][why])
        self.why = why


class Standin(Served):
    """A test double of one platform; each platform says what is abstract here."""

    names: ClassVar[Names]
    """The platform's, for people."""

    def __init__(self) -> None:
        super().__init__()
        self.faults = Faults()
        self.kept: Path | None = None
        """Where what stands here is written after each request that may have changed it; None keeps it in memory
        alone."""

    async def call(self, request: Request) -> Answer:
        """The platform's own API."""
        raise NotImplementedError

    def shown(self) -> Page:
        """What citizens see."""
        raise NotImplementedError

    def publish_post(self, text: str) -> str:
        """A post appears on the page; returns its id."""
        raise NotImplementedError

    def say(self, post: str, text: str, *, to: str | None, who: str) -> str:
        """A citizen, or for `page` the page by hand, comments; returns the comment's id. Raises LookupError or
        ValueError for a post or a comment that there is not, NotPossible for what nobody may write."""
        raise NotImplementedError

    def reword(self, comment: str, text: str) -> None:
        """A comment is edited; raises LookupError, ValueError."""
        raise NotImplementedError

    def remove_comment(self, comment: str) -> None:
        """A comment is deleted by whoever wrote it; raises LookupError, ValueError."""
        raise NotImplementedError

    def deliver(self, manner: Manner) -> None:
        """Events are delivered so from now on."""

    def undelivered(self) -> int:
        """Events that no hook took yet."""
        return 0

    async def order(self, name: str, given: dict[str, Any]) -> object:
        """Further orders; raises NoSuchOrder."""
        raise NoSuchOrder

    def memory(self) -> object:
        """All that stands here, for `recall`."""
        raise NotImplementedError

    def recall(self, memory: bytes) -> None:
        """Puts back what `memory` said, as JSON; raises MsgspecError."""
        raise NotImplementedError

    async def answer(self, request: Request) -> Answer:
        """The page, an order, or the API."""
        form = request.path.removeprefix("/")
        if request.path == "/" and request.method == "GET":
            return Answer(html=render(self.shown(), self.names, _language(request)))
        if form in FORMS and request.method == "POST":
            answer = self._filled(form, request)
        elif request.path.startswith("/standin/"):
            answer = await self._ordered(request.path.removeprefix("/standin/"), request)
        else:
            answer = await self.call(request)
        if request.method != "GET":
            self._keep()
        return answer

    async def stop(self) -> None:
        self._keep()
        await super().stop()

    def load(self, kept: Path) -> bool:
        """Goes on from what stands in `kept` and writes it there from now on; False where nothing usable stood."""
        self.kept = kept
        try:
            self.recall(kept.read_bytes())
        except (FileNotFoundError, msgspec.MsgspecError):
            return False
        return True

    def _keep(self) -> None:
        if self.kept is not None:
            fresh = self.kept.with_suffix(".new")
            fresh.write_bytes(msgspec.json.encode(self.memory()))
            fresh.replace(self.kept)

    def _filled(self, form: str, request: Request) -> Answer:
        fields, language = request.form(), _language(request)
        try:
            comment = self._done(form, dict(fields))
        except (LookupError, ValueError, NotPossible) as error:
            why = error.why if isinstance(error, NotPossible) else "gone"
            return Answer(status=400, html=render_refusal(why, self.names, language))
        place = "" if comment is None else f"#{anchor(comment)}"
        return Answer(status=303, headers={"Location": f"/?lang={language}{place}"})

    def _done(self, name: str, given: dict[str, Any]) -> str | None:
        text, comment = str(given.get("text", "")).replace("\r\n", "\n").strip(), str(given.get("comment", ""))
        if name != "remove" and not text:
            raise NotPossible("no_words")
        if name == "publish":
            return self.publish_post(text)
        if name == "say":
            to, who = given.get("to") or None, str(given.get("who", SOMEBODY))
            if who != "page" and not (who.isascii() and who.isdecimal() and len(who) < 10):
                raise NotPossible("nobody")
            return self.say(str(given.get("post", "")), text, to=None if to is None else str(to), who=who)
        if name == "reword":
            self.reword(comment, text)
            return comment
        self.remove_comment(comment)
        return comment

    async def _ordered(self, name: str, request: Request) -> Answer:
        if name == "shown":
            return Answer(json=self.shown())
        if name == "undelivered":
            return Answer(json={"count": self.undelivered()})
        try:
            given: dict[str, Any] = msgspec.json.decode(request.body or b"{}", type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return Answer(status=400, json={"error": "the body is no JSON object"})
        try:
            if name in (*FORMS, "publish"):
                return Answer(json={"id": self._done(name, given)})
            if name == "fault":
                fault = msgspec.convert(given["fault"], Fault)
                self.faults.add(str(given["method"]), fault, int(given.get("times", 1)))
                return Answer(json={})
            if name == "slow":
                self.faults.slow[str(given["method"])] = float(given["seconds"])
                return Answer(json={})
            if name == "deliver":
                self.deliver(msgspec.convert(given, Manner))
                return Answer(json={})
            return Answer(json=await self.order(name, given))
        except NoSuchOrder:
            return Answer(status=404, json={})
        except LookupError as error:
            return Answer(status=400, json={"error": f"there is no {error}"})
        except (NotPossible, ValueError, TypeError, msgspec.MsgspecError) as error:
            return Answer(status=400, json={"error": str(error)})


class Hooked(Standin):
    """A stand-in whose platform calls one hook at most."""

    def __init__(self, *, retry_seconds: float) -> None:
        super().__init__()
        self.delivery = Delivery(self._target, retry_seconds=retry_seconds)

    def _target(self) -> Target | None:
        """The hook; None while there is none."""
        raise NotImplementedError

    def _flush(self) -> None:
        """Hands what waits to `delivery`, where there is a hook."""
        raise NotImplementedError

    async def start(self, port: int = 0) -> None:
        await super().start(port)
        self.delivery.start()
        self._flush()

    async def stop(self) -> None:
        await self.delivery.stop()
        await super().stop()

    def deliver(self, manner: Manner) -> None:
        self.delivery.manner = manner

    def undelivered(self) -> int:
        return len(self.delivery.waiting)


def _language(request: Request) -> Language:
    return languages(request.query.get("lang", ""), request.headers.get("accept-language", "").split(","))
