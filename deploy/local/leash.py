"""Runs a command that must not outlive the process that started it.

    python -m deploy.local.leash [--signal TERM] -- COMMAND ARGUMENT...

On Linux the kernel holds the leash (PR_SET_PDEATHSIG, prctl(2)): when the parent ends in whatever way, SIGKILL
included, the command gets the signal, KILL unless told otherwise. The leash then becomes the command, so that signals
from the parent reach it directly and nothing more runs.

Elsewhere (macOS) nothing of the kind exists. There the leash stays, passes signals on, and looks twice a second
whether its parent is still there; only when the leash itself is killed by SIGKILL does the command stay behind.
`--watch` asks for this way on Linux too.

The parent names itself in OTKLIK_LEASH_PARENT (its process id), because it may have ended before the leash could ask.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

PARENT = "OTKLIK_LEASH_PARENT"
LOOK_EVERY_S = 0.5
ORPHANED = 70
"""Exit status of a leash whose parent was gone before the command began (EX_SOFTWARE of sysexits.h)."""
PR_SET_PDEATHSIG = 1
"""From linux/prctl.h."""


def leashed(command: Sequence[str], *, on_death: signal.Signals = signal.SIGKILL) -> list[str]:
    """The argument list that runs `command` on a leash; start it with `environment()` added to its environment."""
    return [sys.executable, "-m", "deploy.local.leash", "--signal", on_death.name.removeprefix("SIG"), "--", *command]


def environment() -> dict[str, str]:
    """What a leash must find in its environment when this process starts it."""
    return {PARENT: str(os.getpid())}


def ask_kernel(on_death: signal.Signals) -> None:
    """Has the kernel send `on_death` to this process when its parent ends; kept over exec. Raises OSError."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    if prctl(PR_SET_PDEATHSIG, int(on_death), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")


def watch(command: Sequence[str], parent: int, on_death: signal.Signals) -> int:
    """Runs `command` below this process until it or `parent` ends; returns its exit status as a shell would."""
    child = subprocess.Popen(command)  # noqa: S603 - the command is the caller's own, no shell
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda received, _frame: child.send_signal(received))
    while child.poll() is None:
        if os.getppid() != parent:
            child.send_signal(on_death)
            child.wait()
        time.sleep(LOOK_EVERY_S)
    return child.returncode if child.returncode >= 0 else 128 - child.returncode


def main(arguments: Sequence[str]) -> int:
    """Becomes the command, or returns an exit status when it could not or has ended below this process."""
    split = arguments.index("--")
    options, command = list(arguments[:split]), list(arguments[split + 1 :])
    on_death = signal.Signals["SIG" + options[options.index("--signal") + 1]]
    parent = int(os.environ[PARENT])
    os.environ[PARENT] = str(os.getpid())  # the command, under this same id, is the parent of what it starts on a leash
    kernel = sys.platform.startswith("linux") and "--watch" not in options
    if kernel:
        ask_kernel(on_death)
    if os.getppid() != parent:  # it ended before the kernel was asked, and no signal will come
        return ORPHANED
    if not kernel:
        return watch(command, parent, on_death)
    return os.execvp(command[0], command)  # noqa: S606 - as above


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
