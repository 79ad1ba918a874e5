"""The real process with a real broker: streams, kills and replay, as an operator runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from shared.auth import BUCKET, Scope
from shared.auth.registry import KeyRegistry
from shared.bus import Bus
from shared.clock import new_id, utc_now
from shared.events import CommentCreated, Event, decode
from tests.fixtures.broker import Broker
from tests.fixtures.ports import free_port
from tests.fixtures.stack import ROOT

START_SECONDS = 30.0
LINE = "Не работает лифт в третьем подъезде, уже вторую неделю ждём ремонта и ответа от управляющей компании"


class Ingest:
    """The service as its own process, over a broker of this test."""

    def __init__(self, root: Path, broker: Broker) -> None:
        self.root = root
        self.broker = broker
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.key_file = root / "admin.key"
        self.process: subprocess.Popen[bytes] | None = None
        self.environment = {
            **os.environ,
            "OTKLIK_NATS_URL": broker.url,
            "OTKLIK_INGEST_PORT": str(self.port),
            "OTKLIK_INGEST_DATABASE_URL": f"sqlite:///{root}/ingest.db",
            "OTKLIK_AUTHOR_KEY": "k" * 20,
            "OTKLIK_DATA_DIR": str(root),
            "OTKLIK_LOG_FORMAT": "json",
        }

    def start(self) -> None:
        with (self.root / "ingest.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.ingest", "serve"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise RuntimeError((self.root / "ingest.log").read_text(encoding="utf-8")[-2000:])

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(timeout=40)

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            timeout=60,
            headers={"Authorization": f"Bearer {self.key_file.read_text(encoding='utf-8')}"},
        )

    def peak_memory(self) -> int:
        """MiB that the process ever held."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) // 1024

    def replay(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "services.ingest", "replay", *arguments, "--url", self.url],
            cwd=ROOT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    async def stored(self) -> list[Event]:
        async with await Bus.connect(self.broker.url, name="test") as bus:
            last = (await bus.jetstream.stream_info("COMMENTS")).state.last_seq
            messages = [await bus.jetstream.get_msg("COMMENTS", seq=number) for number in range(1, last + 1)]
        return [decode(message.subject or "", message.data or b"") for message in messages]


@pytest.fixture
async def ingest(tmp_path: Path, broker: Broker) -> AsyncIterator[Ingest]:
    service = Ingest(tmp_path, broker)
    async with await Bus.connect(broker.url, name="test") as bus:
        await bus.ensure()
        registry = KeyRegistry(await bus.bucket(BUCKET), clock=utc_now, new_id=new_id, random_bytes=os.urandom)
        key, _ = await registry.create(name="test", role="admin", scope=Scope())
    service.key_file.write_text(key, encoding="utf-8")
    service.start()
    yield service
    if service.process is not None and service.process.poll() is None:
        assert service.end(signal.SIGTERM) == 0


def comment(number: int | str) -> dict[str, object]:
    return {"platform": "http", "page": "http:demo", "id": f"c{number}", "author": "u", "text": f"{LINE} {number}"}


def ndjson(numbers: range) -> bytes:
    return b"".join(json.dumps(comment(number), ensure_ascii=False).encode() + b"\n" for number in numbers)


@pytest.mark.slow
def test_a_hundred_thousand_lines_take_no_memory(ingest: Ingest) -> None:
    def body(lines: int) -> Iterator[bytes]:
        for start in range(0, lines, 1_000):
            yield ndjson(range(start, start + 1_000))

    with ingest.client() as client:
        headers = {"Content-Type": "application/x-ndjson"}
        assert client.post("/v1/comments", content=body(10_000), headers=headers).json()["accepted"] == 10_000
        before = ingest.peak_memory()
        answer = client.post("/v1/comments", content=body(100_000), headers=headers).json()
    assert answer == {"accepted": 90_000, "duplicates": 10_000, "rejected": []}
    # The body alone is 25 MiB.
    assert ingest.peak_memory() - before < 16


def test_an_endless_line_takes_no_memory(ingest: Ingest) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(1_000):
            yield b" " * 100_000
        yield b"\n" + ndjson(range(1))

    with ingest.client() as client:
        before = ingest.peak_memory()
        answer = client.post("/v1/comments", content=body(), headers={"Content-Type": "application/x-ndjson"}).json()
    assert (answer["accepted"], [each["index"] for each in answer["rejected"]]) == (1, [0])
    assert ingest.peak_memory() - before < 16


@pytest.mark.slow
async def test_nothing_acknowledged_is_lost_by_kills_and_nothing_is_stored_twice(ingest: Ingest) -> None:
    """A client repeats each group until it is acknowledged, while the process is killed again and again."""
    groups, size = 60, 20
    acknowledged: list[int] = []

    def post_all() -> None:
        for group in range(groups):
            items = [comment(f"{group}-{place}") for place in range(size)]
            while True:
                try:
                    with ingest.client() as client:
                        answer = client.post("/v1/comments", json=items)
                    if answer.status_code == 202:
                        break
                except httpx.TransportError:
                    pass
                time.sleep(0.02)
            assert answer.json()["accepted"] + answer.json()["duplicates"] == size
            acknowledged.append(group)

    citizen = threading.Thread(target=post_all)
    citizen.start()
    for _ in range(3):
        seen = len(acknowledged)
        while len(acknowledged) < min(seen + 10, groups - 1):
            time.sleep(0.005)
        ingest.end(signal.SIGKILL)
        ingest.start()
    citizen.join(timeout=120)
    assert not citizen.is_alive()
    stored = [event.id for event in await ingest.stored() if isinstance(event, CommentCreated)]
    assert stored == [f"http:demo:c{group}-{place}" for group in range(groups) for place in range(size)]


def test_a_graceful_end_answers_what_is_in_flight(ingest: Ingest) -> None:
    answers: list[httpx.Response] = []

    def post() -> None:
        with ingest.client() as client:
            for number in range(200):
                try:
                    answers.append(client.post("/v1/comments", json=[comment(number)]))
                except httpx.TransportError:
                    return

    citizen = threading.Thread(target=post)
    citizen.start()
    while len(answers) < 20:
        time.sleep(0.005)
    assert ingest.end(signal.SIGTERM) == 0
    citizen.join(timeout=20)
    assert {answer.status_code for answer in answers} <= {202, 503}


# Replay ----------------------------------------------------------------------------------------------------------

TABLE = """datetime,post_id,comment_id,author_is_community,community_name,author_hash,text,likes
2017.06.05 15:41,24,27,0,,a1,Когда будет вода?,0
2017.06.05 15:49,24,28,1,Район,,"Добрый день!
Вода будет завтра.",1
2017.06.05 15:50,24,29,0,,a1,,0
2017.06.05 15:51,24,30,0,,a2,"[id|USER], спасибо",0
"""


async def test_a_table_is_replayed_with_no_option_at_all(ingest: Ingest, tmp_path: Path) -> None:
    file = tmp_path / "Район 5.csv"
    file.write_text(TABLE, encoding="utf-8")
    rejected = tmp_path / "rejected.csv"
    done = ingest.replay(str(file), "--rejected", str(rejected))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("4 rows: 3 accepted, 0 duplicates, 1 rejected")
    assert "line 5 rejected: text is empty" in done.stderr
    assert rejected.read_text(encoding="utf-8").startswith("line,reason\n5,text is empty")
    events = [event for event in await ingest.stored() if isinstance(event, CommentCreated)]
    assert [(event.id, event.post, event.author_kind) for event in events] == [
        ("http:5:27", "24", "person"),
        ("http:5:28", "24", "page"),
        ("http:5:30", "24", "person"),
    ]
    assert events[0].posted_at is not None
    assert events[0].posted_at.isoformat() == "2017-06-05T12:41:00+00:00"
    assert (events[1].author, events[0].author == events[2].author) == (None, False)

    again = ingest.replay(str(file))
    assert again.stdout.startswith("0 rows: 0 accepted")
    assert "4 rows acknowledged in an earlier run" in again.stderr
    once_more = ingest.replay(str(file), "--from-start")
    assert once_more.stdout.startswith("4 rows: 0 accepted, 3 duplicates, 1 rejected")


def test_replay_waits_for_an_ingest_that_comes_late(ingest: Ingest, tmp_path: Path) -> None:
    file = tmp_path / "late.ndjson"
    file.write_text('{"id": 1, "text": "Вода?"}\n', encoding="utf-8")
    ingest.end(signal.SIGTERM)
    with subprocess.Popen(
        [sys.executable, "-m", "services.ingest", "replay", str(file), "--url", ingest.url],
        cwd=ROOT, env=ingest.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as replay:  # fmt: skip
        try:
            assert replay.stderr is not None
            assert any("does not answer (ConnectError); trying again" in line for line in replay.stderr)
            ingest.start()
            out, err = replay.communicate(timeout=120)
        finally:
            replay.kill()
    assert replay.returncode == 0, err
    assert out.startswith("1 row: 1 accepted")


@pytest.mark.parametrize(
    ("content", "arguments", "words"),
    [
        ("a,b\n1,2\n", [], "Error: no column for id: name it with --map id=COLUMN or --map id=@line; the columns"),
        ("id,text\n1,2\n", ["--map", "post=c"], 'Error: post: there is no column "c"; the columns there are: id, text'),
        ("id,text\n1,2\n", ["--time-zone", "Nowhere"], "Error: --time-zone Nowhere: there is no such time zone"),
        ("id,text\n1,2\n", ["--encoding", "cp0"], "Error: --encoding cp0: there is no such encoding"),
        ("id,text\n1,2\n", ["--key-file", "/nowhere"], "Error: no key: cannot read /nowhere"),
        ("id,text\n1,2\n", ["--rejected", "/nowhere/x"], "Error: cannot write /nowhere/x"),
        ('id,text\n1,"2\n3,4\n', [], "Error: not one row was taken; the lines above say why"),
        ("id,text\n1,2\n", ["--patience", "0"], "does not answer (ConnectError); waited 0 s"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(tmp_path: Path, content: str, arguments: list[str], words: str) -> None:
    file = tmp_path / "a.csv"
    file.write_text(content, encoding="utf-8")
    (tmp_path / "admin.key").write_text("otk_key", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "services.ingest", "replay", str(file), "--url", "http://127.0.0.1:9", *arguments],
        cwd=ROOT, env={**os.environ, "OTKLIK_DATA_DIR": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert words in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_wrong_key_is_told_in_one_line(ingest: Ingest, tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("id,text\n1,2\n", encoding="utf-8")
    done = ingest.replay(str(file), OTKLIK_KEY="otk_wrong")
    assert done.returncode == 1
    assert "answered 401" in done.stderr.splitlines()[-1]


def test_commands_explain_missing_settings() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTKLIK_")}
    done = subprocess.run(
        [sys.executable, "-m", "services.ingest", "serve"],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.strip() == "Error: OTKLIK_AUTHOR_KEY: not set, and there is no default"
