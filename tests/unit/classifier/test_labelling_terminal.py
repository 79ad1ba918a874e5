"""`label` in a real pseudo-terminal: the bytes a keyboard sends, and what survives the window being closed."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.classifier.conftest import ROOT

WAIT = 60.0
"""Seconds for a program to start and read its model on a busy machine."""


class Window:
    """One run of `label` in a terminal of 80 columns."""

    def __init__(self, *options: str, **environment: str) -> None:
        self._end, inner = pty.openpty()
        fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.classifier", "label", *options],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            cwd=ROOT,
            env={**os.environ, "PYTHONUTF8": "1", "TERM": "xterm", "USER": "tester", **environment},
            start_new_session=True,
        )
        os.close(inner)
        self.screen = ""

    def see(self, *awaited: str) -> str:
        """What came since the last look, all `awaited` included."""
        deadline, raw = time.monotonic() + WAIT, b""
        while time.monotonic() < deadline:
            if select.select([self._end], [], [], 0.1)[0]:
                try:
                    raw += os.read(self._end, 65_536)
                except OSError:  # the other end is closed
                    raw += b""
                    deadline = 0
            text = raw.decode(errors="ignore")
            if all(part in text for part in awaited):
                return text
        raise AssertionError(f"{awaited} did not come: {raw.decode(errors='replace')}")

    def press(self, keys: str, *awaited: str) -> str:
        """Types, and looks. A line is read as it comes; a key only once the program listens for keys: what was typed
        before is thrown away."""
        deadline = time.monotonic() + WAIT
        while not keys.endswith("\r") and termios.tcgetattr(self._end)[3] & termios.ICANON:
            assert time.monotonic() < deadline, f"nobody listens for {keys!r}"
            time.sleep(0.01)
        os.write(self._end, keys.encode())
        return self.see(*awaited)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT)
        os.close(self._end)


@pytest.fixture
def comments(tmp_path: Path) -> Path:
    path = tmp_path / "c.csv"
    path.write_text('id,text\n1,"Лифт стоит \x1b[31mтретий день"\n2,Когда приём?\n3,Ура\n', encoding="utf-8")
    return path


@pytest.fixture
def window(comments: Path, request: pytest.FixtureRequest) -> Iterator[Window]:
    """With the options and variables of `request.param`."""
    options, environment = getattr(request, "param", ([], {}))
    opened = Window(str(comments), "--order", "file", *options, **{"LANG": "ru_RU.UTF-8", "LC_ALL": "", **environment})
    yield opened
    opened.close()


def labels(comments: Path) -> list[dict[str, object]]:
    path = comments.with_name("c.csv.labels.jsonl")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_teacher_labels_undoes_and_leaves(window: Window, comments: Path) -> None:
    screen = window.see("Размечено 0 из 3.", "Лифт стоит �[31mтретий день", "в выход")
    assert "Как отвечать" in screen
    assert "Отвечает: tester" in screen
    window.press("1", "Тема: ")
    window.press("лиф\r", "Сохранено: жалоба, Содержание домов, подъездов, лифтов.", "Размечено 1 из 3.", "в выход")
    window.press("П", "Пропущено", "Ура", "в выход")  # Caps Lock
    window.press("5", "грубость: да")
    window.press("4", "Сохранено: другое, грубость.", "Машина ответила бы", "в выход")
    window.press("н", "Ответ «другое, грубость» отменён.", "Ура", "в выход")
    window.press("\x1b[A", "ничего не делает", "в выход")
    window.press("g", "Пропущено", "в выход")  # the key of п with the other layout
    window.press("в", "Ответы сохранены:", "c.csv.labels.jsonl")
    assert window.process.wait(WAIT) == 0
    assert [(row["id"], row["tag"], row["topic"], row["labelled_by"]) for row in labels(comments)] == [
        ("1", "complaint", "housing", "tester")
    ]


@pytest.mark.parametrize(
    "window", [(["--suggest", "never"], {"LANG": "C.UTF-8", "NO_COLOR": "1"})], indirect=True, ids=["english, plain"]
)
def test_no_escape_sequence_where_no_colour_is_wanted(window: Window, comments: Path) -> None:
    screen = window.see("0 of 3 labelled.", "q quit")
    screen += window.press("3", "Stored: spam.", "1 of 3 labelled.", "q quit")
    assert "\x1b" not in screen
    assert "machine thinks" not in screen
    window.press("\x03", "Answers stored:")  # Ctrl-C
    assert window.process.wait(WAIT) == 0
    assert len(labels(comments)) == 1


def test_nothing_answered_is_lost_with_the_window(window: Window, comments: Path) -> None:
    window.see("Размечено 0 из 3.", "в выход")
    window.press("4", "Размечено 1 из 3.", "в выход")
    window.process.send_signal(signal.SIGKILL)
    window.process.wait(WAIT)
    assert [row["tag"] for row in labels(comments)] == ["other"]
    again = Window(str(comments), "--language", "en", "--by", "someone else")
    try:
        assert "one file, one person" in again.see("--by with that name").replace("\r\n", " ")
        assert again.process.wait(WAIT) == 1
    finally:
        again.close()
