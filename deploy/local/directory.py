"""The directory that holds what `make run` keeps: databases, streams, keys, logs. One instance at a time uses it."""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


class RunError(Exception):
    """Why nothing can be started; the message names what is wrong and what would be right."""


class Directory:
    """Paths below one root, all of them readable by this user alone."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.log = self.root / "log"
        self.streams = self.root / "nats"
        self.standins = self.root / "standins"
        self.lock = self.root / "lock"
        self.ports = self.root / "ports.json"
        self.platforms = self.root / "platforms.json"
        self.author_key = self.root / "author.key"
        self.sources_key = self.root / "sources.key"
        self.broker_password = self.root / "broker.password"
        self.broker_url = self.root / "broker.url"
        self.admin_key = self.root / "admin.key"
        self.imported = self.root / "imported"
        self.supervisor_config = self.root / "supervisord.conf"
        self.supervisor_pid = self.root / "supervisord.pid"

    def make(self) -> None:
        """Creates what is missing; raises RunError where this user may not write."""
        try:
            for path in (self.root, self.log, self.streams, self.standins):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            probe = self.root / "writable"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise RunError(
                f"cannot write to {self.root}: {error.strerror}. OTKLIK_DATA_DIR names another directory."
            ) from error

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Holds the directory's lock, which goes with the process; raises RunError when another holds it."""
        with self.lock.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                raise RunError(
                    f"already running on {self.root} as process {file.read().strip() or '?'}. "
                    "Stop that one, or set OTKLIK_DATA_DIR and the ports to start a second."
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield


def keep(path: Path, make: Callable[[], str]) -> str:
    """The text of `path`; when there is none yet, `make()` is written there first, whole or not at all (mode 0600)."""
    try:
        if text := path.read_text(encoding="utf-8").strip():
            return text
    except FileNotFoundError:
        pass
    text = make()
    write_private(path, text)
    return text


def write_private(path: Path, text: str) -> None:
    """Puts `text` in place of what `path` held, in one step, durably, readable by this user alone."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def new_sealing_key() -> str:
    """256 random bits as ingest's vault wants them (services/ingest/sources/vault.py)."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def new_password() -> str:
    """192 random bits; begins with a letter, since the broker's configuration reads 1e5… as a number."""
    return "k" + secrets.token_hex(24)
