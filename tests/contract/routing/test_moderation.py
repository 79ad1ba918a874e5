"""Moderation over HTTP: one task for one person, decisions with grounds, and what follows from each."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from tests.contract.routing.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _lease(town: World, task: str, role: str = "moderator") -> int:
    return int((await town.post(role, f"/v1/moderation/{task}/lease"))["token"])


async def test_a_task_says_why_somebody_should_look(town: World) -> None:
    task = await town.task("Купите слона!", page="http:north", toxic=True)
    assert task["reasons"] == ["toxic", "spam"]
    assert (task["text"], task["tag"], task["state"], task["lease"]) == ("Купите слона!", "spam", "open", None)


async def test_the_gravest_reason_comes_first(town: World) -> None:
    for how in ({}, {"unsure": True, "tag": "other"}, {"personal_data": True}, {"toxic": True}):
        await town.task(**how)
    order = ["personal_data", "toxic", "spam", "unsure"]
    items = (await town.get("moderator", "/v1/moderation?limit=200&state=open"))["items"]
    places = [(item["skips"], order.index(item["reasons"][0]), item["created_at"]) for item in items]
    assert places == sorted(places)


async def test_one_task_for_one_person(town: World) -> None:
    task = await town.task()
    token = await _lease(town, task["id"])
    assert (await town.post("moderator2", f"/v1/moderation/{task['id']}/lease", status=409))["why"] == "leased"
    body = {"decision": "keep", "ground": "шутка", "token": token}
    assert (await town.post("moderator2", f"/v1/moderation/{task['id']}/decision", body, status=409))["why"] == "leased"
    made = await town.post("moderator", f"/v1/moderation/{task['id']}/decision", body)
    assert (made["decision"], made["state"], made["decided_by"]) == ("keep", "enacted", town.key_id("moderator"))
    assert (await town.post("moderator", f"/v1/moderation/{task['id']}/decision", body, status=409))[
        "state"
    ] == "decided"


async def test_a_decision_needs_the_live_lease(town: World) -> None:
    task = await town.task()
    path = f"/v1/moderation/{task['id']}"
    body = {"decision": "keep", "ground": "шутка", "token": 1}
    assert (await town.post("moderator", f"{path}/decision", body, status=409))["why"] == "not_leased"
    old = await _lease(town, task["id"])
    await town.call("moderator", "DELETE", f"{path}/lease?token={old}", status=204)
    new = await _lease(town, task["id"], "moderator2")
    await town.call("moderator2", "DELETE", f"{path}/lease?token={new}", status=204)
    for token, why in ((old, "stale_token"), (new, "expired"), (new + 1, "not_leased")):
        refused = await town.post("moderator", f"{path}/decision", {**body, "token": token}, status=409)
        assert refused["why"] == why


async def test_a_deletion_needs_a_lawful_ground_and_waits_for_its_outcome(town: World) -> None:
    task = await town.task(page="http:south")
    token = await _lease(town, task["id"])
    body = {"decision": "delete", "ground": "не нравится", "token": token}
    refused = await town.post("moderator", f"/v1/moderation/{task['id']}/decision", body, status=400)
    assert "advertising" in refused["allowed"]
    made = await town.post("moderator", f"/v1/moderation/{task['id']}/decision", {**body, "ground": "advertising"})
    assert made["state"] == "proposed"
    log = await town.until(
        "auditor",
        "/v1/events?limit=200",
        lambda page: any(entry["data"] and entry["data"].get("decision") == made["id"] for entry in page["items"]),
    )
    ordered = next(entry for entry in log["items"] if entry["data"] and entry["data"].get("decision") == made["id"])
    assert (ordered["subject"], ordered["event"], ordered["data"]["kind"]) == ("action", "ordered", "delete")
    found = (await town.get("auditor", "/v1/decisions?limit=200"))["items"]
    assert next(item for item in found if item["id"] == made["id"])["ground"] == "advertising"


async def test_a_relabelling_to_complaint_makes_a_case_and_teaches(town: World) -> None:
    task = await town.task("Три дня без воды", page="http:north")
    token = await _lease(town, task["id"])
    body = {"decision": "relabel", "ground": "это жалоба", "tag": "complaint", "topic": "water", "token": token}
    made = await town.post("moderator", f"/v1/moderation/{task['id']}/decision", body)
    assert made["case_id"] is not None
    standing = await town.get("north", f"/v1/comments/{task['comment_id']}")
    assert (standing["tag"], standing["topic"], standing["state"]) == ("complaint", "water", "routed")
    for _ in range(1_000):
        labels = [msgspec.json.decode(raw) for raw in await town.published("labels.>")]
        ours = {label["kind"]: label for label in labels if label["comment"] == task["comment_id"]}
        if len(ours) == 2:
            break
        await asyncio.sleep(0.02)
    assert (ours["tag"]["value"], ours["tag"]["previous"]) == ("complaint", "spam")
    assert (ours["topic"]["value"], ours["topic"]["text"]) == ("water", "Три дня без воды")


async def test_a_case_by_hand_goes_where_the_moderator_says(town: World) -> None:
    task = await town.task("Дайте две", page="http:north")
    token = await _lease(town, task["id"])
    body = {"decision": "case", "ground": "нужен ответ", "institution": "adm-south", "token": token}
    made = await town.post("moderator", f"/v1/moderation/{task['id']}/decision", body)
    view = await town.get("south", f"/v1/cases/{made['case_id']}")
    assert (view["institution"], view["route"]["by"]) == ("adm-south", "person")
    both = await town.task("И вопрос, и грубость?", tag="question", toxic=True, page="http:north")
    token = await _lease(town, both["id"])
    refused = await town.post(
        "moderator", f"/v1/moderation/{both['id']}/decision", {**body, "token": token}, status=409
    )
    assert refused["case"] == both["case_id"]


@pytest.mark.parametrize(
    "body",
    [
        {"decision": "ban", "ground": "x"},
        {"decision": "keep"},
        {"decision": "keep", "ground": ""},
        {"decision": "keep", "ground": "x", "tag": "spam"},
        {"decision": "relabel", "ground": "x"},
        {"decision": "relabel", "ground": "x", "tag": "question", "institution": "gov"},
        {"decision": "relabel", "ground": "x", "topic": "no_such_topic"},
        {"decision": "case", "ground": "x", "institution": "nobody"},
        {"decision": "keep", "ground": "x", "more": 1},
    ],
)
async def test_a_wrong_decision_is_400_and_leaves_the_task(town: World, body: dict[str, object]) -> None:
    task = await town.task()
    token = await _lease(town, task["id"])
    await town.post("moderator", f"/v1/moderation/{task['id']}/decision", {**body, "token": token}, status=400)
    await town.post("moderator", f"/v1/moderation/{task['id']}/skip", {"token": token})


async def test_skipped_and_escalated(town: World) -> None:
    task = await town.task()
    path = f"/v1/moderation/{task['id']}"
    skipped = await town.post("moderator", f"{path}/skip", {"token": await _lease(town, task["id"]), "reason": "?"})
    assert (skipped["state"], skipped["skips"], skipped["lease"]) == ("skipped", 1, None)
    token = await _lease(town, task["id"])
    assert (await town.post("moderator", f"{path}/escalate", {"token": token}))["state"] == "escalated"
    assert (await town.post("moderator", f"{path}/lease", status=409))["why"] == "escalated"
    token = await _lease(town, task["id"], "coordinator")
    await town.post("coordinator", f"{path}/decision", {"decision": "keep", "ground": "можно", "token": token})


async def test_two_who_ask_at_once_get_two_different_tasks(town: World) -> None:
    for _ in range(4):
        await town.task()
    asked = await asyncio.gather(*(town.post(role, "/v1/moderation/lease") for role in ("moderator", "moderator2") * 2))
    assert len({held["task"]["id"] for held in asked}) == 4
    for held, role in zip(asked, ("moderator", "moderator2") * 2, strict=True):
        await town.call(role, "DELETE", f"/v1/moderation/{held['task']['id']}/lease?token={held['token']}", status=204)


async def test_who_moderates(town: World) -> None:
    task = await town.task(page="http:north")
    for role, listed, leased in (
        ("north", 403, 403), ("ingest", 403, 403), ("auditor", 200, 403), ("moderator-s", 200, 404),
        ("coordinator-s", 200, 404), ("coordinator-n", 200, 200),
    ):  # fmt: skip
        assert (await town.call(role, "GET", "/v1/moderation")).status_code == listed, role
        assert (await town.call(role, "POST", f"/v1/moderation/{task['id']}/lease")).status_code == leased, role
    south = (await town.get("moderator-s", "/v1/moderation?limit=200"))["items"]
    assert task["id"] not in {item["id"] for item in south}
    assert {item["page"] for item in south} <= {"http:south"}
