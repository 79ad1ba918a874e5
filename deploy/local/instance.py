"""One running Otklik on this machine: its settings, its processes, and the steps from nothing to a working region."""

from __future__ import annotations

import signal
import subprocess
import sys
import sysconfig
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import IO

import msgspec
import psutil

from deploy.local import leash
from deploy.local.directory import Directory, RunError, keep, new_password, new_sealing_key, write_private
from deploy.local.ports import ADDRESS, SERVICES, Ports
from deploy.local.supervision import DRAIN_S, ROOT, Condition, Program, Supervisor
from deploy.standins.administrator import Administrator, ConnectError, source_id
from deploy.standins.ok.standin import PATH as OK_PATH
from deploy.standins.region import NAMES, Platform

READY_S = 90.0
"""How long a service may take to be ready; the first start writes its tables and loads the model."""
WAITING_SAID_S = 10.0
"""How often it is said what is still waited for."""
STARTS = 3
"""A program that had to be started so often before it was ready will never be. The supervisor gives up by itself only
those that end within two seconds, and importing alone may take longer."""
COMMAND_S = 120.0
GIVEN_UP = ("FATAL", "UNKNOWN")
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""To this machine's own addresses, whatever http_proxy says."""
REGION = ROOT / "deploy/sample/region"
REACHING = (*(f"OTKLIK_{platform.upper()}_URL" for platform in NAMES), "OTKLIK_CA_BUNDLE", "OTKLIK_PUBLIC_URL")
"""Ingest's settings by which it reaches the platforms, and they it."""


def settings(directory: Directory, ports: Ports, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of everything that is started: what the caller has set, and above it what this run decides.

    Writes what commands beside this run go by.
    """
    password = keep(directory.broker_password, new_password)
    keep(directory.author_key, new_password)
    keep(directory.sources_key, new_sealing_key)
    broker = f"nats://otklik:{password}@{ADDRESS}:{ports.broker.client}"
    own = {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "OTKLIK_DATA_DIR": str(directory.root),
        "OTKLIK_HOST": ADDRESS,
        "OTKLIK_NATS_URL": broker,
        "OTKLIK_NATS_HOST": ADDRESS,
        "OTKLIK_NATS_PORT": str(ports.broker.client),
        "OTKLIK_NATS_MONITOR": f"{ADDRESS}:{ports.broker.monitor}",
        "OTKLIK_NATS_STORE": broker_text(str(directory.streams)),
        "OTKLIK_NATS_PASSWORD": password,
        "OTKLIK_AUTHOR_KEY_FILE": str(directory.author_key),
        "OTKLIK_SOURCES_KEY_FILE": str(directory.sources_key),
        **{f"OTKLIK_{service.upper()}_PORT": str(getattr(ports, service)) for service in SERVICES},
        **{f"OTKLIK_{platform.upper()}_URL": _api(ports, platform) for platform in ports.standins},
    }
    defaults = {
        **({"OTKLIK_PUBLIC_URL": ports.url("ingest")} if ports.standins else {}),
        "OTKLIK_NATS_MAX_FILE": "4GB",
        "OTKLIK_INGEST_DATABASE_URL": f"sqlite:///{directory.root / 'ingest.db'}",
        "OTKLIK_ROUTING_DATABASE_URL": f"sqlite:///{directory.root / 'routing.db'}",
    }
    kept = {name: value for name, value in environ.items() if name not in ("OTKLIK_AUTHOR_KEY", "OTKLIK_SOURCES_KEY")}
    made = {**defaults, **kept, **own}
    # Where commands started beside this run look for the platforms (services/ingest/sources/whereabouts.py) and for
    # the broker (shared/bus/address.py); in this order, so that who finds this run's broker finds its stand-ins.
    reaching = {name: made[name] for name in REACHING if name in made}
    write_private(directory.platforms, msgspec.json.encode(reaching).decode())
    write_private(directory.broker_url, broker)
    return made


def broker_text(text: str) -> str:
    """`text` as the broker's configuration reads it from a variable: a path may hold blanks, brackets, any letters."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _api(ports: Ports, platform: Platform) -> str:
    """Where connectors find a stand-in."""
    return ports.page(platform) + (OK_PATH if platform == "ok" else "")


def programs(directory: Directory, ports: Ports) -> list[Program]:
    """The broker, the three services, and the stand-ins where there are to be any."""
    broker = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not broker.exists():
        raise RunError(f"{broker} is missing. `make setup` installs it.")
    served = [
        Program(name=service, command=[sys.executable, "-m", f"services.{service}", "serve"]) for service in SERVICES
    ]
    config = ROOT / "deploy/nats/nats.conf"
    run = [Program(name="broker", command=[str(broker), "--config", str(config)], is_service=False), *served]
    if ports.standins:
        # As platforms do, they outlive the services.
        options = [text for name, port in ports.standins.items() for text in ("--at", f"{name}={port}")]
        command = [sys.executable, "-m", "deploy.standins", *options, "--keep", str(directory.standins)]
        run.append(Program(name="standins", command=command, is_service=False))
    return run


def await_predecessor(directory: Directory, say: Callable[[str], None]) -> None:
    """Waits while the supervisor of an instance that was killed still stops what it ran."""
    try:
        process = psutil.Process(int(directory.supervisor_pid.read_text(encoding="ascii")))
        if str(directory.supervisor_config) not in process.cmdline():
            return
        say("The instance before this one is still stopping …")
        process.wait(timeout=2 * DRAIN_S + 10)
    except psutil.TimeoutExpired as error:
        raise RunError(f"the supervisor of an earlier instance, process {error.pid}, does not end.") from error
    except (FileNotFoundError, ValueError, psutil.Error):
        return


class Instance:
    """What `make run` controls. `start` first, `stop` at the end whatever happened between."""

    def __init__(self, directory: Directory, ports: Ports, environ: Mapping[str, str]) -> None:
        self.directory = directory
        self.ports = ports
        self.settings = settings(directory, ports, environ)
        self._supervisor = Supervisor(directory, programs(directory, ports), self.settings)
        self._stream: subprocess.Popen[bytes] | None = None
        self._started: dict[str, set[int]] = {}
        self._said_before = {log: log.stat().st_size for log in directory.log.glob("*.log")}

    def start(self, say: Callable[[str], None]) -> None:
        """Starts everything and returns when every service is ready, saying what it waits for long.

        Raises RunError with the log to look at.
        """
        self._supervisor.start()
        self._await("broker", f"{self.ports.monitor}/healthz", say)
        self.command("admin-key", "shared.auth", *_admin_key(self.directory.admin_key))
        for service in SERVICES:
            self._await(service, f"{self.ports.url(service)}/readyz", say)
        for platform in self.ports.standins:
            self._await("standins", self.ports.page(platform), say)

    def import_region(self) -> bool:
        """Loads the sample's registry unless exactly it was loaded before; returns whether it did."""
        digest = sha256()
        for path in sorted(REGION.glob("*.csv")):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        marker = self.directory.imported
        if marker.exists() and marker.read_text(encoding="ascii").strip() == digest.hexdigest():
            return False
        self.command("import", "services.routing", "import", str(REGION))
        write_private(marker, digest.hexdigest())
        return True

    def connect_standins(self) -> list[str]:
        """Adds a source for each stand-in and tells it the hook; takes away those of stand-ins that are left out.

        Returns the ids of all other sources. Raises RunError.
        """
        key = self.directory.admin_key.read_text(encoding="ascii").strip()
        try:
            with Administrator(self.ports.url("ingest"), key) as administrator:
                for platform in NAMES:
                    if platform in self.ports.standins:
                        administrator.connect(platform, self.ports.page(platform))
                    else:
                        administrator.disconnect(source_id(platform))
                return administrator.others()
        except ConnectError as error:
            raise RunError(f"the stand-ins cannot be connected: {error}; see {self.directory.log}") from error

    def stream(self, arguments: Sequence[str]) -> None:
        """Begins to replay comments beside the services; `arguments` are those of ingest's `replay`."""
        with (self.directory.log / "replay.log").open("ab") as output:
            self._stream = self._popen(["services.ingest", "replay", *arguments], output)

    @property
    def stream_status(self) -> int | None:
        """None while comments are being replayed (or were never), else how that ended."""
        return None if self._stream is None else self._stream.poll()

    @property
    def alive(self) -> bool:
        """Whether the supervisor still runs."""
        return self._supervisor.alive

    def conditions(self) -> list[Condition]:
        """What the supervisor says of each process."""
        return self._supervisor.conditions()

    def stop(self) -> None:
        """Ends the replay, then the services (they finish what they began), then the broker."""
        if self._stream is not None and self._stream.poll() is None:
            self._stream.send_signal(signal.SIGINT)  # it notes how far it came
            try:
                self._stream.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._stream.kill()
                self._stream.wait(timeout=10)
        self._supervisor.stop()

    def command(self, name: str, module: str, *arguments: str) -> None:
        """Runs `python -m module …` to its end; raises RunError with its last words when it fails."""
        log = self.directory.log / f"{name}.log"
        with log.open("ab") as output:
            process = self._popen([module, *arguments], output)
        try:
            status = process.wait(timeout=COMMAND_S)
        except subprocess.TimeoutExpired as error:
            raise RunError(f"{module} {arguments[0]} took longer than {COMMAND_S:.0f} s; see {log}") from error
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(timeout=10)
        if status != 0:
            raise RunError(f"{module} {arguments[0]} failed:\n{self._last_words(log)}\nAll of it: {log}")

    def _popen(self, module: Sequence[str], output: IO[bytes]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - our own commands, no shell
            leash.leashed([sys.executable, "-m", *module]),
            cwd=ROOT,
            env={**self.settings, **leash.environment()},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _await(self, name: str, url: str, say: Callable[[str], None]) -> None:
        began = time.monotonic()
        deadline, said = began + READY_S, began
        log = self.directory.log / f"{name}.log"
        while time.monotonic() < deadline:
            if answers(url):
                return
            if not self.alive:
                raise RunError(f"the process supervisor ended; see {self.directory.log / 'supervisor.log'}")
            conditions = self.conditions()
            for item in conditions:
                self._started.setdefault(item.name, set()).update({item.pid} - {0})
            given_up = any(item.name == name and item.state in GIVEN_UP for item in conditions)
            if given_up or len(self._started.get(name, ())) >= STARTS:
                raise RunError(f"{name} does not start:\n{self._last_words(log)}\nAll of it: {log}")
            if time.monotonic() - said >= WAITING_SAID_S:
                said = time.monotonic()
                say(f"Still waiting for {name} ({said - began:.0f} s; its log is {log}) …")
            time.sleep(0.2)
        raise RunError(f"{name} is not ready after {READY_S:.0f} s:\n{self._last_words(log)}\nAll of it: {log}")

    def _last_words(self, log: Path, lines: int = 12) -> str:
        """The end of what a log file got in this run."""
        try:
            with log.open("rb") as file:
                file.seek(self._said_before.get(log, 0))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            text = ""
        return "\n".join(text.splitlines()[-lines:]) or "(it said nothing)"


def answers(url: str) -> bool:
    """Whether a GET is answered with 200 within two seconds."""
    try:
        with DIRECT.open(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except (OSError, HTTPException):  # URLError and HTTPError are kinds of the former
        return False


def _admin_key(path: Path) -> list[str]:
    return ["create", "--role", "admin", "--name", "local", "--file", str(path), "--keep"]
