"""`make run` as a person meets it: errors that name their cause, a clean stop, a second start, nothing left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.local import instance as local
from deploy.local.directory import Directory, RunError
from deploy.local.ports import choose, is_free, pick
from deploy.local.supervision import ROOT, Program
from deploy.standins.region import NAMES
from services.ingest.replay.command import ingest_url

PORTS = (
    "OTKLIK_INGEST_PORT",
    "OTKLIK_CLASSIFIER_PORT",
    "OTKLIK_ROUTING_PORT",
    "OTKLIK_STANDIN_VK_PORT",
    "OTKLIK_STANDIN_TELEGRAM_PORT",
    "OTKLIK_STANDIN_MAX_PORT",
    "OTKLIK_STANDIN_OK_PORT",
)
START_S = 120.0
SAMPLE = ROOT / "deploy/sample/comments.ndjson"
COMMENTS = 25


def until(true: Callable[[], bool], timeout: float = 60.0) -> bool:
    """Whether `true()` held at some time before the time-out."""
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


class Run:
    """One `python -m deploy.local` on a directory and on ports of its own."""

    def __init__(self, root: Path) -> None:
        self.directory = Directory(root / "data")
        self.ports = dict(zip(PORTS, pick(len(PORTS)), strict=True))
        self.output = root / "output.txt"
        self.process: subprocess.Popen[bytes] | None = None
        self.family: list[psutil.Process] = []

    def start(self, *options: str, **environ: str) -> None:
        """Begins; `await_up` waits for the addresses."""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.local", *options],
                cwd=ROOT,
                env={**environment(self.directory.root, self.ports), **environ},
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self.output.read_text()

    def await_up(self) -> None:
        """Waits until the addresses are printed and remembers every process below."""
        assert self.process is not None
        assert until(lambda: "admin key" in self.said or self.ended, START_S), self.said
        assert not self.ended, self.said
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    @property
    def ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def get(self, service: str, path: str) -> Any:
        return json.loads(self.get_text(service, path))

    def get_text(self, service: str, path: str) -> str:
        port = self.ports[f"OTKLIK_{service.upper()}_PORT"]
        key = self.directory.admin_key.read_text().strip()
        request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own address
            return str(answer.read().decode())

    def interrupt(self) -> int:
        """Ctrl-C, and the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=90)

    def nothing_left(self) -> bool:
        """Whether every process is gone and every port free."""
        return not any(alive(process) for process in self.family) and all(map(is_free, self.ports.values()))

    def clean(self) -> None:
        """Whatever the test did: ends all of it."""
        if self.process is not None and not self.ended:
            self.family = self.family or psutil.Process(self.process.pid).children(recursive=True)
            self.process.kill()
            self.process.wait(timeout=30)
        for process in self.family:
            if alive(process):
                process.kill()


def alive(process: psutil.Process) -> bool:
    """Whether it runs (a zombie does not)."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def environment(data: Path, ports: Mapping[str, int]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTKLIK_")}
    return {**kept, "OTKLIK_DATA_DIR": str(data), **{name: str(port) for name, port in ports.items()}}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    started = Run(tmp_path)
    yield started
    started.clean()


def refused(run: Run, *options: str, **environ: str) -> str:
    """What it says when it does not start."""
    run.start(*options, **environ)
    assert run.process is not None
    assert run.process.wait(timeout=30) == 1
    return run.said


def test_a_port_in_use_is_named_with_the_variable_that_moves_it(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", run.ports["OTKLIK_ROUTING_PORT"]))
        taken.listen()
        said = refused(run)
    assert f"port {run.ports['OTKLIK_ROUTING_PORT']} for routing is in use" in said
    assert "OTKLIK_ROUTING_PORT" in said


@pytest.mark.parametrize("wrong", ["http", "0", "65536", "-1", "８００１"])
def test_what_is_no_port_is_refused(run: Run, wrong: str) -> None:
    assert "OTKLIK_INGEST_PORT" in refused(run, OTKLIK_INGEST_PORT=wrong)


def test_two_services_cannot_share_a_port(run: Run) -> None:
    assert "cannot share" in refused(run, OTKLIK_ROUTING_PORT=str(run.ports["OTKLIK_INGEST_PORT"]))


def test_commands_beside_it_find_its_ports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = Directory(tmp_path)
    monkeypatch.setenv("OTKLIK_DATA_DIR", str(tmp_path))
    moved, again = (dict(zip(PORTS, map(str, pick(len(PORTS))), strict=True)) for _ in range(2))
    ports = choose(moved, directory.ports)
    assert ingest_url() == ports.url("ingest") == f"http://127.0.0.1:{moved['OTKLIK_INGEST_PORT']}"
    noted = {name.removeprefix("OTKLIK_STANDIN_"): int(port) for name, port in again.items() if "STANDIN" in name}
    # The broker keeps its ports whatever becomes of the others.
    assert choose(again, directory.ports, list(NAMES)).broker == ports.broker
    written = json.loads(directory.ports.read_text())["standins"]
    assert {f"{platform.upper()}_PORT": port for platform, port in written.items()} == noted


def test_a_second_instance_on_the_same_directory_is_refused(run: Run) -> None:
    run.directory.make()
    with run.directory.alone():
        said = refused(run)
    assert f"as process {os.getpid()}" in said
    assert "OTKLIK_DATA_DIR" in said


def test_a_directory_that_cannot_be_made_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()  # root may write everywhere, but not below a file
    said = refused(run, OTKLIK_DATA_DIR=str(tmp_path / "file" / "data"))
    assert "cannot write to" in said
    assert "OTKLIK_DATA_DIR" in said


@pytest.mark.slow
def test_a_service_that_always_ends_late_is_given_up_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lives longer than what the supervisor takes for a failed start, and than the broker takes to be ready: only
    then is it waited for."""
    dying = [sys.executable, "-c", "import time; time.sleep(6); raise SystemExit('there is no such model')"]
    monkeypatch.setattr(local, "WAITING_SAID_S", 1.0)
    directory = Directory(tmp_path / "data")
    directory.make()
    environ = environment(directory.root, dict(zip(PORTS, pick(len(PORTS)), strict=True)))
    ports = choose(environ, directory.ports)
    broker, *_ = local.programs(directory, ports)
    monkeypatch.setattr(local, "programs", lambda *_: [broker, Program(name="ingest", command=dying)])
    instance = local.Instance(directory, ports, environ)
    said: list[str] = []
    try:
        with pytest.raises(RunError, match=r"ingest does not start:\nthere is no such model") as error:
            instance.start(said.append)
    finally:
        instance.stop()
    assert str(directory.log / "ingest.log") in str(error.value)
    # It looks five times a second, and on a busy machine a little less often.
    assert re.match(r"Still waiting for ingest \([1-9] s; its log is ", said[0])


@pytest.fixture
def comments(tmp_path: Path) -> Path:
    """The first comments of the sample."""
    file = tmp_path / "first.ndjson"
    file.write_text("".join(SAMPLE.read_text().splitlines(keepends=True)[:COMMENTS]))
    return file


def tagged(run: Run, comments: Path) -> int:
    """How many of the comments routing knows as tagged."""
    found = 0
    for line in comments.read_text().splitlines():
        comment = json.loads(line)
        try:
            run.get("routing", f"/v1/comments/{comment['platform']}:{comment['id']}")
        except urllib.error.HTTPError as error:
            assert error.code == 404
        else:
            found += 1
    return found


def cases(run: Run) -> list[str]:
    """The ids of all open cases."""
    return sorted(item["id"] for item in run.get("routing", "/v1/queues/root/cases?below=true&limit=200")["items"])


@pytest.mark.slow
def test_stopped_and_killed_it_goes_on_where_it_was(run: Run, comments: Path) -> None:
    run.start("--replay", str(comments), "--rate", "100")
    run.await_up()
    assert len(run.family) >= 5
    assert until(lambda: tagged(run, comments) == COMMENTS)
    assert until(lambda: f"accepted={COMMENTS} " in run.said)
    first, key, ports = cases(run), run.directory.admin_key.read_text(), run.directory.ports.read_text()
    assert first
    imports = (run.directory.log / "import.log").read_text()
    for secret in run.directory.root.glob("*.key"):
        assert secret.stat().st_mode & 0o077 == 0

    assert run.interrupt() == 0
    assert run.nothing_left()

    # Again: nothing is imported or sent twice, and what was there is there.
    run.start("--replay", str(comments))
    run.await_up()
    assert until(lambda: f"{comments.name} is sent" in run.said)
    assert "is loaded" not in run.said
    assert (run.directory.log / "import.log").read_text() == imports
    assert run.directory.admin_key.read_text() == key
    assert run.directory.ports.read_text() == ports
    assert cases(run) == first
    assert run.get_text("ingest", "/metrics").count('result="accepted"') == 0

    # Killed, it takes everything with it, and the next start waits for what is still ending.
    assert run.process is not None
    run.process.kill()
    run.process.wait(timeout=30)
    killed = run.family
    run.start("--no-stream")
    run.await_up()
    assert not any(map(alive, killed))
    assert cases(run) == first

    # Without its supervisor it cannot go on: it says so, and nothing is left.
    psutil.Process(int(run.directory.supervisor_pid.read_text())).kill()
    assert run.process.wait(timeout=60) == 1
    assert "supervisor ended by itself" in run.said
    assert until(run.nothing_left)


def standin(run: Run, platform: str, path: str, **fields: str) -> str:
    """A stand-in's answer, to a form where there are fields."""
    url = f"http://127.0.0.1:{run.ports[f'OTKLIK_STANDIN_{platform.upper()}_PORT']}{path}"
    data = urllib.parse.urlencode(fields).encode() if fields else None
    with urllib.request.urlopen(url, data, timeout=10) as answer:
        return str(answer.read().decode())


def written(run: Run, platform: str) -> list[dict[str, Any]]:
    """All comments on a stand-in."""
    return [it for post in json.loads(standin(run, platform, "/standin/shown"))["posts"] for it in post["comments"]]


def ask(run: Run, platform: str, text: str) -> str:
    """A citizen writes; the comment's id as Otklik knows it."""
    post = json.loads(standin(run, platform, "/standin/shown"))["posts"][0]["id"]
    assert text in standin(run, platform, "/say", post=post, text=text, who="102")
    return f"{platform}:{written(run, platform)[-1]['id']}"


def arrives(run: Run, comment: str) -> bool:
    """Whether routing knows the comment."""
    try:
        return bool(run.get("routing", f"/v1/comments/{comment}")["tag"])
    except urllib.error.HTTPError as error:
        assert error.code == 404
        return False


@pytest.mark.slow
def test_what_is_written_on_a_stand_in_arrives_also_after_a_restart(run: Run) -> None:
    run.start("--no-stream", http_proxy="http://127.0.0.1:9")
    run.await_up()
    for platform in ("vk", "telegram", "max", "ok"):
        assert f"http://127.0.0.1:{run.ports[f'OTKLIK_STANDIN_{platform.upper()}_PORT']}/" in run.said
    sources = run.get("ingest", "/v1/sources")["items"]
    assert [it["id"] for it in sources] == ["standin-max", "standin-ok", "standin-telegram", "standin-vk"]
    assert all(it["acting"] for it in sources)
    for source in sources:
        done = subprocess.run(
            [sys.executable, "-m", "services.ingest", "source", "test", source["id"]],
            cwd=ROOT, env=environment(run.directory.root, {}), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, "reads comments: yes" in done.stdout) == (0, True), done.stdout + done.stderr
    comments = [ask(run, platform, "Когда включат воду?") for platform in ("vk", "telegram", "max")]
    for comment in comments:
        assert until(lambda comment=comment: arrives(run, comment)), comment  # type: ignore[misc]  # bound at once
    assert run.interrupt() == 0
    assert run.nothing_left()

    # What stood there stands there, and what is new is no repetition of it.
    run.start("--no-stream")
    run.await_up()
    for platform in ("vk", "telegram", "max"):
        assert [it["text"] for it in written(run, platform)] == ["Когда включат воду?"]
        comment = ask(run, platform, "Воды так и нет, примите меры!")
        assert comment not in comments
        assert until(lambda comment=comment: arrives(run, comment)), comment  # type: ignore[misc]  # bound at once
    assert run.interrupt() == 0

    run.start("--no-stream", "--no-standins")
    run.await_up()
    assert run.get("ingest", "/v1/sources")["items"] == []
    assert is_free(run.ports["OTKLIK_STANDIN_VK_PORT"])
    assert "stand-in" not in run.said


def test_a_platform_whose_address_is_set_has_no_stand_in(run: Run) -> None:
    run.start("--no-stream", OTKLIK_VK_URL="http://127.0.0.1:9/method")
    run.await_up()
    assert "Telegram" in run.said
    assert "VK" not in run.said
    assert is_free(run.ports["OTKLIK_STANDIN_VK_PORT"])


def test_it_stops_by_itself_when_told_so(run: Run) -> None:
    run.start("--no-stream", OTKLIK_RUN_SECONDS="0")
    assert run.process is not None
    assert run.process.wait(timeout=START_S) == 0, run.said
    assert all(map(is_free, run.ports.values()))
