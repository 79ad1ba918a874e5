"""`make up` as an operator meets it, in a project and on ports of its own, so that no other installation is touched."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import docker
import httpx
import psutil
import pytest
from docker.errors import DockerException

from deploy.local.ports import pick
from deploy.local.supervision import ROOT

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SERVICES = ("ingest", "classifier", "routing")
RUNNING = (*SERVICES, "broker", "database")
PAGE = "vk:-424242"


def until(true: Callable[[], bool], timeout: float) -> bool:
    """Whether `true()` held at some time before the time-out."""
    deadline = time.monotonic() + timeout
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


class Installation:
    """One compose project."""

    def __init__(self) -> None:
        self.project = f"otklik-test-{uuid.uuid4().hex[:8]}"
        self.ports = dict(zip(SERVICES, pick(3), strict=True))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("OTKLIK_")}
        self.environ = {
            **kept,
            "COMPOSE_PROJECT_NAME": self.project,
            "OTKLIK_VERSION": "test",
            **{f"OTKLIK_{service.upper()}_PORT": str(port) for service, port in self.ports.items()},
        }
        self.key = ""

    def run(self, *command: str, timeout: float = 600) -> str:
        """What a command printed; fails the test with all that it said when it ends badly."""
        done = subprocess.run(
            command, cwd=ROOT, env=self.environ, capture_output=True, text=True, timeout=timeout, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def compose(self, *arguments: str, timeout: float = 600) -> str:
        return self.run("docker", "compose", "-f", "deploy/compose.yaml", *arguments, timeout=timeout)

    def up(self) -> None:
        self.run("make", "--no-print-directory", "up", timeout=1200)
        self.key = self.run("make", "-s", "key").strip()

    def request(
        self, method: str, service: str, path: str, *, key: str | None = None, **options: Any
    ) -> httpx.Response:
        return httpx.request(
            method,
            f"http://127.0.0.1:{self.ports[service]}{path}",
            headers={"Authorization": f"Bearer {key or self.key}"},
            timeout=10,
            trust_env=False,
            **options,
        )

    def post(self, number: int, text: str) -> dict[str, Any]:
        """Posts one comment and returns the receipt."""
        comment = {
            "platform": "vk",
            "page": PAGE,
            "id": f"wall:-424242:1:{number}",
            "post": "wall:-424242:1",
            "author": f"u{number}",
            "text": text,
            "posted_at": "2026-01-12T10:00:00+03:00",
        }
        answer = self.request("POST", "ingest", "/v1/comments", json=comment)
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    def queued(self) -> set[str]:
        """The ids of the comments that wait with the root coordinator, with whom lands what nobody else answers."""
        answer = self.request("GET", "routing", "/v1/queues/root/cases?limit=200")
        assert answer.status_code == 200, answer.text
        return {item["comment_id"] for item in answer.json()["items"]}

    def ready(self, service: str) -> bool:
        try:
            return self.request("GET", service, "/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's container."""
        container = self.compose("ps", "--quiet", service).strip()
        return dict(json.loads(self.run("docker", "inspect", container))[0])


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    if os.environ.get("OTKLIK_TEST_DOCKER") != "1":
        pytest.skip("OTKLIK_TEST_DOCKER is not 1: `make test-docker` runs these")
    try:
        client = docker.from_env()
        client.ping()
        client.close()
    except DockerException as error:
        pytest.skip(f"no Docker engine answers: {type(error).__name__}")
    made = Installation()
    try:
        made.up()
        yield made
    finally:
        made.compose("--profile", "tools", "down", "--volumes", "--remove-orphans", "--timeout", "20")


def test_the_key_is_printed_alone_and_opens_the_services(installation: Installation) -> None:
    printed = installation.run("make", "-s", "key")
    assert re.fullmatch(r"otk_[A-Za-z0-9_-]{43}\n", printed)
    for service in SERVICES:
        assert installation.ready(service)
    assert installation.post(1, "Спасибо")["rejected"] == []


def test_without_a_key_nothing_is_taken(installation: Installation) -> None:
    port = installation.ports["ingest"]
    assert httpx.post(f"http://127.0.0.1:{port}/v1/comments", json={}, trust_env=False).status_code == 401


def test_a_revoked_key_is_refused_within_five_seconds(installation: Installation) -> None:
    ops = ("run", "--rm", "--no-deps", "--no-TTY", "ops", "shared.auth")
    key = installation.compose(*ops, "create", "--role", "auditor", "--name", "short-lived", "--quiet").strip()
    listed = next(line for line in installation.compose(*ops, "list").splitlines() if "short-lived" in line)

    def status() -> int:
        return installation.request("GET", "routing", "/v1/institutions", key=key).status_code

    assert until(lambda: status() == 200, 5)
    installation.compose(*ops, "revoke", listed.split("\t")[0])
    assert until(lambda: status() == 401, 5)


def test_a_question_reaches_a_queue_and_survives_down_and_up(installation: Installation) -> None:
    question = "Когда в доме 5 по улице Ленина включат отопление? Второй день мёрзнем"
    receipt = installation.post(2, question)
    assert receipt["accepted"] == 1
    assert until(lambda: "vk:wall:-424242:1:2" in installation.queued(), 20)
    key = installation.key
    installation.run("make", "--no-print-directory", "down")
    assert not installation.compose("ps", "--quiet")
    installation.up()
    assert installation.key == key
    assert "vk:wall:-424242:1:2" in installation.queued()
    assert installation.post(2, question) == {"accepted": 0, "duplicates": 1, "rejected": []}


def test_what_is_posted_while_routing_is_away_arrives_when_it_is_back(installation: Installation) -> None:
    installation.compose("stop", "routing")
    try:
        assert installation.post(3, "Почему вторую неделю не вывозят мусор? Куда звонить?")["accepted"] == 1
    finally:
        installation.compose("up", "--detach", "--wait", "--no-build", "routing")
    assert until(lambda: "vk:wall:-424242:1:3" in installation.queued(), 20)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_whose_process_dies_comes_back(service: str, installation: Installation) -> None:
    before = installation.inspect(service)["State"]["Pid"]
    psutil.Process(before).kill()  # `docker kill` would count as stopped by hand
    assert until(lambda: installation.inspect(service)["State"]["Pid"] not in (0, before), 30)
    assert until(lambda: installation.ready(service), 60)


@pytest.mark.parametrize("service", RUNNING)
def test_a_container_can_do_no_more_than_it_must(service: str, installation: Installation) -> None:
    host = installation.inspect(service)["HostConfig"]
    assert host["ReadonlyRootfs"]
    assert host["CapDrop"] == ["ALL"]
    assert not host["CapAdd"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert int(installation.compose("exec", "--no-TTY", service, "id", "-u")) != 0


@pytest.mark.parametrize("service", RUNNING)
def test_only_the_services_are_published_and_only_on_this_machine(service: str, installation: Installation) -> None:
    published = installation.inspect(service)["NetworkSettings"]["Ports"]
    addresses = {binding["HostIp"] for bindings in published.values() for binding in bindings or ()}
    assert addresses == ({"127.0.0.1"} if service in SERVICES else set())


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_its_own_service_alone(service: str, installation: Installation) -> None:
    listed = installation.compose("exec", "--no-TTY", service, "ls", "/app/services")
    assert {name for name in listed.split() if not name.startswith("__")} == {service}


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_reads_only_its_own_secrets(service: str, installation: Installation) -> None:
    expected = {
        "ingest": {"author.key", "broker.url", "database.url", "sources.key"},
        "classifier": {"broker.url"},
        "routing": {"broker.url", "database.url"},
    }
    assert set(installation.compose("exec", "--no-TTY", service, "ls", "/secrets").split()) == expected[service]
