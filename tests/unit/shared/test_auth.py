"""Keys: their shape, their scopes, and a ring that would rather refuse than trust what it cannot check."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.auth import BUCKET, KeyRing, Principal, Role, Scope, hash_of, new_key, scope_problem
from shared.auth.duration import parse_duration
from shared.auth.record import KeyRecord
from shared.auth.registry import KeyRegistry
from shared.auth.secret import is_key
from shared.errors import Invalid, NotFound, Unauthorized, Unavailable
from tests.fixtures.bucket import InMemoryBucket, InMemoryBuckets

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


class Time:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = NOW
        self.seconds = 1000.0

    def move(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.seconds += seconds


async def never(_seconds: float) -> None:
    """A sleep that a test does not wait out: the ring then follows only when asked."""
    await asyncio.Event().wait()


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def buckets() -> InMemoryBuckets:
    return InMemoryBuckets()


@pytest.fixture
async def bucket(buckets: InMemoryBuckets) -> InMemoryBucket:
    return await buckets.bucket(BUCKET)


@pytest.fixture
def registry(bucket: InMemoryBucket, time: Time) -> KeyRegistry:
    ids = iter(range(1, 1000))
    return KeyRegistry(
        bucket,
        clock=lambda: time.now,
        new_id=lambda: UUID(int=next(ids)),
        random_bytes=lambda size: bytes([len(bucket._changes)]) * size,
    )


@pytest.fixture
async def ring(buckets: InMemoryBuckets, time: Time) -> AsyncIterator[KeyRing]:
    ring = KeyRing(clock=lambda: time.now, monotonic=lambda: time.seconds, sleep=never)
    await ring.start(buckets)
    await ring.refresh()
    yield ring
    await ring.stop()


async def make(registry: KeyRegistry, role: Role = "auditor", **scope: object) -> tuple[str, KeyRecord]:
    return await registry.create(name="Тест", role=role, scope=msgspec.convert(scope, Scope))


# The ring --------------------------------------------------------------------------------------------------------


async def test_a_fresh_key_works_at_once(ring: KeyRing, registry: KeyRegistry, time: Time) -> None:
    time.move(1)
    key, record = await make(registry, "agent", institution="school-12")
    principal = await ring.authenticate(key)
    assert principal == Principal(
        key_id=record.id, name="Тест", role="agent", scope=Scope(institution="school-12", territory=None, sources=())
    )


async def test_an_unknown_key_is_refused(ring: KeyRing, time: Time) -> None:
    time.move(1)
    with pytest.raises(Unauthorized, match="unknown or revoked"):
        await ring.authenticate(new_key())


@pytest.mark.parametrize(
    "bearer", ["", "otk_", "otk_" + "a" * 42, "otk_" + "a" * 44, "xyz_" + "a" * 43, "otk_" + "я" * 43]
)
async def test_what_is_no_key_is_refused_without_asking(ring: KeyRing, bearer: str) -> None:
    with pytest.raises(Unauthorized, match="not a key"):
        await ring.authenticate(bearer)


async def test_a_refusal_says_how_to_authenticate(ring: KeyRing) -> None:
    with pytest.raises(Unauthorized) as caught:
        await ring.authenticate("nonsense")
    assert caught.value.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_revoked_key_is_refused_after_the_next_look(ring: KeyRing, registry: KeyRegistry, time: Time) -> None:
    time.move(1)
    key, record = await make(registry)
    await ring.authenticate(key)
    await registry.revoke(record.id)
    await ring.refresh()
    time.move(1)
    with pytest.raises(Unauthorized, match="unknown or revoked"):
        await ring.authenticate(key)


async def test_an_expired_key_is_refused_from_its_moment_on(ring: KeyRing, registry: KeyRegistry, time: Time) -> None:
    key, _ = await registry.create(name="x", role="auditor", scope=Scope(), lifetime=timedelta(seconds=3))
    time.move(2.5)
    await ring.refresh()
    await ring.authenticate(key)
    time.move(0.5)
    with pytest.raises(Unauthorized, match="expired"):
        await ring.authenticate(key)


async def test_a_silent_broker_makes_every_key_unavailable_after_five_seconds(
    ring: KeyRing, registry: KeyRegistry, buckets: InMemoryBuckets, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    time.move(1)
    key, _ = await make(registry)
    await ring.authenticate(key)
    bucket = await buckets.bucket(BUCKET)

    async def silent() -> int:
        raise ConnectionError

    monkeypatch.setattr(bucket, "last_sequence", silent)
    time.move(5)
    still = ring.fresh
    assert still
    await ring.authenticate(key)
    time.move(0.1)
    assert not ring.fresh
    with pytest.raises(Unavailable):
        await ring.authenticate(key)
    monkeypatch.undo()
    time.move(1)
    await ring.authenticate(key)


async def test_before_the_first_answer_nobody_gets_in(buckets: InMemoryBuckets, time: Time) -> None:
    buckets.away = True
    ring = KeyRing(clock=lambda: time.now, monotonic=lambda: time.seconds, sleep=never)
    await ring.start(buckets)
    try:
        assert not ring.fresh
        with pytest.raises(Unavailable):
            await ring.authenticate(new_key())
    finally:
        await ring.stop()


async def test_guessing_keys_does_not_ask_the_broker_for_each(
    ring: KeyRing, buckets: InMemoryBuckets, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0
    bucket = await buckets.bucket(BUCKET)
    real = bucket.last_sequence

    async def counting() -> int:
        nonlocal asked
        asked += 1
        return await real()

    monkeypatch.setattr(bucket, "last_sequence", counting)
    time.move(1)
    for _ in range(50):
        with pytest.raises(Unauthorized):
            await ring.authenticate(new_key())
    assert asked == 1


async def test_a_record_nobody_can_read_opens_nothing(ring: KeyRing, bucket: InMemoryBucket, time: Time) -> None:
    key = new_key()
    await bucket.put(hash_of(key), b'{"role":"admin"}')
    time.move(1)
    with pytest.raises(Unauthorized):
        await ring.authenticate(key)


async def test_a_bucket_made_anew_is_read_anew(
    ring: KeyRing, registry: KeyRegistry, bucket: InMemoryBucket, time: Time
) -> None:
    time.move(1)
    key, _ = await make(registry)
    await ring.authenticate(key)
    bucket._changes.clear()
    await ring.refresh()
    time.move(1)
    with pytest.raises(Unauthorized):
        await ring.authenticate(key)


# Records and scopes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        ("admin", Scope()),
        ("auditor", Scope()),
        ("service", Scope()),
        ("moderator", Scope()),
        ("moderator", Scope(territory="46000000")),
        ("coordinator", Scope(territory="root")),
        ("agent", Scope(institution="school-12")),
        ("ingest", Scope(sources=("*",))),
        ("ingest", Scope(sources=("http:demo", "vk:-123"))),
    ],
)
def test_scopes_that_fit(role: Role, scope: Scope) -> None:
    assert scope_problem(role, scope) is None


@pytest.mark.parametrize(
    ("role", "scope", "word"),
    [
        ("agent", Scope(), "institution"),
        ("agent", Scope(institution="Школа"), "a-z"),
        ("agent", Scope(institution="x", territory="y"), "territory"),
        ("admin", Scope(institution="x"), "institution"),
        ("coordinator", Scope(), "territory"),
        ("coordinator", Scope(territory="a b"), "letters"),
        ("auditor", Scope(territory="x"), "territory"),
        ("ingest", Scope(), "sources"),
        ("ingest", Scope(sources=("demo",)), "page id"),
        ("ingest", Scope(sources=("http:дом",)), "page id"),
        ("service", Scope(sources=("*",)), "sources"),
    ],
)
def test_scopes_that_do_not_fit(role: Role, scope: Scope, word: str) -> None:
    assert word in (scope_problem(role, scope) or "")


def test_an_ingest_key_brings_its_own_pages_only() -> None:
    principal = Principal(key_id="1", name="x", role="ingest", scope=Scope(sources=("http:demo",)))
    assert principal.may_ingest("http:demo")
    assert not principal.may_ingest("http:demo2")
    everything = Principal(key_id="1", name="x", role="ingest", scope=Scope(sources=("*",)))
    assert everything.may_ingest("vk:-1")
    assert Principal(key_id="1", name="x", role="admin", scope=Scope()).may_ingest("vk:-1")
    assert not Principal(key_id="1", name="x", role="moderator", scope=Scope()).may_ingest("vk:-1")


# The registry ----------------------------------------------------------------------------------------------------


async def test_the_key_itself_is_stored_nowhere(registry: KeyRegistry, bucket: InMemoryBucket) -> None:
    key, _ = await make(registry)
    for name, raw in (await bucket.entries()).items():
        assert key not in name
        assert key.encode() not in raw
        assert key.removeprefix("otk_").encode() not in raw


async def test_keys_are_listed_and_revoked(registry: KeyRegistry) -> None:
    _, first = await make(registry)
    _, second = await make(registry)
    assert await registry.records() == [first, second]
    await registry.revoke(first.id)
    assert await registry.records() == [second]
    with pytest.raises(NotFound):
        await registry.revoke(first.id)


async def test_a_scope_that_does_not_fit_makes_no_key(registry: KeyRegistry, bucket: InMemoryBucket) -> None:
    with pytest.raises(Invalid):
        await make(registry, "agent")
    assert await bucket.keys() == []


@given(st.binary(min_size=32, max_size=32))
def test_every_key_looks_like_a_key(random: bytes) -> None:
    key = new_key(lambda _size: random)
    assert is_key(key)
    assert len(key) == 47
    assert len(hash_of(key)) == 64


@pytest.mark.parametrize(("text", "expected"), [("36h", 36 * 3600), ("90d", 90 * 86400), ("4w", 4 * 604800)])
def test_durations(text: str, expected: int) -> None:
    assert parse_duration(text).total_seconds() == expected


@pytest.mark.parametrize("text", ["", "0d", "-1d", "90", "1y", "d", "1.5d", "999999d"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="90d"):
        parse_duration(text)
