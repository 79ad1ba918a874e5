"""Where the data directory lies is the operator's business: blanks, brackets and any alphabet are no obstacle."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from pathlib import Path

import msgspec
import pytest

from deploy.local.directory import Directory, RunError
from deploy.local.instance import settings
from deploy.local.ports import BrokerPorts, Ports
from deploy.local.supervision import ROOT, Program, configuration
from services.ingest.sources.vault import Vault

PORTS = Ports(ingest=1, classifier=2, routing=3, broker=BrokerPorts(client=4222, monitor=8222), standins={})
NAMES = ["data", "Мои файлы (копия)", "[x]", "a;b", "a#b, c", "5 000", 'it\'s "quoted"', "a\\tb", "$HOME", "50% {x}"]


@pytest.mark.parametrize("name", NAMES)
def test_the_broker_reads_any_path(tmp_path: Path, name: str) -> None:
    directory = Directory(tmp_path / name)
    directory.make()
    server = Path(sysconfig.get_path("scripts")) / "nats-server"
    done = subprocess.run(
        [str(server), "-t", "-c", str(ROOT / "deploy/nats/nats.conf")],
        env=settings(directory, PORTS, os.environ), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["a #b", "a ;b", "a\nb", "50%"])
def test_what_the_supervisor_could_not_read_is_refused_in_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(RunError, match="cannot be used here"):
        configuration([Program(name="x", command=["true"])], Directory(tmp_path / name), tmp_path / "sock")


def test_the_key_that_seals_credentials_is_made_once_and_is_one(tmp_path: Path) -> None:
    directory = Directory(tmp_path)
    directory.make()
    made = settings(directory, PORTS, {"OTKLIK_SOURCES_KEY": "from elsewhere"})
    assert "OTKLIK_SOURCES_KEY" not in made
    key = Path(made["OTKLIK_SOURCES_KEY_FILE"])
    assert Vault.of(key.read_text()) is not None
    assert key.stat().st_mode & 0o777 == 0o600
    first = key.read_text()
    settings(directory, PORTS, os.environ)
    assert key.read_text() == first


def test_commands_beside_it_are_told_how_ingest_reaches_the_platforms(tmp_path: Path) -> None:
    directory = Directory(tmp_path)
    directory.make()
    doubled = msgspec.structs.replace(PORTS, standins={"vk": 11, "ok": 14})
    settings(directory, doubled, {"OTKLIK_MAX_URL": "http://relay.example", "OTKLIK_CA_BUNDLE": "/ca.pem"})
    assert json.loads(directory.platforms.read_text()) == {
        "OTKLIK_VK_URL": "http://127.0.0.1:11",
        "OTKLIK_OK_URL": "http://127.0.0.1:14/fb.do",
        "OTKLIK_MAX_URL": "http://relay.example",
        "OTKLIK_CA_BUNDLE": "/ca.pem",
        "OTKLIK_PUBLIC_URL": "http://127.0.0.1:1",
    }
    assert directory.platforms.stat().st_mode & 0o777 == 0o600
    settings(directory, PORTS, {})
    assert json.loads(directory.platforms.read_text()) == {}


def test_compose_makes_a_key_that_opens_the_vault() -> None:
    script = (ROOT / "deploy/compose/secrets.sh").read_text()
    start = script.index("sealing() {")
    function = script[start : script.index("}", start) + 1]
    done = subprocess.run(["sh", "-c", f"{function}; sealing"], capture_output=True, text=True, timeout=30, check=True)
    assert Vault.of(done.stdout) is not None
