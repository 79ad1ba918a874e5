"""The sources in memory are those of the bucket, whatever stands in it."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from services.ingest.sources import follower
from services.ingest.sources.change import Change, NewSource
from services.ingest.sources.follower import RELOAD_SECONDS, Sources
from services.ingest.sources.record import BUCKET, claim_key
from services.ingest.sources.registry import SourceRegistry
from services.ingest.sources.source import Secrets
from services.ingest.sources.vault import SealBroken, Vault, new_key
from shared.errors import Conflict, NotFound, Unavailable
from tests.fixtures.bucket import InMemoryBucket, InMemoryBuckets
from tests.unit.ingest.sources.samples import NOW, record

VAULT = Vault(new_key())
NEW = NewSource(
    id="city", platform="telegram", page="telegram:-1001", way="hook", secrets=Secrets(bot_token="1:secret")
)


class Case:
    """A registry and a follower over one bucket in memory."""

    def __init__(self, vault: Vault | None = VAULT) -> None:
        self.buckets = InMemoryBuckets()
        self.seconds = 0.0
        self.registry = SourceRegistry(self.buckets, vault, clock=lambda: NOW)
        self.sources = Sources(self.buckets, vault, monotonic=lambda: self.seconds)

    async def bucket(self) -> InMemoryBucket:
        return await self.buckets.bucket(BUCKET)


@pytest.fixture
def case() -> Case:
    return Case()


async def test_a_source_is_there_once_it_was_added_and_gone_once_it_was_removed(case: Case) -> None:
    await case.sources.refresh()
    assert case.sources.loaded.is_set()
    kept = await case.registry.add(NEW, by="me")
    assert case.sources.all() == []

    await case.sources.refresh()
    source = case.sources.get("city")
    assert source is not None
    assert source.secrets == Secrets(bot_token="1:secret", hook_secret=kept.hook_secret)
    assert case.sources.of_page("telegram:-1001") is source
    assert case.sources.all() == [source]

    await case.registry.remove("city")
    await case.sources.refresh()
    assert case.sources.get("city") is case.sources.of_page("telegram:-1001") is None
    assert not case.sources.known("city")


async def test_listeners_and_waiters_hear_of_changes(case: Case) -> None:
    heard: list[str] = []
    case.sources.listen(heard.append)
    waiting = asyncio.create_task(case.sources.changed(case.sources.generation))
    await case.registry.add(NEW, by="me")
    await case.sources.refresh()
    assert await waiting == 1
    assert heard == ["city"]

    await case.sources.refresh()
    await case.registry.change("city", Change(acting=True), by="me")
    await case.sources.refresh()
    assert heard == ["city", "city"]
    assert case.sources.generation == 2


async def test_one_that_cannot_be_read_or_opened_closes_nothing_else(case: Case) -> None:
    await case.registry.add(NEW, by="me")
    bucket = await case.bucket()
    foreign = record("foreign", Vault(new_key()), Secrets(), page="vk:-1")
    misplaced = record("other", VAULT, Secrets(), page="vk:-2")
    await bucket.put("broken", b"\xff{")
    await bucket.put("foreign", msgspec.json.encode(foreign))
    await bucket.put(claim_key("vk:-1"), b"foreign")
    await bucket.put("misplaced", msgspec.json.encode(misplaced))
    await case.sources.refresh()

    assert [source.id for source in case.sources.all()] == ["city"]
    problems = case.sources.problems()
    assert set(problems) == {"broken", "foreign", "misplaced"}
    assert "no key in OTKLIK_SOURCES_KEY opens" in problems["foreign"]
    assert "cannot be read" in problems["broken"]
    assert {item.id for item in case.sources.records()} == {"city", "foreign"}

    await bucket.delete("broken")
    await case.sources.refresh()
    assert "broken" not in case.sources.problems()


async def test_without_a_key_every_source_says_what_to_set(case: Case) -> None:
    await case.registry.add(NEW, by="me")
    closed = Sources(case.buckets, None)
    await closed.refresh()
    assert closed.all() == []
    assert closed.problems()["city"].startswith("set OTKLIK_SOURCES_KEY")


async def test_a_page_belongs_to_the_source_that_its_claim_names(case: Case) -> None:
    await case.registry.add(NEW, by="me")
    bucket = await case.bucket()
    second = record("second", VAULT, Secrets(), platform="telegram", page="telegram:-1001")
    await bucket.put("second", msgspec.json.encode(second))
    await case.sources.refresh()
    assert [source.id for source in case.sources.all()] == ["city"]
    assert "belongs to city" in case.sources.problems()["second"]

    await bucket.put(claim_key("telegram:-1001"), b"second")
    await case.sources.refresh()
    assert [source.id for source in case.sources.all()] == ["second"]
    owner = case.sources.of_page("telegram:-1001")
    assert owner is not None
    assert owner.id == "second"
    assert "belongs to second" in case.sources.problems()["city"]


async def test_a_claim_that_a_crash_left_behind_does_not_keep_a_page(case: Case) -> None:
    bucket = await case.bucket()
    await bucket.put(claim_key("telegram:-1001"), b"never-came-to-be")
    await case.registry.add(NEW, by="me")
    await case.sources.refresh()
    assert case.sources.get("city") is not None


async def test_who_lost_the_page_meanwhile_is_told_so_and_leaves_nothing(case: Case) -> None:
    bucket = await case.bucket()
    put = bucket.put

    async def crossed(key: str, value: bytes) -> int:
        number = await put(key, value)
        if key == "city":
            await put(claim_key("telegram:-1001"), b"quicker")
        return number

    bucket.put = crossed  # type: ignore[method-assign]  # the race, in slow motion
    with pytest.raises(Conflict, match="same moment"):
        await case.registry.add(NEW, by="me")
    assert (await bucket.entries()).keys() == {claim_key("telegram:-1001")}


async def test_a_bucket_made_anew_is_read_anew(case: Case) -> None:
    await case.registry.add(NEW, by="me")
    await case.registry.change("city", Change(acting=True), by="me")
    await case.sources.refresh()
    case.buckets._buckets.clear()
    case.sources._bucket = None
    await case.sources.refresh()
    assert case.sources.all() == []


async def test_now_and_then_everything_is_read_anew(case: Case) -> None:
    await case.registry.add(NEW, by="me")
    await case.sources.refresh()
    bucket = await case.bucket()
    # Changed behind the sequence's back, as a copy that was put in place does.
    bucket._changes = [(key, value) for key, value in bucket._changes if key != "city"] + [("x", b"{")]
    await case.sources.refresh()
    assert case.sources.get("city") is not None
    case.seconds += RELOAD_SECONDS
    await case.sources.refresh()
    assert case.sources.get("city") is None


async def test_while_the_broker_is_away_everything_stays_and_following_goes_on(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.ingest.sources.follower.POLL_SECONDS", 0.005)
    await case.registry.add(NEW, by="me")
    stop = asyncio.Event()
    running = asyncio.create_task(case.sources.run(stop))
    await asyncio.wait_for(case.sources.loaded.wait(), 5)
    case.buckets.away = True
    case.sources._bucket = None
    await asyncio.sleep(0.03)
    assert case.sources.get("city") is not None

    case.buckets.away = False
    before = case.sources.generation
    await case.registry.change("city", Change(active=False), by="me")
    await asyncio.wait_for(case.sources.changed(before), 5)
    paused = case.sources.get("city")
    assert paused is not None
    assert not paused.active
    stop.set()
    await running


async def test_a_group_that_moved_while_the_broker_is_slow_is_told_again(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    await case.registry.add(NEW, by="me")
    await case.sources.refresh()
    source = case.sources.get("city")
    assert source is not None
    bucket, silence = await case.bucket(), asyncio.Event()
    monkeypatch.setattr(bucket, "last_sequence", silence.wait)
    monkeypatch.setattr(follower, "ANSWER_SECONDS", 0.01)
    with pytest.raises(Unavailable):
        await case.sources.moved(source, "-1007")


async def test_a_group_that_moved_is_kept(case: Case) -> None:
    await case.registry.add(NEW, by="me")
    await case.sources.refresh()
    source = case.sources.get("city")
    assert source is not None
    await case.sources.moved(source, "-1007")
    moved = case.sources.get("city")
    assert moved is not None
    assert moved.group == "-1007"
    await case.registry.remove("city")
    await case.sources.moved(source, "-1008")


async def test_a_group_that_cannot_be_kept_stops_nobody_for_ever(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrivals take Transient and Unavailable for a reason to try again, and nothing else."""
    await case.registry.add(NEW, by="me")
    await case.sources.refresh()
    source = case.sources.get("city")
    assert source is not None
    await case.sources.moved(source, "5")
    assert case.sources.get("city") == source

    async def crossed(*_: object, **__: object) -> int:
        raise Conflict("changed meanwhile")

    monkeypatch.setattr(InMemoryBucket, "replace", crossed)
    with pytest.raises(Unavailable):
        await case.sources.moved(source, "-1007")


async def test_sealing_anew_leaves_what_cannot_be_opened_and_names_it(case: Case) -> None:
    await case.registry.add(NEW, by="me")
    foreign = record("foreign", Vault(new_key()), Secrets(), page="vk:-1")
    await (await case.bucket()).put("foreign", msgspec.json.encode(foreign))
    key = new_key()
    both = Vault(key)
    both._all = VAULT._all
    count, wrong = await SourceRegistry(case.buckets, both, clock=lambda: NOW).reseal()
    assert count == 1
    assert set(wrong) == {"foreign"}
    kept = await case.registry.get("city")
    assert Vault(key).open("city", kept.record.sealed).bot_token == "1:secret"
    with pytest.raises(SealBroken):
        VAULT.open("city", kept.record.sealed)
    assert (await SourceRegistry(case.buckets, Vault(key), clock=lambda: NOW).reseal())[0] == 0


async def test_what_is_not_there_is_not_found(case: Case) -> None:
    for id in ("city", "page.x", "a b", ".", ">"):
        for call in (case.registry.get(id), case.registry.remove(id), case.registry.change(id, Change(), by="me")):
            with pytest.raises(NotFound):
                await call
