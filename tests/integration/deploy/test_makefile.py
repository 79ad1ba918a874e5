"""What `make` hands on to what it starts."""

from __future__ import annotations

import os
import subprocess

import pytest

from deploy.local.supervision import ROOT

NEITHER = "STANDINS={} is neither yes, true, on or 1 nor no, false, off or 0"


def make_run(*words: str) -> subprocess.CompletedProcess[str]:
    """What `make run` would do."""
    outer = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "STANDINS")
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.run(
        ["make", "--dry-run", "run", *words],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("word", ["no", "No", "NO", "false", "False", "0", "off", "OFF"])
def test_every_no_leaves_the_stand_ins_out(word: str) -> None:
    done = make_run(f"STANDINS={word}")
    assert (done.returncode, "--no-standins" in done.stdout) == (0, True), done.stderr


@pytest.mark.parametrize("words", [[], ["STANDINS="], *([f"STANDINS={word}"] for word in ("yes", "True", "1", "On"))])
def test_every_yes_starts_them(words: list[str]) -> None:
    done = make_run(*words)
    assert (done.returncode, "deploy.local" in done.stdout) == (0, True), done.stderr
    assert "standins" not in done.stdout


@pytest.mark.parametrize("word", ["maybe", "none", "2", "yes please"])
def test_what_is_neither_is_refused_in_one_line(word: str) -> None:
    done = make_run(f"STANDINS={word}")
    assert done.returncode == 2
    assert NEITHER.format(word) in done.stderr
    assert len(done.stderr.splitlines()) == 1
