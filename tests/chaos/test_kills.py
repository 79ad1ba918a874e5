"""Every process, and the broker, killed again and again while comments stream in: nothing acknowledged is lost."""

from __future__ import annotations

import json
import random
import sqlite3
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
import pytest

from shared.bus import Bus
from shared.bus.topology import QUEUES
from shared.events import QueueNotice, decode
from tests.fixtures.stack import SERVICES, Stack, running

COMMENTS = 3_000
GROUP = 25
KILLS_EACH = 3
SETTLE_SECONDS = 180.0

TEXTS = (
    "Когда уже починят лифт в третьем подъезде? Второй месяц пешком на девятый этаж",
    "Подскажите, пожалуйста, до скольки работает библиотека в субботу",
    "Спасибо за праздник, детям очень понравилось!",
    "Опять нет горячей воды, и никто ничего не объясняет",
    "Заработок от 5000 в день без вложений, пишите в личку",
    "Яма на повороте такая, что колесо оставил вчера. Сделайте что-нибудь",
)


class Citizen(threading.Thread):
    """Posts comments in groups and repeats each group until it is acknowledged, as a well-behaved client does."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(name="citizen", daemon=True)
        self.stack = stack
        self.acknowledged: set[str] = set()
        self.repeated = 0
        self.rejected: list[object] = []
        self.give_up = threading.Event()

    def run(self) -> None:
        with httpx.Client(timeout=10, headers={"Authorization": f"Bearer {self.stack.key}"}) as client:
            for start in range(0, COMMENTS, GROUP):
                group = [self._comment(number) for number in range(start, start + GROUP)]
                while not self.give_up.is_set() and not self._post(client, group):
                    self.repeated += 1
                    time.sleep(0.2)
                time.sleep(0.05)

    def _comment(self, number: int) -> dict[str, object]:
        return {
            "platform": "http",
            "page": f"http:page-{number % 7}",
            "id": f"k{number}",
            "post": "p1",
            "author": f"u{number}",
            "text": f"{TEXTS[number % len(TEXTS)]} ({number})",
        }

    def _post(self, client: httpx.Client, group: list[dict[str, object]]) -> bool:
        try:
            answer = client.post(self.stack.url("ingest", "/v1/comments"), json=group)
        except httpx.HTTPError:
            return False
        if answer.status_code != 202:
            return False
        body = answer.json()
        self.rejected += body["rejected"]
        assert body["accepted"] + body["duplicates"] == GROUP, body
        self.acknowledged |= {f"{comment['page']}:{comment['id']}" for comment in group}
        return True


def _comments_in(db: Path) -> int:
    with sqlite3.connect(f"file:{db}?mode=ro", uri=True, timeout=10) as connection:
        return int(connection.execute("SELECT count(*) FROM comments WHERE tag IS NOT NULL").fetchone()[0])


async def _notices(stack: Stack, expected: int) -> list[QueueNotice]:
    """All that stands in QUEUES once `expected` cases were assigned there, or whatever does after a while."""
    notices: dict[int, QueueNotice] = {}
    async with await Bus.connect(stack.nats_url, name="test") as bus:
        until = time.monotonic() + 60
        number = 1
        while time.monotonic() < until:
            state = (await bus.jetstream.stream_info(QUEUES.name)).state
            while number <= state.last_seq:
                raw = await bus.jetstream.get_msg(QUEUES.name, seq=number)
                event = decode(raw.subject or "", raw.data or b"")
                assert isinstance(event, QueueNotice)
                notices[number] = event
                number += 1
            if len({notice.case for notice in notices.values() if notice.kind == "assigned"}) >= expected:
                break
    return list(notices.values())


@pytest.mark.slow
async def test_every_acknowledged_comment_arrives_exactly_once(tmp_path: Path) -> None:
    with running(tmp_path) as stack:
        citizen = Citizen(stack)
        citizen.start()
        victims = [name for name in ("nats", *SERVICES) for _ in range(KILLS_EACH)]
        random.shuffle(victims)
        for victim in victims:
            time.sleep(random.uniform(0.3, 1.2))
            stack.kill(victim)
            time.sleep(random.uniform(0.0, 0.5))
            stack.start(victim)
        citizen.join(timeout=SETTLE_SECONDS)
        alive = citizen.is_alive()
        citizen.give_up.set()
        assert not alive, f"only {len(citizen.acknowledged)} acknowledged; ingest: {stack.tail('ingest')}"
        assert citizen.rejected == []
        assert len(citizen.acknowledged) == COMMENTS

        until = time.monotonic() + SETTLE_SECONDS
        while _comments_in(stack.routing_db) < COMMENTS and time.monotonic() < until:
            time.sleep(0.5)

        with sqlite3.connect(f"file:{stack.routing_db}?mode=ro", uri=True, timeout=10) as connection:
            arrived = [row[0] for row in connection.execute("SELECT id FROM comments WHERE tag IS NOT NULL")]
            cases = dict(connection.execute("SELECT id, comment_id FROM cases").fetchall())
            wanted = {
                row[0]
                for row in connection.execute(
                    "SELECT id FROM comments WHERE tag IN ('question', 'complaint') OR (urgent AND tag = 'other')"
                )
            }
        assert set(arrived) == citizen.acknowledged
        assert len(arrived) == len(set(arrived))
        assert max(Counter(cases.values()).values()) == 1
        assert set(cases.values()) == wanted
        assert wanted, "the classifier found neither question nor complaint: the test would prove nothing"

        notices = await _notices(stack, expected=len(cases))
        assigned = Counter(notice.case for notice in notices if notice.kind == "assigned")
        assert set(assigned) == set(cases)
        assert max(assigned.values()) == 1, json.dumps(assigned.most_common(3))
        print(
            f"{COMMENTS} comments, {len(victims)} kills, {citizen.repeated} repeated requests, "
            f"{len(cases)} cases, each assigned once"
        )
