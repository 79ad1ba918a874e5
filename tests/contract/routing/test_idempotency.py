"""Writes that are asked for twice are done once."""

from __future__ import annotations

import asyncio

import pytest

from tests.contract.routing.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_same_request_again_gets_the_same_answer(town: World) -> None:
    case = await town.case()
    path = f"/v1/cases/{case['id']}/accept"
    first = await town.call("north", "POST", path, {"reason": "наше"}, status=200, Idempotency_Key="once")
    again = await town.call("north", "POST", path, {"reason": "наше"}, status=200, Idempotency_Key="once")
    assert again.content == first.content
    assert again.headers["etag"] == first.headers["etag"] == '"2"'
    assert (await town.get("north", f"/v1/cases/{case['id']}"))["revision"] == 2


async def test_another_request_under_the_same_key_is_refused(town: World) -> None:
    case = await town.case()
    path = f"/v1/cases/{case['id']}"
    await town.post("north", f"{path}/accept", {}, Idempotency_Key="reused")
    for verb, body in (("accept", {"reason": "иначе"}), ("start", {})):
        problem = await town.post("north", f"{path}/{verb}", body, status=409, Idempotency_Key="reused")
        assert problem["why"] == "idempotency_key_reused"
    # Another API key has its own.
    await town.post("north2", f"{path}/start", {}, Idempotency_Key="reused")


async def test_what_failed_may_be_tried_again_under_the_same_key(town: World) -> None:
    case = await town.case()
    path = f"/v1/cases/{case['id']}"
    await town.post("north", f"{path}/start", {}, status=409, Idempotency_Key="patience")
    await town.post("north", f"{path}/accept", {})
    await town.post("north", f"{path}/start", {}, Idempotency_Key="patience")


async def test_asked_twice_at_the_same_time_it_is_done_once(town: World) -> None:
    await town.case(page="http:south")
    await town.case(page="http:south")
    asked = await asyncio.gather(
        *(town.post("south", "/v1/queues/adm-south/lease", {}, Idempotency_Key="burst") for _ in range(5))
    )
    assert all(held == asked[0] for held in asked)


@pytest.mark.parametrize("key", ["", " ", "a" * 201, "два"])
async def test_a_key_that_is_none_is_400(town: World, key: str) -> None:
    case = await town.case()
    answer = await town.bare(
        "POST",
        f"/v1/cases/{case['id']}/accept",
        headers={"Authorization": f"Bearer {town.keys['north']}", "Idempotency-Key": key.encode()},
    )
    assert answer.status_code == 400
