"""The load on the whole way: comments in over HTTP, and what the routing database shows of them."""

from __future__ import annotations

import asyncio
import http.client
import itertools
import json
import sqlite3
import threading
import time
from collections.abc import Iterator

import httpx
import msgspec

from tests.bench.texts import comment_texts
from tests.fixtures.stack import Stack

GROUP = 500
"""Comments in one request of the throughput run."""
BACKLOG = 8_000
"""The sender waits while this many accepted comments are not committed yet, so that the rate is a steady one."""


class Throughput(msgspec.Struct, frozen=True, kw_only=True):
    """`committed` comments in `seconds`, of which `cases` stand in a queue."""

    committed: int
    cases: int
    seconds: float
    refused: int

    @property
    def rate(self) -> float:
        """Comments a second from HTTP to committed."""
        return self.committed / self.seconds


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds from the 202 to the commit that makes a comment visible; `missing` ones never came."""

    count: int
    missing: int
    p50: float
    p99: float
    highest: float
    late: float
    """How far the sender itself fell behind its schedule at worst, in milliseconds."""


def _bodies(prefix: str, texts: list[str], size: int) -> Iterator[bytes]:
    numbers = itertools.count()
    for start in itertools.count(0, size):
        lines = []
        for offset in range(size):
            number = next(numbers)
            comment = {
                "platform": "http",
                "page": f"http:bench-{number % 50}",
                "id": f"{prefix}{number}",
                "post": f"p{number % 1000}",
                "author": f"u{number}",
                "text": texts[(start + offset) % len(texts)],
            }
            lines.append(json.dumps(comment, ensure_ascii=False))
        yield "\n".join(lines).encode()


def _counts(stack: Stack) -> tuple[int, int]:
    with sqlite3.connect(f"file:{stack.routing_db}?mode=ro", uri=True, timeout=10) as connection:
        comments = connection.execute("SELECT count(*) FROM comments").fetchone()[0]
        cases = connection.execute("SELECT count(*) FROM cases").fetchone()[0]
    return int(comments), int(cases)


async def throughput(stack: Stack, seconds: float) -> Throughput:
    """Sends as fast as the whole way takes it for `seconds`, and counts what was committed in that time."""
    texts, _ = comment_texts()
    bodies = _bodies("t", texts, GROUP)
    prepared = [next(bodies) for _ in range(int(seconds * 8_000 / GROUP))]
    headers = {"Authorization": f"Bearer {stack.key}", "Content-Type": "application/x-ndjson"}
    base, base_cases = _counts(stack)
    accepted = refused = 0
    queue = iter(prepared)
    started = time.perf_counter()
    committed = 0

    async def sender(client: httpx.AsyncClient) -> None:
        nonlocal accepted, refused
        for body in queue:
            while accepted - committed > BACKLOG and time.perf_counter() - started < seconds:
                await asyncio.sleep(0.02)
            if time.perf_counter() - started >= seconds:
                return
            answer = await client.post(stack.url("ingest", "/v1/comments"), content=body)
            if answer.status_code == 202:
                accepted += answer.json()["accepted"]
            else:
                refused += 1

    async def watcher() -> None:
        nonlocal committed
        while time.perf_counter() - started < seconds:
            committed = (await asyncio.to_thread(_counts, stack))[0] - base
            await asyncio.sleep(0.2)

    async with httpx.AsyncClient(timeout=30, headers=headers) as client:
        await asyncio.gather(sender(client), sender(client), watcher())
        done, cases = _counts(stack)
        elapsed = time.perf_counter() - started
    return Throughput(committed=done - base, cases=cases - base_cases, seconds=elapsed, refused=refused)


class _Watch(threading.Thread):
    """Notes when each new comment becomes visible, looking every two milliseconds."""

    def __init__(self, stack: Stack) -> None:
        super().__init__(daemon=True)
        self.seen: dict[str, float] = {}
        self._path = f"file:{stack.routing_db}?mode=ro"
        self._over = threading.Event()

    def run(self) -> None:
        connection = sqlite3.connect(self._path, uri=True, timeout=10)
        last = connection.execute("SELECT coalesce(max(rowid), 0) FROM comments").fetchone()[0]
        while not self._over.is_set():
            rows = connection.execute(
                "SELECT rowid, id FROM comments WHERE rowid > ? ORDER BY rowid", (last,)
            ).fetchall()
            now = time.perf_counter()
            for rowid, comment in rows:
                last = rowid
                self.seen[comment] = now
            time.sleep(0.002)
        connection.close()

    def finish(self) -> None:
        self._over.set()
        self.join(timeout=10)


CLIENTS = 32
"""Connections of the latency run; each waits for its answer before it sends again."""


def latency(stack: Stack, rate: int, seconds: float) -> Latency:
    """Sends single comments at `rate` a second, each a request of its own, each at its due time."""
    texts, _ = comment_texts()
    watch = _Watch(stack)
    watch.start()
    total = int(rate * seconds)
    accepted: dict[str, float] = {}
    late = [0.0] * CLIENTS
    started = time.perf_counter() + 0.5
    headers = {"Authorization": f"Bearer {stack.key}", "Content-Type": "application/json"}

    def client(place: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", stack.ports["ingest"], timeout=30)
        for number in range(place, total, CLIENTS):
            page = f"http:bench-{number % 50}"
            comment = {
                "platform": "http",
                "page": page,
                "id": f"l{number}",
                "author": f"u{number}",
                "text": texts[number % len(texts)],
            }
            body = json.dumps(comment).encode()
            wait = started + number / rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            late[place] = max(late[place], -wait)
            connection.request("POST", "/v1/comments", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 202:
                accepted[f"{page}:l{number}"] = time.perf_counter()
        connection.close()

    clients = [threading.Thread(target=client, args=(place,), daemon=True) for place in range(CLIENTS)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    until = time.perf_counter() + 20
    while len(watch.seen.keys() & accepted.keys()) < len(accepted) and time.perf_counter() < until:
        time.sleep(0.1)
    watch.finish()
    # A commit may be seen before the client has read its 202: that is a wait of nothing.
    waits = sorted(
        max(0.0, watch.seen[comment] - at) * 1000 for comment, at in accepted.items() if comment in watch.seen
    )
    return Latency(
        count=len(waits),
        missing=total - len(waits),
        p50=waits[len(waits) // 2],
        p99=waits[int(len(waits) * 0.99)],
        highest=waits[-1],
        late=max(late) * 1000,
    )
