"""Keys over a real broker: the ring follows, revocation holds, and the commands do what they say."""

from __future__ import annotations

import asyncio
import os
import secrets
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.auth import BUCKET, KeyRing, Scope
from shared.auth.registry import KeyRegistry
from shared.auth.secret import is_key
from shared.bus import Bucket, Bus
from shared.clock import new_id, utc_now
from shared.errors import Unauthorized, Unavailable
from tests.fixtures.broker import Broker


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with await Bus.connect(nats_url, name="test") as bus:
        await asyncio.wait_for(bus.ensure(), 30)
        yield bus


@pytest.fixture
async def bucket(bus: Bus) -> Bucket:
    return await bus.bucket(BUCKET)


@pytest.fixture
def registry(bucket: Bucket) -> KeyRegistry:
    return KeyRegistry(bucket, clock=utc_now, new_id=new_id, random_bytes=secrets.token_bytes)


@pytest.fixture
async def ring(bus: Bus) -> AsyncIterator[KeyRing]:
    ring = KeyRing()
    await ring.start(bus)
    yield ring
    await ring.stop()


async def until_refused(ring: KeyRing, key: str, error: type[Exception]) -> None:
    """Returns once the ring refuses the key with `error`; fails after twenty seconds."""
    async with asyncio.timeout(20):
        while True:
            try:
                await ring.authenticate(key)
            except error:
                return
            except (Unauthorized, Unavailable):
                pass
            await asyncio.sleep(0.05)


async def until_accepted(ring: KeyRing, key: str) -> None:
    """Returns once the ring accepts the key; fails after thirty seconds."""
    async with asyncio.timeout(30):
        while True:
            try:
                await ring.authenticate(key)
            except (Unauthorized, Unavailable):
                await asyncio.sleep(0.05)
            else:
                return


async def test_a_fresh_key_works_at_once_and_a_revoked_one_stops(ring: KeyRing, registry: KeyRegistry) -> None:
    other, _ = await registry.create(name="x", role="auditor", scope=Scope())
    await until_accepted(ring, other)
    key, record = await registry.create(name="x", role="agent", scope=Scope(institution="school-12"))
    await asyncio.sleep(0.3)  # another look is due after a quarter of a second
    assert (await ring.authenticate(key)).scope.institution == "school-12"
    await registry.revoke(record.id)
    await until_refused(ring, key, Unauthorized)
    await ring.authenticate(other)


async def test_a_ring_that_starts_later_knows_what_was_made_and_revoked_before(bus: Bus, registry: KeyRegistry) -> None:
    kept, _ = await registry.create(name="x", role="auditor", scope=Scope())
    gone, record = await registry.create(name="x", role="auditor", scope=Scope())
    await registry.revoke(record.id)
    ring = KeyRing()
    await ring.start(bus)
    try:
        await until_accepted(ring, kept)
        with pytest.raises(Unauthorized):
            await ring.authenticate(gone)
    finally:
        await ring.stop()


async def test_without_the_broker_nobody_gets_in_and_with_it_everybody_again(
    ring: KeyRing, registry: KeyRegistry, broker: Broker
) -> None:
    key, _ = await registry.create(name="x", role="auditor", scope=Scope())
    await until_accepted(ring, key)
    await asyncio.to_thread(broker.kill)
    await until_refused(ring, key, Unavailable)
    assert not ring.fresh
    await asyncio.to_thread(broker.start)
    await until_accepted(ring, key)


# Commands --------------------------------------------------------------------------------------------------------


async def run(broker: Broker, *args: str) -> tuple[int, str, str]:
    """`python -m shared.auth …`: exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shared.auth", *args,
        env={**os.environ, "OTKLIK_NATS_URL": broker.url},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_key_s_life_by_commands(broker: Broker) -> None:
    code, out, err = await run(
        broker, "create", "--role", "agent", "--institution", "school-12", "--name", "Школа 12", "-q"
    )
    assert (code, err) == (0, "")
    key = out.removesuffix("\n")
    assert is_key(key)

    code, out, _ = await run(broker, "list")
    (line,) = out.splitlines()
    key_id, role, scope, _, expiry, name = line.split("\t")
    assert (code, role, scope, expiry, name) == (0, "agent", "school-12", "no expiry", "Школа 12")
    assert key not in out

    assert (await run(broker, "revoke", key_id))[0] == 0
    assert (await run(broker, "list"))[1] == ""
    code, _, err = await run(broker, "revoke", key_id)
    assert code == 1
    assert "no key has the id" in err


async def test_a_key_goes_into_a_file_that_only_its_owner_reads(broker: Broker, tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "ingest.key"
    args = (
        "create",
        "--role",
        "ingest",
        "--sources",
        "http:demo,vk:-1",
        "--name",
        "demo",
        "--file",
        str(path),
        "--keep",
    )
    code, out, _ = await run(broker, *args)
    assert (code, out) == (0, "")
    key = path.read_text(encoding="ascii").strip()
    assert is_key(key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [item.name for item in path.parent.iterdir()] == ["ingest.key"]

    assert (await run(broker, *args))[0] == 0
    assert path.read_text(encoding="ascii").strip() == key, "a key that works is kept"

    key_id = (await run(broker, "list"))[1].split("\t")[0]
    await run(broker, "revoke", key_id)
    assert (await run(broker, *args))[0] == 0
    assert path.read_text(encoding="ascii").strip() != key, "a key that was revoked is replaced"


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("--role", "agent"), "institution"),
        (("--role", "coordinator"), "territory"),
        (("--role", "ingest"), "sources"),
        (("--role", "auditor", "--institution", "x"), "takes no institution"),
        (("--role", "king"), "king"),
        (("--role", "auditor", "--expires", "soon"), "90d"),
        (("--role", "auditor", "--keep"), "--file"),
    ],
)
async def test_what_makes_no_sense_is_refused_before_the_broker_is_asked(args: tuple[str, ...], what: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shared.auth", "create", "--name", "x", "--nats-url", "nats://127.0.0.1:1", *args,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 2
    assert what in err.decode()


async def test_without_a_broker_a_command_says_so_and_ends() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shared.auth", "list", "--nats-url", "nats://127.0.0.1:1",
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 1
    assert "no broker answers; `make run` starts one here" in err.decode()
    assert "Traceback" not in err.decode()
