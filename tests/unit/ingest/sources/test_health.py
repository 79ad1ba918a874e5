"""How sources do: what each replica saw adds up to one word and its reason."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec
import pytest

from services.ingest.connectors.connector import Rights
from services.ingest.connectors.failure import (
    BadCredential,
    Gone,
    NotAllowed,
    NotSent,
    PageMoved,
    PlatformError,
    Refused,
    Unclear,
)
from services.ingest.sources.follower import Sources
from services.ingest.sources.health import AGAIN_SECONDS, BUCKET, CACHE_SECONDS, Health
from services.ingest.sources.pulse import Pulse, Trouble, merged, state_of, trouble
from services.ingest.sources.record import claim_key
from services.ingest.sources.source import Secrets, Source
from services.ingest.sources.vault import Vault, new_key
from shared.errors import Unavailable
from shared.obs import metrics
from tests.fixtures.bucket import InMemoryBuckets
from tests.unit.ingest.sources.samples import NOW, record

VAULT = Vault(new_key())
SECRETS = Secrets(community_token="vk1.a.secret")
RECORD = record("city", VAULT, SECRETS)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def broken(kind: str = "unclear", seconds: float = 0, detail: str = "words") -> Trouble:
    return Trouble(kind=kind, detail=detail, at=at(seconds))  # type: ignore[arg-type]  # a test's own word


@pytest.mark.parametrize(
    ("pulse", "state"),
    [
        (Pulse(), "waiting"),
        (Pulse(succeeded_at=at(1)), "working"),
        (Pulse(succeeded_at=at(1), forged_at=at(2)), "working"),
        (Pulse(error=broken()), "failing"),
        (Pulse(succeeded_at=at(1), error=broken(seconds=2)), "failing"),
        (Pulse(succeeded_at=at(2), error=broken(seconds=1)), "working"),
        (Pulse(succeeded_at=at(1), error=broken("bad_credential", 2)), "no_credentials"),
    ],
)
def test_the_state_follows_from_what_was_seen_last(pulse: Pulse, state: str) -> None:
    assert state_of(RECORD, None, pulse)[0] == state
    paused = msgspec.structs.replace(RECORD, active=False)
    assert state_of(paused, None, pulse)[0] == "paused"
    assert state_of(RECORD, "no key opens it", pulse) == ("no_credentials", "no key opens it")


def test_a_source_that_waits_says_that_calls_with_a_wrong_secret_came() -> None:
    assert "secret" not in state_of(RECORD, None, Pulse())[1]
    assert "calls with a wrong secret or none came" in state_of(RECORD, None, Pulse(forged_at=at(1)))[1]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadCredential("x"), "bad_credential"),
        (NotAllowed("x"), "not_allowed"),
        (NotSent("x"), "not_reached"),
        (Unclear("x"), "unclear"),
        (Gone("x"), "gone"),
        (Refused("x"), "refused"),
        (PageMoved("x", group="-1"), "page_moved"),
    ],
)
def test_every_class_of_error_has_its_word(error: PlatformError, kind: str) -> None:
    assert trouble(error, NOW).kind == kind


def test_no_secret_is_told_whatever_the_error_says() -> None:
    told = trouble(Refused("5: token vk1.a.secret\nis " + "x" * 1_000), NOW, SECRETS)
    assert told.detail.startswith("5: token [withheld] is xxx")
    assert len(told.detail) == 300
    told = trouble(ValueError("vk1.a.secret and a comment's words"), NOW, SECRETS)
    assert (told.kind, told.detail) == ("unexpected", "ValueError")


def test_of_several_replicas_the_latest_word_counts_field_by_field() -> None:
    rights = Rights(reads=True)
    one = Pulse(last_event_at=at(5), lag_seconds=2.0, error=broken(seconds=1), rights=rights, tested_at=at(1))
    one = msgspec.structs.replace(one, forged_at=at(6))
    other = Pulse(last_event_at=at(3), lag_seconds=9.0, succeeded_at=at(7), error=broken("gone", 4), forged_at=at(2))
    found = merged([one, other])
    assert found == merged([other, one])
    assert found == Pulse(
        last_event_at=at(5),
        lag_seconds=2.0,
        succeeded_at=at(7),
        error=broken("gone", 4),
        rights=rights,
        tested_at=at(1),
        forged_at=at(6),
    )


class Replica:
    """One replica's health over a bucket that all share."""

    def __init__(self, buckets: InMemoryBuckets) -> None:
        self.now = at(10)
        self.seconds = 0.0
        self.sources = Sources(buckets, VAULT)
        self.health = Health(buckets, clock=lambda: self.now, monotonic=lambda: self.seconds)

    @property
    def source(self) -> Source:
        found = self.sources.get("city")
        assert found is not None
        return found

    async def look(self) -> None:
        self.seconds += CACHE_SECONDS
        await self.sources.refresh()
        await self.health.read()


@pytest.fixture
async def buckets() -> InMemoryBuckets:
    buckets = InMemoryBuckets()
    bucket = await buckets.bucket("sources")
    await bucket.put(claim_key(RECORD.page), b"city")
    await bucket.put("city", msgspec.json.encode(RECORD))
    return buckets


async def test_any_replica_tells_what_another_saw(buckets: InMemoryBuckets) -> None:
    one, other = Replica(buckets), Replica(buckets)
    await one.look()
    one.health.heard(one.source, 3, lag=1.5)
    one.health.tested("city", Rights(name="Город", reads=True))
    await one.health.tell(one.sources)
    await other.look()
    standing = other.health.standing("city", other.sources)
    assert standing.state == "working"
    assert standing.pulse.lag_seconds == 1.5
    assert standing.pulse.rights == Rights(name="Город", reads=True)

    other.now = at(20)
    other.health.failed(other.source, NotSent("not reached"))
    await other.health.tell(other.sources)
    await one.look()
    assert one.health.standing("city", one.sources).state == "failing"
    one.now = at(30)
    one.health.heard(one.source, 0)
    assert one.health.standing("city", one.sources).state == "working"
    assert one.health.standing("city", one.sources).pulse.last_event_at == at(10)


async def test_only_what_changed_is_told_and_nothing_is_lost_while_the_broker_is_away(
    buckets: InMemoryBuckets,
) -> None:
    one = Replica(buckets)
    await one.look()
    bucket = await buckets.bucket(BUCKET)
    await one.health.tell(one.sources)
    assert await bucket.last_sequence() == 0
    one.health.heard(one.source, 1)

    async def away(key: str, value: bytes, *, revision: int) -> int:
        raise Unavailable("away")

    replace, bucket.replace = bucket.replace, away  # type: ignore[method-assign]  # the outage
    with pytest.raises(Unavailable):
        await one.health.tell(one.sources)
    bucket.replace = replace  # type: ignore[method-assign]  # and its end
    await one.health.tell(one.sources)
    await one.health.tell(one.sources)
    assert await bucket.last_sequence() == 1


async def test_what_was_told_of_an_earlier_source_of_the_same_id_is_not_this_ones(buckets: InMemoryBuckets) -> None:
    one = Replica(buckets)
    await one.look()
    one.now = at(-100)
    one.health.failed(one.source, BadCredential("revoked"))
    one.health.tested("city", Rights(reads=True))
    one.health.forged(one.source)
    assert one.health.standing("city", one.sources) == one.health.standing("unknown", one.sources)


async def test_strangers_who_guess_a_secret_are_told_of_once_a_minute(buckets: InMemoryBuckets) -> None:
    one, other = Replica(buckets), Replica(buckets)
    await one.look()
    bucket = await buckets.bucket(BUCKET)
    for second in range(125):
        one.now = at(second)
        one.health.forged(one.source)
        await one.health.tell(one.sources)
    assert await bucket.last_sequence() == 3
    other.now = one.now
    await other.look()
    assert other.health.standing("city", other.sources).pulse.forged_at == at(120)


async def test_what_nobody_can_read_is_passed_over(buckets: InMemoryBuckets) -> None:
    await (await buckets.bucket(BUCKET)).put("gone.01", b"\xff")
    one = Replica(buckets)
    await one.look()
    assert one.health.standing("city", one.sources).state == "waiting"


async def test_a_new_replica_goes_on_from_what_the_others_knew(buckets: InMemoryBuckets) -> None:
    old = Replica(buckets)
    await old.look()
    old.health.heard(old.source, 1)
    await old.health.tell(old.sources)
    new = Replica(buckets)
    await new.look()
    await new.health.tell(new.sources)
    bucket = await buckets.bucket(BUCKET)
    told = await bucket.last_sequence()
    # The others may have ended for ever: who saw it told last tells it again before its time is over.
    new.seconds += AGAIN_SECONDS
    await new.health.tell(new.sources)
    assert await bucket.last_sequence() == told + 1
    third = Replica(buckets)
    await third.look()
    assert third.health.standing("city", third.sources).pulse.last_event_at == at(10)


async def test_the_bucket_does_not_grow_however_often_replicas_start(buckets: InMemoryBuckets) -> None:
    for number in range(5):
        started = Replica(buckets)
        started.now = at(number)
        await started.look()
        started.health.heard(started.source, 1)
        await started.health.tell(started.sources)
    assert len(await (await buckets.bucket(BUCKET)).keys()) == 1
    last = Replica(buckets)
    await last.look()
    assert last.health.standing("city", last.sources).pulse.last_event_at == at(4)


async def test_what_a_clock_that_was_ahead_saw_outweighs_nothing_once_it_is_right(buckets: InMemoryBuckets) -> None:
    one, other = Replica(buckets), Replica(buckets)
    await one.look()
    one.now = at(365 * 86_400)
    one.health.failed(one.source, NotSent("not reached"))
    await one.health.tell(one.sources)
    one.now = at(20)
    one.health.heard(one.source, 1)
    assert one.health.standing("city", one.sources).state == "working"
    await one.health.tell(one.sources)
    await other.look()
    assert other.health.standing("city", other.sources).state == "working"
    other.now = at(40)
    other.health.failed(other.source, NotSent("not reached"))
    await other.health.tell(other.sources)
    one.now = at(50)
    await one.look()
    assert one.health.standing("city", one.sources).pulse.error == broken("not_reached", 40, "not reached")


async def test_what_another_replica_told_meanwhile_is_kept(buckets: InMemoryBuckets) -> None:
    one, other = Replica(buckets), Replica(buckets)
    await one.look()
    await other.look()
    one.health.heard(one.source, 1)
    bucket = await buckets.bucket(BUCKET)
    entry = bucket.entry

    async def overtaken(key: str) -> tuple[bytes | None, int]:
        found = await entry(key)
        bucket.entry = entry  # type: ignore[method-assign]  # once
        other.now = at(30)
        other.health.failed(other.source, NotSent("not reached"))
        await other.health.tell(other.sources)
        return found

    bucket.entry = overtaken  # type: ignore[method-assign]  # a race
    await one.health.tell(one.sources)
    await one.health.tell(one.sources)
    third = Replica(buckets)
    await third.look()
    pulse = third.health.standing("city", third.sources).pulse
    assert pulse.last_event_at == at(10)
    assert pulse.error is not None and pulse.error.kind == "not_reached"


async def test_a_source_that_was_removed_is_told_of_no_more(buckets: InMemoryBuckets) -> None:
    one = Replica(buckets)
    await one.look()
    one.health.heard(one.source, 1)
    await one.health.tell(one.sources)
    await (await buckets.bucket("sources")).delete("city")
    await one.look()
    one.health._measure(one.sources)
    await one.health.tell(one.sources)
    assert list((await (await buckets.bucket(BUCKET)).entries()).values()) == [b"{}"]


async def test_metrics_count_states_by_platform(buckets: InMemoryBuckets) -> None:
    one = Replica(buckets)
    await one.look()
    one.health.heard(one.source, 1, lag=7.0)
    one.health._measure(one.sources)
    exposed = metrics.exposition().decode()
    assert 'otklik_sources{platform="vk",state="working"} 1.0' in exposed
    assert 'otklik_sources{platform="ok",state="working"} 0.0' in exposed
    assert 'otklik_source_lag_seconds{platform="vk"} 7.0' in exposed
