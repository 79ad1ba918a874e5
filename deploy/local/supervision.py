"""The process supervisor (supervisord) that keeps the broker and the services running.

Order: all start together, since every service waits for the broker by itself; on a stop the services drain first, side
by side, and the broker goes last. The supervisor and everything below it run on a leash (`deploy.local.leash`).
"""

from __future__ import annotations

import http.client
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.parsers.expat import ExpatError

import msgspec

from deploy.local import leash
from deploy.local.directory import Directory, RunError, write_private

ROOT = Path(__file__).resolve().parents[2]
DRAIN_S = 30
"""How long a service may take to finish what it began (it gives itself 25); the broker gets as long after that."""
ANSWER_S = 5.0
LONGEST_SOCKET_PATH = 90
"""A Unix socket's path is at most 103 bytes on macOS, 107 on Linux; supervisord binds '<path>.<pid>' first."""
UNREADABLE = ("%", " #", " ;", "\n")
LOG_BYTES, LOG_FILES = "10MB", 3


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """One process to be kept running."""

    name: str
    command: Sequence[str]
    is_service: bool = True


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """What the supervisor says of a program: RUNNING, STARTING, BACKOFF, FATAL and so on."""

    name: str
    state: str
    pid: int = 0
    """0 while it does not run."""


def configuration(programs: Sequence[Program], directory: Directory, sock: Path) -> str:
    """The text of supervisord.conf.

    Raises RunError for a path that supervisord could not read back: it expands "%", some values twice, " #" and " ;"
    begin a comment, and nothing quotes.
    """

    def literal(value: object) -> str:
        if any(sign in str(value) for sign in UNREADABLE):
            raise RunError(f'{value}: a path with "%", " #", " ;" or a line break in it cannot be used here')
        return str(value)

    sections = [
        "[supervisord]",
        "nodaemon = true",
        "silent = true",
        f"directory = {literal(ROOT)}",
        f"logfile = {literal(directory.log / 'supervisor.log')}",
        "logfile_maxbytes = 5MB",
        "logfile_backups = 2",
        f"pidfile = {literal(directory.supervisor_pid)}",
        f"childlogdir = {literal(directory.log)}",
        "[unix_http_server]",
        f"file = {literal(sock)}",
        "chmod = 0600",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisorctl]",
        f"serverurl = unix://{literal(sock)}",
        "[group:services]",
        f"programs = {','.join(program.name for program in programs if program.is_service)}",
        "priority = 200",  # stopped before what has a lower one
    ]
    for program in programs:
        sections += [
            f"[program:{program.name}]",
            f"command = {literal(shlex.join(leash.leashed(program.command)))}",
            f"priority = {200 if program.is_service else 100}",
            "autorestart = true",
            "startsecs = 2",
            "startretries = 5",
            f"stopwaitsecs = {DRAIN_S}",
            "killasgroup = true",
            "redirect_stderr = true",
            f"stdout_logfile = {literal(directory.log / (program.name + '.log'))}",
            f"stdout_logfile_maxbytes = {LOG_BYTES}",
            f"stdout_logfile_backups = {LOG_FILES}",
        ]
    return "\n".join(sections) + "\n"


class Supervisor:
    """One supervisord and what it runs, below this process."""

    def __init__(self, directory: Directory, programs: Sequence[Program], environ: Mapping[str, str]) -> None:
        self._directory = directory
        self._programs = programs
        self._environ = environ
        self._short: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._proxy: xmlrpc.client.ServerProxy | None = None

    def start(self) -> None:
        """Starts everything and returns once the supervisor answers; raises RunError when it does not in time."""
        sock = self._socket_path()
        write_private(self._directory.supervisor_config, configuration(self._programs, self._directory, sock))
        command = [sys.executable, "-m", "supervisor.supervisord", "-c", str(self._directory.supervisor_config)]
        with (self._directory.log / "start.log").open("wb") as output:
            # On the death of this process: TERM, upon which the supervisor stops everything in order. A session of
            # its own keeps the terminal's Ctrl-C and hang-up from it, so that this process decides.
            self._process = subprocess.Popen(  # noqa: S603 - our own command, no shell
                leash.leashed(command, on_death=signal.SIGTERM),
                cwd=ROOT,
                env={**self._environ, **leash.environment()},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._proxy = xmlrpc.client.ServerProxy("http://localhost", transport=_UnixTransport(sock))
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self._process.poll() is None:
            if self.conditions():
                return
            time.sleep(0.05)
        said = (self._directory.log / "start.log").read_text(encoding="utf-8", errors="replace").strip()
        raise RunError(f"the process supervisor did not start: {said or 'it says nothing'}")

    def conditions(self) -> list[Condition]:
        """What it says of each program; empty while it does not answer."""
        assert self._proxy is not None  # noqa: S101 - set by start, which comes first
        try:
            answer: Any = self._proxy.supervisor.getAllProcessInfo()
        except (OSError, http.client.HTTPException, xmlrpc.client.Error, ExpatError):  # cut off in the middle, too
            return []
        return [Condition(name=item["name"], state=item["statename"], pid=item["pid"]) for item in answer]

    @property
    def alive(self) -> bool:
        """Whether the supervisor itself still runs."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stops the services, then the broker, and returns when all are gone; what does not end in time is killed."""
        if self._process is not None:
            if self.alive:
                self._process.terminate()
            try:
                self._process.wait(timeout=2 * DRAIN_S + 10)
            except subprocess.TimeoutExpired:
                self._process.kill()  # their leashes end what it left
                self._process.wait(timeout=10)
        if self._proxy is not None:
            self._proxy("close")()
        if self._short is not None:
            self._short.cleanup()

    def _socket_path(self) -> Path:
        path = self._directory.root / "supervisor.sock"
        if len(str(path).encode()) > LONGEST_SOCKET_PATH:
            self._short = tempfile.TemporaryDirectory(prefix="otklik-")
            path = Path(self._short.name) / "supervisor.sock"
        return path


class _UnixTransport(xmlrpc.client.Transport):
    """XML-RPC over a Unix socket, with a time-out."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        self.close()
        connection = _UnixConnection(self._path)
        self._connection = (host, connection)  # which is what `close` closes
        return connection


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=ANSWER_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(ANSWER_S)
        self.sock.connect(str(self._path))
