"""A real broker with our own configuration, on a free port, in a directory of its own: killed and started at will."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sysconfig
import time
from pathlib import Path

from tests.fixtures.frozen import freeze
from tests.fixtures.ports import free_port

ROOT = Path(__file__).parents[3]
CONFIG = (ROOT / "deploy/nats/nats.conf").read_text(encoding="utf-8")
PASSWORD = "k0123456789abcdef"
WITHIN_SECONDS = 20.0


class Broker:
    """One nats-server. The port and the store stay the same over restarts."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.port = free_port()
        self._config = directory / "nats.conf"
        self._config.write_text(CONFIG, encoding="utf-8")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens, with its password."""
        return f"nats://otklik:{PASSWORD}@127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns once it accepts connections."""
        environment = {
            **os.environ,
            "OTKLIK_NATS_HOST": "127.0.0.1",
            "OTKLIK_NATS_PORT": str(self.port),
            "OTKLIK_NATS_MONITOR": f"127.0.0.1:{free_port()}",
            "OTKLIK_NATS_STORE": str(self._directory / "store"),
            "OTKLIK_NATS_MAX_FILE": "2GB",
            "OTKLIK_NATS_PASSWORD": PASSWORD,
        }
        server = Path(sysconfig.get_path("scripts")) / "nats-server"
        with (self._directory / "broker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(server), "-c", str(self._config)], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        until = time.monotonic() + WITHIN_SECONDS
        while time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError((self._directory / "broker.log").read_text(errors="replace")[-2000:])

    def log(self) -> str:
        """What it said since its first start."""
        return (self._directory / "broker.log").read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def accept(self, password: str) -> None:
        """From now on only this password is right; whoever is connected with another one is thrown out."""
        self._config.write_text(CONFIG.replace("$OTKLIK_NATS_PASSWORD", password), encoding="utf-8")
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def freeze(self) -> None:
        """It stays connected and answers nothing."""
        if self._process is not None:
            freeze(self._process)

    def thaw(self) -> None:
        """It goes on."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
