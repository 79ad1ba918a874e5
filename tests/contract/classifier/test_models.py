"""`/v1/models` as an administrator and an auditor meet it, over a real broker."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.classifier.app import make_app
from services.classifier.life.disagreement import Disagreement, Disagreements, Side
from services.classifier.life.registry import Registry, load_folder
from services.classifier.model import DEFAULT_MODEL
from services.classifier.settings import Settings
from shared.auth import BUCKET, Role, Scope
from shared.auth.registry import KeyRegistry
from shared.bus import Bus
from shared.clock import new_id, utc_now
from tests.fixtures.inprocess import client_of
from tests.fixtures.variants import damage, variant


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_url, name="test") as bus:
        await bus.ensure()
        yield bus


@pytest.fixture
async def published(bus: Bus, tmp_path: Path) -> tuple[str, str]:
    versions = variant(tmp_path / "a", unsure=0.3), variant(tmp_path / "b", unsure=0.4)
    for folder in ("a", "b"):
        await Registry(bus).publish(tmp_path / folder, by="test")
    return versions


async def key(bus: Bus, role: Role, **scope: Any) -> dict[str, str]:
    keys = KeyRegistry(await bus.bucket(BUCKET), clock=utc_now, new_id=new_id, random_bytes=secrets.token_bytes)
    bearer, _ = await keys.create(name="test", role=role, scope=Scope(**scope))
    return {"Authorization": f"Bearer {bearer}"}


@pytest.fixture
async def client(bus: Bus, nats_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The whole service in this process, spoken to by an administrator."""
    app = make_app(Settings(nats_url=nats_url, careful="off"), load_folder(DEFAULT_MODEL))
    async with client_of(app) as client:
        client.headers.update(await key(bus, "admin"))
        yield client


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    return dict(answer.json())


async def live_in_replica(client: httpx.AsyncClient, version: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            replicas = (await client.get("/v1/models")).json()["replicas"]
            if replicas and replicas[0]["live"] == version:
                return dict(replicas[0])
            await asyncio.sleep(0.1)


async def test_the_life_of_a_version(client: httpx.AsyncClient, published: tuple[str, str]) -> None:
    first, second = published
    packaged = load_folder(DEFAULT_MODEL).model.version
    await live_in_replica(client, packaged)
    body = (await client.get("/v1/models")).json()
    assert body["pointer"] == {
        "live": None,
        "revision": 0,
        "before": [],
        "shadow": None,
        "shadow_set": {"version": None, "by": "", "at": None},
        "changes": [],
        "problem": None,
    }
    assert [item["version"] for item in body["versions"]] == [second, first]
    assert body["versions"][0]["figures"]["cross_validated"]["macro_f1"] > 0.5

    answer = await client.post("/v1/models/shadow", json={"version": first})
    assert (answer.status_code, answer.json()["shadow"]) == (200, first)
    answer = await client.post("/v1/models/promote", json={"version": first, "reason": "better on gold", "revision": 0})
    assert answer.status_code == 200, answer.text
    pointer = answer.json()
    assert (pointer["live"], pointer["before"], pointer["shadow"]) == (first, [None], None)
    assert pointer["changes"][0]["reason"] == "better on gold"
    assert (await client.post("/v1/models/promote", json={"version": first, "revision": 0})).json() == pointer
    replica = await live_in_replica(client, first)
    assert replica["live_problem"] is None
    told = problem(await client.post("/v1/models/shadow", json={"version": first}), 409)
    assert (told["why"], told["live"]) == ("live", first)
    judged = await client.post("/v1/classify", json={"texts": ["Когда?"]})
    assert judged.json()["model"] == first

    await client.post("/v1/models/promote", json={"version": second})
    revision = (await client.get("/v1/models")).json()["pointer"]["revision"]
    back = await client.post("/v1/models/rollback", json={"revision": revision, "reason": "worse after all"})
    assert (back.status_code, back.json()["live"]) == (200, first)
    await live_in_replica(client, first)
    assert [change["action"] for change in back.json()["changes"]] == ["rollback", "promote", "promote"]


async def test_who_comes_too_late_is_told_what_is_live(client: httpx.AsyncClient, published: tuple[str, str]) -> None:
    first, second = published
    pointer = (await client.post("/v1/models/promote", json={"version": first})).json()
    for path, body in (
        ("promote", {"version": second, "revision": 0}),
        ("rollback", {"revision": 0}),
    ):
        told = problem(await client.post(f"/v1/models/{path}", json=body), 409)
        assert told["detail"] == f"what is live was changed meanwhile: now it is {first}"
        assert (told["why"], told["live"], told["revision"]) == ("changed", first, pointer["revision"])
    back = (await client.post("/v1/models/rollback", json={"revision": pointer["revision"]})).json()
    told = problem(await client.post("/v1/models/rollback", json={"revision": back["revision"]}), 409)
    assert told["detail"] == "nothing was live before this"


async def test_what_cannot_judge_is_not_promoted(
    client: httpx.AsyncClient, bus: Bus, published: tuple[str, str]
) -> None:
    await damage(bus, published[0])
    for path in ("promote", "shadow"):
        told = problem(await client.post(f"/v1/models/{path}", json={"version": published[0]}), 409)
        assert told["why"] == "unusable"
        assert "damaged" in told["detail"]
        told = problem(await client.post(f"/v1/models/{path}", json={"version": "fast-unknown"}), 404)
        assert told["detail"] == "no version fast-unknown is published"
    assert (await client.get("/v1/models")).json()["pointer"]["live"] is None


async def test_there_is_no_way_back_to_what_is_damaged(
    client: httpx.AsyncClient, bus: Bus, published: tuple[str, str]
) -> None:
    first, second = published
    await client.post("/v1/models/promote", json={"version": first})
    pointer = (await client.post("/v1/models/promote", json={"version": second})).json()
    await damage(bus, first)
    told = problem(await client.post("/v1/models/rollback", json={"revision": pointer["revision"]}), 409)
    assert told["why"] == "unusable"
    assert (await client.get("/v1/models")).json()["pointer"]["live"] == second
    answer = await client.post("/v1/models/promote", json={"version": None})
    assert answer.json()["before"] == [second, first, None]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("promote", {}),
        ("promote", {"version": "../x"}),
        ("promote", {"version": None, "revision": -1}),
        ("promote", {"version": None, "extra": 1}),
        ("promote", {"version": None, "reason": "x" * 3000}),
        ("rollback", {}),
        ("rollback", {"revision": "1"}),
        ("shadow", {}),
        ("shadow", {"version": 1}),
    ],
)
async def test_what_is_not_understood(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
    problem(await client.post(f"/v1/models/{path}", json=body), 400)


async def test_disagreements(client: httpx.AsyncClient, bus: Bus, published: tuple[str, str]) -> None:
    first, second = published
    told = problem(await client.get("/v1/models/disagreements"), 404)
    assert "there is no shadow" in told["detail"]
    store = Disagreements(bus)
    scores: Any = {"question": 0.5, "complaint": 0.4, "spam": 0.05, "other": 0.05}
    for number, (one, other) in enumerate([("question", "spam"), ("question", "other"), ("spam", "other")]):
        sides: Any = [Side(tag=tag, scores=scores) for tag in (one, other)]  # type: ignore[arg-type]  # tags, as words
        item = Disagreement(comment=f"vk:wall:-1:{number}", live=sides[0], shadow=sides[1], at=utc_now())
        await store.put((first, second), item)
    await store.put_table((first, second), "r1", {"question": {"spam": 3, "question": 90}, "spam": {"other": 1}})
    await store.put_table((first, second), "r2", {"question": {"spam": 2, "other": 1, "question": 3}})

    path = f"/v1/models/disagreements?live={first}&shadow={second}"
    body = (await client.get(path)).json()
    assert (body["compared"], body["agreed"]) == (100, 93)
    assert body["table"]["question"] == {"spam": 5, "question": 93, "other": 1}
    assert [item["comment"] for item in body["sample"]] == ["vk:wall:-1:2", "vk:wall:-1:1", "vk:wall:-1:0"]
    assert set(body["sample"][0]) == {"comment", "live", "shadow", "at"}
    body = (await client.get(f"{path}&live_tag=question&shadow_tag=other")).json()
    assert [item["comment"] for item in body["sample"]] == ["vk:wall:-1:1"]
    problem(await client.get(f"{path}&live_tag=nonsense"), 400)
    problem(await client.get(f"/v1/models/disagreements?live={first}&shadow={first}"), 400)

    packaged = load_folder(DEFAULT_MODEL).model.version
    quiet = await client.get(f"/v1/models/disagreements?live={packaged}&shadow={second}")
    assert (quiet.status_code, quiet.json()["compared"]) == (200, 0)
    told = problem(await client.get(f"/v1/models/disagreements?live={first}&shadow=fast-never"), 404)
    assert "no version fast-never is published" in told["detail"]


async def test_who_may(client: httpx.AsyncClient, bus: Bus, published: tuple[str, str]) -> None:
    auditor, moderator, service = [await key(bus, role) for role in ("auditor", "moderator", "service")]
    coordinator = await key(bus, "coordinator", territory="root")
    # An unknown key makes a service look for it, but not for each of them at once.
    await asyncio.sleep(1.5)
    assert (await client.get("/v1/models", headers=auditor)).status_code == 200
    bodies: dict[str, Any] = {"promote": {"version": None}, "rollback": {"revision": 0}, "shadow": {"version": None}}
    for headers in (auditor, coordinator, moderator, service):
        for path, body in bodies.items():
            problem(await client.post(f"/v1/models/{path}", json=body, headers=headers), 403)
    for headers in (coordinator, moderator, service):
        problem(await client.get("/v1/models", headers=headers), 403)
        problem(await client.get("/v1/models/disagreements", headers=headers), 403)


async def test_it_is_documented(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/docs/openapi.json")).json()["paths"]
    for path in ("", "/promote", "/rollback", "/shadow"):
        assert f"/v1/models{path}" in paths
    assert "409" in paths["/v1/models/promote"]["post"]["responses"]
