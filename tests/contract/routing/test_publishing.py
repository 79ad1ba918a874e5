"""Answers under real pages, over HTTP and the broker: publishing, its outcome, and what an agent can do then."""

from __future__ import annotations

from typing import Any

import pytest

from shared.bus import Outgoing
from shared.clock import utc_now
from shared.events import Outcome, OutcomeKind
from tests.contract.routing.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def publishing(town: World) -> tuple[str, dict[str, Any]]:
    """A case whose answer is on its way, and its path."""
    case = await town.case(page="vk:-5")
    path = f"/v1/cases/{case['id']}"
    await town.post("north", f"{path}/accept")
    return path, await town.post("north", f"{path}/answer", {"text": "Починим завтра.", "outcome": "planned"})


async def hear(town: World, case: dict[str, Any], result: OutcomeKind) -> None:
    event = Outcome(
        action=case["reply"]["action"],
        kind="reply",
        result=result,
        platform="vk",
        page="vk:-5",
        comment=case["comment_id"],
        at=utc_now(),
        detail="" if result == "done" else "comments are closed",
        link="https://vk.ru/wall-5_1?reply=2",
    )
    await town.bus.publish([Outgoing(event=event, msg_id=event.action)])


async def test_an_answer_is_published_before_it_counts(town: World) -> None:
    path, case = await publishing(town)
    assert (case["state"], case["answer"], case["answered_at"]) == ("publishing", "Починим завтра.", None)
    assert case["allowed"] == ["answer", "reopen"]
    assert (case["reply"]["result"], case["reply"]["detail"], case["reply"]["link"]) == (None, "", None)
    await hear(town, case, "done")
    done = await town.until("north", path, lambda seen: seen["state"] == "answered")
    assert done["answered_at"] is not None
    assert (done["reply"]["result"], done["reply"]["link"]) == ("done", "https://vk.ru/wall-5_1?reply=2")
    log = await town.get("north", f"{path}/events")
    assert [entry["event"] for entry in log["items"]] == [
        "routed", "accepted", "submitted", "ordered", "done", "published",
    ]  # fmt: skip


async def test_what_failed_is_listed_with_the_reason_and_confirmed_by_hand(town: World) -> None:
    path, case = await publishing(town)
    await hear(town, case, "needs_person")
    failed = await town.until("north", path, lambda seen: seen["state"] == "publish_failed")
    assert failed["allowed"] == ["answer", "retry", "confirm", "reopen"]
    assert failed["reply"]["detail"] == "comments are closed"
    assert failed["reply"]["link"] == "https://vk.ru/wall-5_1?reply=2"
    listed = await town.get("north", "/v1/queues/adm-north/cases?state=publish_failed&limit=200")
    assert case["id"] in {item["id"] for item in listed["items"]}
    await town.post("north", f"{path}/confirm", {}, status=400)
    await town.post("north", f"{path}/confirm", {"where": "\0"}, status=400)
    await town.post("south", f"{path}/confirm", {"where": "здесь"}, status=404)
    done = await town.post("north", f"{path}/confirm", {"where": "https://vk.ru/wall-5_1?reply=3"})
    assert done["state"] == "answered"
    log = await town.get("north", f"{path}/events")
    assert log["items"][-1]["data"]["where"] == "https://vk.ru/wall-5_1?reply=3"


async def test_a_retry_is_a_new_order(town: World) -> None:
    path, case = await publishing(town)
    await town.post("north", f"{path}/retry", status=409)
    await hear(town, case, "failed")
    await town.until("north", path, lambda seen: seen["state"] == "publish_failed")
    again = await town.post("north", f"{path}/retry", {"reason": "комментарии открыты"})
    assert again["state"] == "publishing"
    assert again["reply"]["action"] != case["reply"]["action"]
    assert again["reply"]["result"] is None


async def test_nobody_is_given_a_case_whose_answer_is_on_its_way(town: World) -> None:
    _, case = await publishing(town)
    given = set()
    while True:
        lease = await town.post("north", "/v1/queues/adm-north/lease", {"below": False})
        if lease["case"] is None:
            break
        given.add(lease["case"]["id"])
    assert case["id"] not in given


async def test_an_answer_on_its_way_can_be_taken_back(town: World) -> None:
    path, case = await publishing(town)
    assert (await town.post("north", f"{path}/reopen", {"reason": "рано"}))["state"] == "routed"
    log = await town.until(
        "north", f"{path}/events", lambda seen: any(entry["event"] == "cancelled" for entry in seen["items"])
    )
    assert [entry["event"] for entry in log["items"]][-2:] == ["reopened", "cancelled"]
    await hear(town, case, "failed")
    assert (await town.get("north", path))["state"] == "routed"
