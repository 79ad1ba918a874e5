"""One message in a hundred is garbage, on every subject that a service reads: it is put aside and delays nothing."""

from __future__ import annotations

import sqlite3
import time
from collections import Counter
from pathlib import Path

import httpx
import nats

from shared.bus import Bus
from shared.bus.dead import letters
from shared.clock import utc_now
from shared.events import encode, token
from shared.events.comment import CommentCreated
from tests.fixtures.stack import running

GOOD = 2_000
GROUP = 100
WAIT_SECONDS = 90.0

SUBJECTS = ("comments.created", "comments.edited", "comments.deleted", "tagged.complaint", "outcomes")


def garbage() -> list[tuple[bytes, str]]:
    """Payloads, and the reason for which each must be put aside."""
    stray = CommentCreated(id="vk:wall:-9:1", platform="vk", page="vk:-9", received_at=utc_now(), text="Не туда")
    return [
        (b'{"type":"comment.created","id":"http:', "undecodable"),
        (b"\xff\xfe\x00\xd1", "undecodable"),
        (b"", "undecodable"),
        (b'{"type":"comment.created","id":7,"platform":"http","page":[],"text":null}', "invalid"),
        (b'{"type":"nothing of ours"}', "invalid"),
        (b'"' + b"x" * 500_000 + b'"', "invalid"),
        (encode(stray), "mismatched"),
    ]


async def test_garbage_is_put_aside_and_nothing_else_is_delayed_or_lost(tmp_path: Path) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    with running(tmp_path) as stack:
        wild = await nats.connect(stack.nats_url)
        headers = {"Authorization": f"Bearer {stack.key}"}
        with httpx.Client(timeout=30, headers=headers) as client:
            rubbish = [(stem, *item) for stem in SUBJECTS for item in garbage()]
            for start in range(0, GOOD, GROUP):
                group = [
                    {"platform": "http", "page": "http:demo", "id": f"g{n}", "author": f"u{n}",
                     "text": f"Почему до сих пор не починили лифт в доме {n}? Безобразие"}
                    for n in range(start, start + GROUP)
                ]  # fmt: skip
                assert client.post(stack.url("ingest", "/v1/comments"), json=group).json()["accepted"] == GROUP
                for stem, payload, reason in rubbish[start // GROUP :: GOOD // GROUP]:
                    tail = ".done" if stem == "outcomes" else ""
                    await wild.jetstream().publish(f"{stem}.http.{token('demo')}{tail}", payload)
                    service = "classifier" if stem in ("comments.created", "comments.edited") else "routing"
                    expected[service, reason] += 1
        await wild.close()
        assert sum(expected.values()) == len(rubbish) > GOOD // 100

        until = time.monotonic() + WAIT_SECONDS
        found: Counter[tuple[str, str]] = Counter()
        arrived = 0
        async with await Bus.connect(stack.nats_url, name="test") as bus:
            while time.monotonic() < until and (found != expected or arrived < GOOD):
                time.sleep(0.5)
                found = Counter([(item.letter.service, item.letter.reason) async for item in letters(bus)])
                with sqlite3.connect(f"file:{stack.routing_db}?mode=ro", uri=True, timeout=10) as connection:
                    arrived = connection.execute("SELECT count(*) FROM comments WHERE tag IS NOT NULL").fetchone()[0]
                    cases = connection.execute("SELECT count(*) FROM cases").fetchone()[0]
        assert found == expected
        assert (arrived, cases) == (GOOD, GOOD)
        for service in ("classifier", "routing"):
            assert httpx.get(stack.url(service, "/readyz"), timeout=30).status_code == 200
            state = httpx.get(stack.url(service, "/metrics"), timeout=30).text
            assert 'otklik_consumer_state="paused"} 1.0' not in state
