"""`python -m tests.bench.fuzz_hooks`: mutated payloads, with right secrets and wrong ones, called at the hooks of the
real application over a real broker and a real database.

Nothing but 200, 403, 413 and 503 may be answered, a wrong secret never with anything but 403, and memory must stay
where it was: the command ends with 1 otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec
import psutil

from services.ingest.process import calm_collector
from services.ingest.sources.vault import new_key
from shared.obs import configure_logging
from tests.bench.fuzz_payloads import FIRST_SHARE, MAX_GROWTH
from tests.contract.ingest.conftest import Desk, open_desk
from tests.fixtures.broker import Broker
from tests.fixtures.recordings import PAGES, mutated, seeds

AT_ONCE = 16
"""Calls under way."""
EMPTY_EVERY = 2_000
"""Payloads after which the streams are emptied: what is kept of bad payloads would fill the disk, and then everything
would be refused."""
HEADERS = {"telegram": "X-Telegram-Bot-Api-Secret-Token", "max": "X-Max-Bot-Api-Secret"}
SECRETS = {"vk": {}, "telegram": {"bot_token": "700:fuzz"}, "max": {"bot_token": "fuzz"}}
WRONG = ("", "wrong", "\xe9", "x" * 2_000)


class Outcome(msgspec.Struct, kw_only=True):
    """What was answered, by platform, secret (right or wrong) and status."""

    answers: Counter[tuple[str, str, int]] = msgspec.field(default_factory=Counter)
    faults: Counter[str] = msgspec.field(default_factory=Counter)
    example: dict[str, bytes] = msgspec.field(default_factory=dict)
    comments: int = 0
    letters: int = 0
    seconds: float = 0.0

    @property
    def refused(self) -> set[int]:
        """What calls with a wrong secret were answered with."""
        return {status for _, secret, status in self.answers if secret == "wrong"}  # a label


class Hooked:
    """The hooks of one source of each platform that has any."""

    def __init__(self, desk: Desk, random: Random) -> None:
        self._desk = desk
        self._random = random
        self._seeds = {platform: seeds(platform) for platform in SECRETS}
        self._secrets: dict[str, str] = {}
        self.outcome = Outcome()

    async def set_up(self) -> None:
        """Adds the sources."""
        for platform, secrets in SECRETS.items():
            source = {"id": platform, "platform": platform, "page": PAGES[platform], "way": "hook", "secrets": secrets}
            answer = await self._desk.client.post("/v1/sources", json=source)
            answer.raise_for_status()
            self._secrets[platform] = answer.json()["instructions"]["secret"]

    async def call(self) -> None:
        """One payload."""
        random, platform = self._random, self._random.choice(tuple(SECRETS))
        right = random.random() < 0.8
        secret = self._secrets[platform] if right else random.choice(WRONG)
        body = mutated(random.choice(self._seeds[platform]), random)
        headers = {"Content-Type": "application/json"}
        if platform == "vk":
            body = _proving(body, secret)
            right = right and secret.encode() in body
        else:
            headers[HEADERS[platform]] = secret.encode("latin-1")  # type: ignore[assignment]  # bytes are taken too
        place = f"/hooks/{platform}/{platform}" if random.random() < 0.95 else f"/hooks/ok/{platform}"
        right = right and not place.startswith("/hooks/ok/")
        name = f"{platform} {'right' if right else 'wrong'}"
        began = time.perf_counter()
        try:
            answer = await self._desk.client.post(place, content=body, headers=headers)
        except Exception as error:
            self._fault(f"{name}: {type(error).__name__}: {str(error)[:80]}", body)
            return
        self.outcome.seconds += time.perf_counter() - began
        self.outcome.answers[platform, "right" if right else "wrong", answer.status_code] += 1
        allowed = (200, 403, 413, 503) if right else (403, 413)
        if answer.status_code not in allowed:
            self._fault(f"{name}: {answer.status_code}", body)

    def _fault(self, name: str, body: bytes) -> None:
        self.outcome.faults[name] += 1
        self.outcome.example.setdefault(name, body)

    async def empty(self) -> None:
        """Counts and empties the streams."""
        jetstream = self._desk.bus.jetstream
        for stream in ("COMMENTS", "DEAD"):
            count = (await jetstream.stream_info(stream)).state.messages
            await jetstream.purge_stream(stream)
            if stream == "DEAD":
                self.outcome.letters += count
            else:
                self.outcome.comments += count


def _proving(body: bytes, secret: str) -> bytes:
    """VK's secret and community stand in the payload: they are put back where it is still an object."""
    try:
        value: Any = json.loads(body)
    except ValueError:
        return body
    if isinstance(value, dict):
        value |= {"secret": secret, "group_id": 1234}
        return json.dumps(value, ensure_ascii=True).encode()
    return body


async def fuzz(
    nats_url: str, database_url: str, count: int, random: Random, look: Callable[[int], None] = lambda done: None
) -> Outcome:
    """Calls the hooks `count` times; `look` learns how many were made, at times. The application must still take a
    comment in at the end."""
    async with open_desk(nats_url, database_url, sources_key=new_key()) as desk:
        hooked = Hooked(desk, random)
        await hooked.set_up()
        done = 0
        while done < count:
            step = min(EMPTY_EVERY, count - done)
            numbers = iter(range(step))

            async def one(numbers: Any = numbers) -> None:
                for _ in numbers:
                    await hooked.call()

            await asyncio.gather(*(one() for _ in range(AT_ONCE)))
            await hooked.empty()
            done += step
            look(done)
        comment = {"platform": "http", "page": "http:fuzz", "id": "last", "text": "Вода?"}
        answer: httpx.Response = await desk.send(comment)
        if answer.status_code != 202:
            hooked.outcome.faults[f"a comment at the end: {answer.status_code}"] += 1
        return hooked.outcome


def main() -> int:
    """Prints what was answered; 1 where anything went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fuzz_hooks", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    configure_logging(service="fuzz", level="error")
    calm_collector()
    looks: list[tuple[int, float]] = []

    def look(done: int) -> None:
        if done >= (looks[-1][0] if looks else 0) + options.count * FIRST_SHARE or done == options.count:
            # As it is, nothing collected first: so the service's memory looks from outside.
            looks.append((done, psutil.Process().memory_info().rss / 2**20))

    with tempfile.TemporaryDirectory(prefix="fuzz-") as place:
        broker = Broker(Path(place) / "broker")
        broker.start()
        try:
            began = time.monotonic()
            database = f"sqlite:///{place}/ingest.db"
            outcome = asyncio.run(fuzz(broker.url, database, options.count, Random(options.seed), look))
            seconds = time.monotonic() - began
        finally:
            broker.kill()
    total = outcome.answers.total()
    print(f"{total:,} calls in {seconds:.0f} s, {outcome.comments:,} comments, {outcome.letters:,} dead letters")
    for (platform, secret, status), times in sorted(outcome.answers.items()):
        print(f"  {platform:<9} {secret} secret  {status}  {times:>7,}")
    grown = looks[-1][1] - looks[0][1]
    print("memory, MiB: " + "  ".join(f"{done:,}: {mib:.1f}" for done, mib in looks))
    for name, times in outcome.faults.most_common(20):
        print(f"  {times:>6,} × {name}\n           {outcome.example.get(name, b'')[:200]!r}")
    return int(bool(outcome.faults) or grown > MAX_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
