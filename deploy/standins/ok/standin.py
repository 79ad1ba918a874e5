"""The stand-in for Odnoklassniki: the few calls that are read from. A test double.

It checks signatures as the platform does and can be told to be slow, to refuse, to count late and to list incompletely.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from deploy.standins.faults import ANY, Fault
from deploy.standins.ok.groups import Groups, Json, Topic
from deploy.standins.page import Names, Page
from deploy.standins.standin import NoSuchOrder, Standin
from deploy.standins.wire import Answer, Request

APPLICATION_KEY = "CSTANDINKEY"
APPLICATION_SECRET = "standin-secret"  # noqa: S105  # the double's alone
ACCESS_TOKEN = "standin-token"  # noqa: S105  # as above
MAX_COUNT = 100
"""Of one page, whatever is asked for."""
PATH = "/fb.do"


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What a stand-in goes on from."""

    groups: dict[str, str]
    topics: dict[str, Topic]
    numbers: int


class OkStandin(Groups, Standin):
    """What an application may ask; what people do is in `Groups`."""

    names = Names(ru="Одноклассники (OK)", en="Odnoklassniki (OK)")

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        Groups.__init__(self, now=now)
        Standin.__init__(self)
        self.tokens = {ACCESS_TOKEN}
        """Access tokens that are good; each is an administrator's of all groups."""
        self.calls: list[tuple[str, dict[str, str]]] = []
        """Every call with its parameters, tokens and signatures left out."""
        self.old_first = False
        """Pages run from old to new; else, as observed, from new to old."""
        self.denied: set[str] = set()
        """Topics that nobody may read."""
        self.ends_early_after: int | None = None
        """Pages after which "no more" is said although there is more."""
        self.left_out: set[str] = set()
        """Comments that lists leave out, as the platform's were seen to do."""

    def fail(self, *codes: int) -> None:
        """What the next calls get, one each: error codes; 500 to 599 are statuses of HTTP."""
        for code in codes:
            if 500 <= code < 600:
                self.faults.add(ANY, Fault(kind="refuse", status=code, json={}))
            else:
                self.faults.refuse(ANY, code)

    def shown(self) -> Page:
        return self.seen()

    def publish_post(self, text: str) -> str:
        return self.topic(next(iter(self.groups)), text=text)

    def say(self, post: str, text: str, *, to: str | None, who: str) -> str:
        answered = None if to is None else self._local(to)[1]
        author = self.topics[post].group if who == "page" else who
        return f"{post}:{self.comment(post, text, author=author, reply_to=answered)}"

    def reword(self, comment: str, text: str) -> None:
        self.edit(*self._local(comment), text)

    def remove_comment(self, comment: str) -> None:
        self.delete(*self._local(comment))

    def memory(self) -> Memory:
        return Memory(groups=self.groups, topics=self.topics, numbers=self._numbers)

    def recall(self, memory: bytes) -> None:
        kept = msgspec.json.decode(memory, type=Memory)
        self.groups, self.topics, self._numbers = kept.groups, kept.topics, kept.numbers

    async def order(self, name: str, given: dict[str, Any]) -> object:
        """`rules`: any of `old_first`, `ends_early_after`, `denied` and `left_out`."""
        if name != "rules":
            raise NoSuchOrder
        self.old_first = given.get("old_first", self.old_first)
        self.ends_early_after = given.get("ends_early_after", self.ends_early_after)
        self.denied = set(given.get("denied", self.denied))
        self.left_out = set(given.get("left_out", self.left_out))
        return {}

    async def call(self, request: Request) -> Answer:
        """The one address of the API."""
        if request.path != PATH:
            return Answer(status=404, json={})
        sent = request.form()
        name = sent.get("method", "")
        self.calls.append((name, {k: v for k, v in sent.items() if k not in ("sig", "access_token", "method")}))
        if (instead := await self.faults.before(name)) is not None:
            return instead
        code = self.faults.refusal(name)
        answer = self._answer(name, sent) if code is None else _error(code)
        self.faults.after(name)
        return Answer(json=answer)

    def _answer(self, name: str, sent: Mapping[str, str]) -> object:
        wrong = _credentials(sent, self.tokens)
        if wrong is not None:
            return _error(wrong)
        methods = {
            "group.getInfo": self._info,
            "group.getStatTopics": self._stat_topics,
            "discussions.get": self._discussion,
            "discussions.getComments": self._comments,
            "discussions.getComment": self._comment,
        }
        method = methods.get(name)
        return _error(3) if method is None else method(sent)

    def _local(self, comment: str) -> tuple[str, str]:
        topic, _, local = comment.partition(":")
        if local not in self.topics[topic].comments:
            raise KeyError(comment)
        return topic, local

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
