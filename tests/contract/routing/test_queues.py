"""Queues over HTTP: their order, their pages, who sees them, and leases that fence."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.contract.routing.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def _walk(town: World, role: str, path: str) -> list[dict[str, Any]]:
    """All items, page after page."""
    items: list[dict[str, Any]] = []
    cursor = ""
    while True:
        page = await town.get(role, f"{path}{cursor}")
        items += page["items"]
        if page["next"] is None:
            return items
        cursor = f"&cursor={page['next']}"


async def test_urgent_ones_first_then_the_oldest(town: World) -> None:
    first = await town.case(page="http:school")
    second = await town.case(page="http:school")
    urgent = await town.case(page="http:school", urgent=True)
    items = await _walk(town, "school", "/v1/queues/school-n/cases?limit=200")
    order = [item["id"] for item in items]
    places = [order.index(case["id"]) for case in (urgent, first, second)]
    assert places == sorted(places)
    ranks = [(not item["urgent"], item["opened_at"]) for item in items]
    assert ranks == sorted(ranks)
    assert set(items[0]) == {
        "id", "comment_id", "platform", "page", "post", "text", "tag", "topic", "flags", "urgent", "state",
        "opened_at", "institution", "territory", "lease", "revision", "why",
    }  # fmt: skip


async def test_pages_stay_right_while_cases_come_and_go(town: World) -> None:
    known = [(await town.case(page="http:south"))["id"] for _ in range(5)]
    page = await town.get("south", "/v1/queues/adm-south/cases?limit=2")
    seen = [item["id"] for item in page["items"]]
    newer = (await town.case(page="http:south"))["id"]
    urgent = (await town.case(page="http:south", urgent=True))["id"]
    while page["next"] is not None:
        page = await town.get("south", f"/v1/queues/adm-south/cases?limit=2&cursor={page['next']}")
        seen += [item["id"] for item in page["items"]]
    assert len(seen) == len(set(seen))
    assert [id for id in seen if id in known] == known
    assert newer in seen
    assert urgent not in seen


async def test_an_agent_sees_its_own_queue_and_those_below(town: World) -> None:
    below = await town.case(page="http:school")
    own = await town.case(page="http:north")
    whole = {item["id"] for item in await _walk(town, "north", "/v1/queues/adm-north/cases?limit=200&below=true")}
    assert {below["id"], own["id"]} <= whole
    alone = {item["id"] for item in await _walk(town, "north", "/v1/queues/adm-north/cases?limit=200")}
    assert own["id"] in alone
    assert below["id"] not in alone
    for role, institution, status in (
        ("north", "school-n", 200), ("school", "adm-north", 404), ("south", "adm-north", 404),
        ("admin", "nobody", 404), ("moderator", "adm-north", 403), ("auditor", "adm-north", 200),
    ):  # fmt: skip
        assert (await town.call(role, "GET", f"/v1/queues/{institution}/cases")).status_code == status, role


async def test_a_coordinator_sees_of_a_queue_what_lies_in_the_territory(town: World) -> None:
    north = await town.case(page="http:north")
    await town.post("north", f"/v1/cases/{north['id']}/transfer", {"to": "gov"})
    south = await town.case(page="http:south")
    await town.post("south", f"/v1/cases/{south['id']}/transfer", {"to": "gov"})
    found = {item["id"] for item in await _walk(town, "coordinator-n", "/v1/queues/gov/cases?limit=200")}
    assert north["id"] in found
    assert south["id"] not in found


async def test_states_can_be_asked_for(town: World) -> None:
    case = await town.case(page="http:north")
    await town.post("north", f"/v1/cases/{case['id']}/accept")
    accepted = await _walk(town, "north", "/v1/queues/adm-north/cases?limit=1&state=accepted")
    assert case["id"] in {item["id"] for item in accepted}
    await town.post("north", f"/v1/cases/{case['id']}/answer", {"text": "да", "outcome": "resolved"})
    answered = await _walk(town, "north", "/v1/queues/adm-north/cases?limit=1&state=answered")
    assert case["id"] in {item["id"] for item in answered}
    opened = [item["opened_at"] for item in answered]
    assert opened == sorted(opened, reverse=True)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "state=lost", "below=perhaps", "cursor=x", "cursor=WzEsMiwzXQ"]
)
async def test_wrong_queries_are_400(town: World, query: str) -> None:
    answer = await town.call("admin", "GET", f"/v1/queues/adm-north/cases?{query}", status=400)
    assert answer.headers["content-type"] == "application/problem+json"
    if query == "state=lost":
        assert "must be one of" in answer.json()["detail"]
        assert "publish_failed" in answer.json()["detail"]


async def test_a_lease_keeps_others_out_until_it_is_released(town: World) -> None:
    case = await town.case(page="http:north")
    path = f"/v1/cases/{case['id']}"
    held = await town.post("north", f"{path}/lease", {"seconds": 60})
    assert held["case"]["lease"]["holder"] == town.key_id("north")
    refused = await town.post("north2", f"{path}/lease", status=409)
    assert (refused["why"], refused["expires_at"]) == ("leased", held["expires_at"].replace("Z", "+00:00"))
    assert (await town.post("north2", f"{path}/accept", status=409))["why"] == "leased"
    await town.call("north2", "DELETE", f"{path}/lease?token={held['token']}", status=409)
    renewed = await town.post("north", f"{path}/lease", {"token": held["token"], "seconds": 120})
    assert renewed["token"] == held["token"]
    assert renewed["expires_at"] > held["expires_at"]
    await town.post("north", f"{path}/accept", {"lease_token": held["token"]})
    await town.call("north", "DELETE", f"{path}/lease?token={held['token']}", status=204)
    assert (await town.post("north2", f"{path}/lease"))["token"] == held["token"] + 1


async def test_whoever_held_it_before_is_fenced_off(town: World) -> None:
    case = await town.case(page="http:north")
    path = f"/v1/cases/{case['id']}"
    old = await town.post("north", f"{path}/lease")
    await town.call("north", "DELETE", f"{path}/lease?token={old['token']}", status=204)
    new = await town.post("north2", f"{path}/lease")
    await town.call("north2", "DELETE", f"{path}/lease?token={new['token']}", status=204)
    stale = await town.post("north", f"{path}/accept", {"lease_token": old["token"]}, status=409)
    assert (stale["why"], stale["current"]) == ("stale_token", new["token"])
    assert (await town.post("north", f"{path}/lease", {"token": old["token"]}, status=409))["why"] == "stale_token"
    expired = await town.post("north2", f"{path}/accept", {"lease_token": new["token"]}, status=409)
    assert expired["why"] == "expired"
    assert (await town.get("north", path))["state"] == "routed"


async def test_two_who_ask_at_once_get_two_different_cases(town: World) -> None:
    made = {(await town.case(page="http:school"))["id"] for _ in range(4)}
    asked = await asyncio.gather(*(town.post("school", "/v1/queues/school-n/lease") for _ in range(4)))
    taken = [held["case"]["id"] for held in asked]
    assert len(set(taken)) == 4
    while (held := await town.post("north", "/v1/queues/adm-north/lease", {"below": True}))["case"] is not None:
        taken.append(held["case"]["id"])
    assert made <= set(taken)
    assert len(taken) == len(set(taken))
    assert held == {"case": None, "token": None, "expires_at": None}


async def test_a_case_that_is_over_is_not_leased(town: World) -> None:
    case = await town.case(page="http:north")
    await town.vanish(case["comment_id"], "http:north")
    await town.until("admin", f"/v1/cases/{case['id']}", lambda view: view["state"] == "void")
    assert (await town.post("north", f"/v1/cases/{case['id']}/lease", status=409))["state"] == "void"
