"""Nothing that was started on a leash outlives the process that started it, however that one ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from deploy.local import leash
from deploy.local.directory import Directory
from deploy.local.supervision import ROOT

LONG = [sys.executable, "-c", "import time; time.sleep(300)"]
PARENT = """
import subprocess, sys, time
from deploy.local import leash
import os
command = leash.leashed(sys.argv[2:])
if sys.argv[1] == "watch":
    command.insert(command.index("--"), "--watch")
child = subprocess.Popen(command, env={**os.environ, **leash.environment()})
print(child.pid, flush=True)
time.sleep(300)
"""
SUPERVISED = """
import os, sys, time
from pathlib import Path
from deploy.local.directory import Directory
from deploy.local.supervision import Program, Supervisor
long = [sys.executable, "-c", "import time; time.sleep(300)"]
directory = Directory(Path(sys.argv[1])); directory.make()
supervisor = Supervisor(
    directory, [Program(name="one", command=long), Program(name="base", command=long, is_service=False)], os.environ
)
supervisor.start()
while {item.state for item in supervisor.conditions()} != {"RUNNING"}:
    time.sleep(0.1)
print("running", flush=True)
time.sleep(300)
"""


def until(true: Callable[[], bool], timeout: float = 20.0) -> bool:
    """Whether `true()` held at some time before the time-out."""
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def gone(process: psutil.Process) -> bool:
    """Whether it has ended (a zombie that nobody reaps has)."""
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def end(family: Iterable[psutil.Process]) -> None:
    """Kills those that have not ended yet."""
    for process in family:
        if not gone(process):
            process.kill()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def start(stack: ExitStack, *command: str) -> subprocess.Popen[str]:
    """Starts a Python script of this file in the project's root; it and its kin are ended with the test."""
    process = stack.enter_context(
        subprocess.Popen([sys.executable, "-c", *command], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    )
    stack.callback(process.kill)
    return process


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@pytest.mark.parametrize("way", ["kernel", "watch"])
def test_the_command_ends_with_a_parent_that_was_killed(way: str, stack: ExitStack) -> None:
    parent = start(stack, PARENT, way, *LONG)
    child = psutil.Process(int(line_of(parent)))
    stack.callback(lambda: None if gone(child) else child.kill())
    family = [child]
    if way == "watch":
        assert until(lambda: bool(child.children()))
        family += child.children()
    assert not any(gone(process) for process in family)
    parent.kill()
    assert until(lambda: all(gone(process) for process in family))


def test_the_command_never_begins_when_the_parent_is_gone_already(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait(timeout=30)
    mark = tmp_path / "began"
    begun = subprocess.run(
        leash.leashed([sys.executable, "-c", f"open({str(mark)!r}, 'w')"]),
        cwd=ROOT,
        env={**os.environ, leash.PARENT: str(ended.pid)},
        timeout=30,
        check=False,
    )
    assert begun.returncode == leash.ORPHANED
    assert not mark.exists()


def test_the_watching_way_passes_signals_on_and_ends_as_the_command_did(stack: ExitStack) -> None:
    script = (
        "import signal, sys, time\nsignal.signal(15, lambda *_: sys.exit(7))\nprint('up', flush=True)\ntime.sleep(300)"
    )
    command = leash.leashed([sys.executable, "-c", script])
    command.insert(command.index("--"), "--watch")
    watcher = stack.enter_context(
        subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **leash.environment()}, stdout=subprocess.PIPE, text=True
        )
    )
    stack.callback(watcher.kill)
    assert line_of(watcher) == "up"
    watcher.send_signal(signal.SIGTERM)
    assert watcher.wait(timeout=20) == 7


@pytest.mark.parametrize("victim", ["foreground", "supervisor"])
def test_what_is_supervised_ends_with(victim: str, tmp_path: Path, stack: ExitStack) -> None:
    foreground = start(stack, SUPERVISED, str(tmp_path))
    assert line_of(foreground) == "running"
    supervisor = psutil.Process(int(Directory(tmp_path).supervisor_pid.read_text()))
    family = [supervisor, *supervisor.children(recursive=True)]
    stack.callback(end, family)
    assert len(family) == 3
    (foreground if victim == "foreground" else supervisor).kill()
    assert until(lambda: all(gone(process) for process in family))


def test_what_dies_alone_is_started_again(tmp_path: Path, stack: ExitStack) -> None:
    foreground = start(stack, SUPERVISED, str(tmp_path))
    assert line_of(foreground) == "running"
    supervisor = psutil.Process(int(Directory(tmp_path).supervisor_pid.read_text()))
    first, second = (child.pid for child in supervisor.children())
    psutil.Process(first).kill()

    def running() -> set[int]:
        return {child.pid for child in supervisor.children() if not gone(child)}

    assert until(lambda: len(running()) == 2 and first not in running())
    assert second in running()
