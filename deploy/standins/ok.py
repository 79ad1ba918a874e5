"""Stand-in for Odnoklassniki: a test double of the few calls that are read from, over groups kept in memory.

It checks signatures as the platform does and can be told to be slow, to refuse, to count late and to list incompletely.
`python -m deploy.standins.ok --port 9104` runs it; `POST /standin` with `{"do": …}` steers one that runs elsewhere.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import msgspec

from deploy.standins.listening import Receive, Scope, Send, listening

APPLICATION_KEY = "CSTANDINKEY"
APPLICATION_SECRET = "standin-secret"  # noqa: S105  # the double's alone
ACCESS_TOKEN = "standin-token"  # noqa: S105  # as above
MAX_COUNT = 100
"""Of one page, whatever is asked for."""
MOSCOW = ZoneInfo("Europe/Moscow")

Json = dict[str, Any]


class Topic:
    """A post with its comments, oldest first."""

    def __init__(self, group: str, created_ms: int) -> None:
        self.group = group
        self.created_ms = created_ms
        self.comments: dict[str, Json] = {}
        self.counted: int | None = None
        """What statistics say, where they are told to lag."""


class StandIn:
    """An ASGI application. Times are milliseconds since 1970."""

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._numbers = 0
        self.groups: dict[str, str] = {}
        self.tokens = {ACCESS_TOKEN}
        """Access tokens that are good; each is an administrator's of all groups."""
        self.topics: dict[str, Topic] = {}
        self.calls: list[tuple[str, dict[str, str]]] = []
        """Every call with its parameters, tokens and signatures left out."""
        self.old_first = False
        """Pages run from old to new; else, as observed, from new to old."""
        self.delay = 0.0
        self.errors: list[int] = []
        """Error codes that the next calls get; 500 to 599 are statuses of HTTP."""
        self.denied: set[str] = set()
        """Topics that nobody may read."""
        self.ends_early_after: int | None = None
        """Pages after which "no more" is said although there is more."""
        self.left_out: set[str] = set()
        """Comments that lists leave out, as the platform's were seen to do."""

    # What happens on the site.

    def group(self, uid: str, name: str = "Группа") -> str:
        """Makes a group."""
        self.groups[uid] = name
        return uid

    def topic(self, group: str, topic: str | None = None, created: datetime | None = None) -> str:
        """Posts; returns the topic's id."""
        topic = topic or str(62_000_000_000_000 + self._next())
        self.topics[topic] = Topic(group, _ms(created or self._now()))
        return topic

    def comment(
        self, topic: str, words: str, *, author: str = "700001", reply_to: str | None = None, at: datetime | None = None
    ) -> str:
        """Comments; returns the comment's id."""
        moment = _ms(at or self._now())
        number = self._next()
        local = base64.b64encode(f"{moment}:-{number}:{moment}:{topic}:1".encode()).decode()
        date = datetime.fromtimestamp(moment / 1_000, MOSCOW).strftime("%Y-%m-%d %H:%M:%S")
        entry: Json = {
            "id": local,
            "type": "ACTIVE_MESSAGE",
            "text": words,
            "date": date,
            "author_id": author,
            "like_count": 0,
            "liked_it": False,
            "attrs": {"flags": "l,s"},
        }
        if reply_to is not None:
            entry["reply_to_comment_id"] = reply_to
            entry["reply_to_id"] = self.topics[topic].comments[reply_to]["author_id"]
        self.topics[topic].comments[local] = entry
        return local

    def edit(self, topic: str, comment: str, words: str) -> None:
        """Replaces a comment's words; nothing else changes."""
        self.topics[topic].comments[comment]["text"] = words

    def delete(self, topic: str, comment: str) -> None:
        """Takes a comment away."""
        del self.topics[topic].comments[comment]

    def delete_topic(self, topic: str) -> None:
        """Takes a topic away with everything under it."""
        del self.topics[topic]

    # What the platform answers.

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        status, value = 200, None
        if scope["path"] == "/standin":
            value = self.told(msgspec.json.decode(body))
        else:
            status, value = await self.answer(dict(parse_qsl(body.decode(), keep_blank_values=True)))
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", b"application/json;charset=utf-8")],
            }
        )
        await send({"type": "http.response.body", "body": msgspec.json.encode(value)})

    def told(self, order: Json) -> object:
        """Does what `POST /standin` says: a method's or an attribute's name in `do`, its arguments beside it."""
        name = order.pop("do")
        if name in ("group", "topic", "comment", "edit", "delete", "delete_topic"):
            return getattr(self, name)(**order)
        if name not in ("old_first", "delay", "errors", "denied", "ends_early_after", "left_out"):
            raise ValueError(f"unknown order {name}")
        value = order["value"]
        setattr(self, name, set(value) if name in ("denied", "left_out") else value)
        return None

    async def answer(self, sent: Mapping[str, str]) -> tuple[int, object]:
        """Status and value for the call's parameters."""
        self.calls.append(
            (sent.get("method", ""), {k: v for k, v in sent.items() if k not in ("sig", "access_token", "method")})
        )
        begun = time.monotonic()
        # In slices: a call that hangs is let go once the delay is taken back.
        while time.monotonic() - begun < self.delay:  # noqa: ASYNC110  # whoever steers it sets a plain number
            await asyncio.sleep(min(0.05, self.delay))
        if self.errors:
            code = self.errors.pop(0)
            return (code, {}) if 500 <= code < 600 else (200, _error(code))
        wrong = _credentials(sent, self.tokens)
        if wrong is not None:
            return 200, _error(wrong)
        methods = {
            "group.getInfo": self._info,
            "group.getStatTopics": self._stat_topics,
            "discussions.get": self._discussion,
            "discussions.getComments": self._comments,
            "discussions.getComment": self._comment,
        }
        method = methods.get(sent.get("method", ""))
        return 200, _error(3) if method is None else method(sent)

    def _info(self, sent: Mapping[str, str]) -> object:
        return [{"uid": uid, "name": self.groups[uid]} for uid in sent["uids"].split(",") if uid in self.groups]

    def _stat_topics(self, sent: Mapping[str, str]) -> object:
        if sent.get("gid") not in self.groups:
            return _error(160)
        begin, end = int(sent.get("start_time", 0)), int(sent.get("end_time", 1 << 62))
        found = [(k, t) for k, t in self.topics.items() if t.group == sent["gid"] and begin <= t.created_ms <= end]
        found.sort(key=lambda it: (it[1].created_ms, it[0]), reverse=True)
        start = int(sent.get("anchor") or 0)
        count = min(int(sent.get("count", 10)), MAX_COUNT)
        listed = [
            {
                "id": name,
                "created_ms": topic.created_ms,
                "comments": len(topic.comments) if topic.counted is None else topic.counted,
            }
            for name, topic in found[start : start + count]
        ]
        more = start + count < len(found)
        return {"topics": listed, "anchor": str(start + count), "has_more": more, "totalCount": len(found)}

    def _discussion(self, sent: Mapping[str, str]) -> object:
        name = sent.get("discussionId", "")
        if name not in self.topics:
            return _error(300)
        count = len(self.topics[name].comments)
        return {"discussion": {"object_id": name, "object_type": "GROUP_TOPIC", "total_comments_count": count}}

    def _comments(self, sent: Mapping[str, str]) -> object:
        name = sent.get("discussionId", "")
        topic = self.topics.get(name)
        if topic is None or sent.get("discussionType") != "GROUP_TOPIC":
            return _error(300)
        if name in self.denied:
            return _error(455)
        ordered = list(topic.comments) if self.old_first else list(topic.comments)[::-1]
        ordered = [local for local in ordered if local not in self.left_out]
        start, page = _after(ordered, sent.get("anchor"), up=self.old_first), int(sent.get("count", 10))
        shown = ordered[start : start + min(page, MAX_COUNT)]
        more = start + len(shown) < len(ordered)
        early = self.ends_early_after
        if early is not None and start + len(shown) >= early * MAX_COUNT:
            more = False
        answer: Json = {"discussionId": name, "discussionType": "GROUP_TOPIC", "has_more": more}
        if shown:
            answer |= {"comments": [topic.comments[it] for it in shown], "anchor": str(_number(shown[-1]))}
        return answer

    def _comment(self, sent: Mapping[str, str]) -> object:
        topic = self.topics.get(sent.get("discussionId", ""))
        found = None if topic is None else topic.comments.get(sent.get("comment_id", ""))
        return _error(300) if found is None else {"comment": found}

    def _next(self) -> int:
        self._numbers += 1
        return self._numbers


def _after(ordered: list[str], anchor: str | None, *, up: bool) -> int:
    """Where the page after `anchor` begins: a place that stays where it is when comments come or go."""
    if not anchor:
        return 0
    numbers = [_number(local) for local in ordered]
    return sum(number <= int(anchor) if up else number >= int(anchor) for number in numbers)


def _number(local: str) -> int:
    return -int(base64.b64decode(local).split(b":")[1])


def _credentials(sent: Mapping[str, str], tokens: Collection[str]) -> int | None:
    token = sent.get("access_token", "")
    if sent.get("application_key") != APPLICATION_KEY:
        return 101
    if token not in tokens:
        return 103
    signed = "".join(f"{k}={sent[k]}" for k in sorted(sent) if k not in ("sig", "access_token"))
    session = hashlib.md5((token + APPLICATION_SECRET).encode(), usedforsecurity=False).hexdigest()
    right = hashlib.md5((signed + session).encode(), usedforsecurity=False).hexdigest()
    return None if sent.get("sig") == right else 104


def _error(code: int) -> Json:
    return {"error_code": code, "error_msg": "STANDIN : refused", "error_data": None}


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000)


async def _run(port: int) -> None:
    async with listening(StandIn(), port) as address:
        print(f"stand-in of Odnoklassniki: {address}/fb.do", flush=True)  # noqa: T201  # tells the port
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    asyncio.run(_run(parser.parse_args().port))
