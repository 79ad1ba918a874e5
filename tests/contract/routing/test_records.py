"""The log, counts and the registry over HTTP."""

from __future__ import annotations

import json

import pytest

from tests.contract.routing.world import REGION, World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_log_misses_nothing_and_repeats_nothing(town: World) -> None:
    case = await town.case(page="http:south")
    await town.post("south", f"/v1/cases/{case['id']}/accept")
    numbers: list[int] = []
    after = 0
    while True:
        page = await town.get("auditor", f"/v1/events?after={after}&limit=3")
        if not page["items"]:
            break
        numbers += [entry["number"] for entry in page["items"]]
        after = page["next"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert page["next"] == after


async def test_a_coordinator_reads_the_log_of_the_territory(town: World) -> None:
    north, south = await town.case(page="http:north"), await town.case(page="http:south")
    for case in (north, south):
        await town.until("admin", f"/v1/cases/{case['id']}/events", lambda log: log["items"][0]["number"] is not None)
    seen: set[str] = set()
    after = 0
    while after != (page := await town.get("coordinator-n", f"/v1/events?after={after}&limit=200"))["next"]:
        seen |= {entry["case_id"] for entry in page["items"]}
        after = page["next"]
    assert north["id"] in seen
    assert south["id"] not in seen


async def test_counts(town: World) -> None:
    await town.case(page="http:south", urgent=True)
    counts = await town.get("auditor", "/v1/stats?top=100")
    assert counts["comments"]["question"] >= 1
    south = next(row for row in counts["queues"] if row["institution"] == "adm-south")
    assert 1 <= south["urgent"] <= south["open"]


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/events", {"admin", "auditor", "coordinator"}),
        ("/v1/stats", {"admin", "auditor", "coordinator"}),
        ("/v1/decisions", {"admin", "auditor", "coordinator", "moderator"}),
        ("/v1/institutions", {"admin", "auditor", "coordinator", "moderator", "north"}),
        ("/v1/pages", {"admin", "auditor", "coordinator", "moderator", "north"}),
        ("/v1/territories", {"admin", "auditor", "coordinator", "moderator", "north"}),
    ],
)
async def test_who_reads_what(town: World, path: str, allowed: set[str]) -> None:
    for role in ("admin", "auditor", "coordinator", "moderator", "north", "ingest", "service"):
        status = (await town.call(role, "GET", path)).status_code
        assert status == (200 if role in allowed else 403), (role, path)


async def test_the_registry_in_pages(town: World) -> None:
    ids: list[str] = []
    cursor = ""
    while True:
        page = await town.get("north", f"/v1/institutions?limit=2{cursor}")
        ids += [row["id"] for row in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert ids == sorted(ids)
    assert {"gov", "adm-north", "adm-south", "school-n", "root"} <= set(ids)
    assert (await town.get("north", "/v1/institutions/school-n"))["parent"] == "adm-north"
    await town.get("north", "/v1/institutions/nobody", 404)


async def test_importing_the_same_again_changes_nothing(town: World) -> None:
    done = await town.post("admin", "/v1/registry", REGION)
    assert {file: count["added"] + count["changed"] for file, count in done["counts"].items() if file in REGION} == {
        "territories": 0, "institutions": 0, "pages": 0,
    }  # fmt: skip


async def test_an_upload_is_in_force_at_once(town: World) -> None:
    upload = {"pages": ("pages.csv", b"id,institution,territory,name\nhttp:new,adm-south,12,New\n")}
    answer = await town.bare(
        "POST", "/v1/registry", files=upload, headers={"Authorization": f"Bearer {town.keys['admin']}"}
    )
    assert answer.status_code == 200, answer.text
    # One that was uploaded before, to the same service, counts as unchanged.
    assert sum(answer.json()["counts"]["pages"].values()) == 1
    await town.until("admin", "/v1/pages?limit=200", lambda page: "http:new" in {row["id"] for row in page["items"]})


async def test_errors_in_files_name_their_place(town: World) -> None:
    wrong = {"pages": "id,institution,territory,name\nhttp:x,nobody,12,X\nhttp:y,gov,99,Y\n"}
    problem = await town.post("admin", "/v1/registry", wrong, status=400)
    assert problem["error_count"] == 2
    assert {(error["file"], error["line"], error["column"]) for error in problem["errors"]} == {
        ("pages", 2, "institution"), ("pages", 3, "territory"),
    }  # fmt: skip
    assert all(error["error"] for error in problem["errors"])
    pages = await town.get("admin", "/v1/pages?limit=200")
    assert "http:x" not in {row["id"] for row in pages["items"]}


@pytest.mark.parametrize("body", [{}, {"roads": "id\n"}, {"pages": 7}, [], "pages", {"pages": None}])
async def test_bodies_that_are_no_registry_are_400(town: World, body: object) -> None:
    await town.post("admin", "/v1/registry", body, status=400)


async def test_other_bodies_and_other_people_are_refused(town: World) -> None:
    bearer = {"Authorization": f"Bearer {town.keys['admin']}"}
    csv = await town.bare("POST", "/v1/registry", content=b"a,b", headers={**bearer, "Content-Type": "text/csv"})
    assert csv.status_code == 415
    broken = await town.bare(
        "POST", "/v1/registry", content=b"--x", headers={**bearer, "Content-Type": "multipart/form-data; boundary=y"}
    )
    assert broken.status_code == 400
    for role in ("coordinator", "auditor", "north", "ingest"):
        await town.post(role, "/v1/registry", json.loads("{}"), status=403)
