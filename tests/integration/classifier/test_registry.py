"""Versions in the store, and the pointer to one of them."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from services.classifier.life import registry as module
from services.classifier.life.registry import Registry
from services.classifier.life.standing import Pointers, Standing
from services.classifier.manifest import ModelError
from services.classifier.model import DEFAULT_MODEL, Model
from shared.bus import Bus
from shared.errors import Conflict, Invalid
from tests.fixtures.variants import damage, variant, with_reference


async def test_a_version_comes_back_as_it_was_and_says_what_its_card_says(registry: Registry, tmp_path: Path) -> None:
    version = variant(tmp_path / "a")
    with_reference(tmp_path / "a")
    assert await registry.publish(tmp_path / "a", by="key-1") == (version, True)
    assert await registry.publish(tmp_path / "a", by="key-2") == (version, False)

    loaded = await registry.load(version)
    texts = ["Когда включат отопление?", "Заработок без вложений", ""]
    assert loaded.model.judge(texts) == Model.load(tmp_path / "a").judge(texts)
    assert loaded.reference is not None
    (item,) = await registry.versions()
    assert (item.version, item.published_by) == (version, "key-1")
    assert 0 < item.figures["cross_validated"]["macro_f1"] < 1
    assert item.rows


async def test_what_cannot_be_used_is_not_published(registry: Registry, tmp_path: Path) -> None:
    shutil.copytree(DEFAULT_MODEL, tmp_path / "a")
    weights = next((tmp_path / "a").glob("tag*.npy"))
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match="damaged"):
        await registry.publish(tmp_path / "a", by="test")
    with pytest.raises(ModelError):
        await registry.publish(tmp_path / "nowhere", by="test")
    assert await registry.versions() == []


async def test_a_damaged_version_is_refused_and_can_be_published_anew(
    registry: Registry, bus: Bus, published: tuple[str, str], tmp_path: Path
) -> None:
    first, second = published
    await damage(bus, first)
    with pytest.raises(ModelError, match=first):
        await registry.load(first)
    assert await registry.publish(tmp_path / "a", by="test") == (first, True)
    assert (await registry.load(first)).model.version == first

    objects = await bus.objects("models")
    await objects.put(first, await objects.get(second, max_bytes=100_000_000), max_bytes=100_000_000)
    with pytest.raises(ModelError, match=f"what is stored under this name is {second}"):
        await registry.load(first)
    with pytest.raises(ModelError, match="nothing is stored"):
        await registry.load("fast-000000000000")
    await objects.put(first, b"no archive", max_bytes=100)
    with pytest.raises(ModelError, match="archive is damaged"):
        await registry.load(first)


async def test_a_model_of_another_release_is_refused_like_a_damaged_one(
    registry: Registry, published: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(folder: Path) -> Model:
        raise KeyError("a head that only the next release knows")

    monkeypatch.setattr(module, "load_folder", other)
    with pytest.raises(ModelError, match=r"not a model of this release \(KeyError\)"):
        await registry.load(published[0])


async def test_a_full_disk_is_said_to_be_one(
    registry: Registry, published: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(content: bytes, folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "unpack", full)
    with pytest.raises(ModelError, match=r"cannot be unpacked here \(No space left on device\)"):
        await registry.load(published[0])


async def test_the_store_has_an_end(
    registry: Registry, published: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_VERSIONS", 2)
    variant(tmp_path / "c", unsure=0.45)
    with pytest.raises(Conflict, match="remove one"):
        await registry.publish(tmp_path / "c", by="test")
    assert await registry.publish(tmp_path / "a", by="test") == (published[0], False)
    await registry.remove(published[0])
    await registry.publish(tmp_path / "c", by="test")


async def test_of_many_who_promote_at_once_one_wins_and_the_others_learn_who(pointers: Pointers) -> None:
    wanted = [f"fast-{number}" for number in range(8)]
    outcomes = await asyncio.gather(
        *(pointers.promote(version, by="test", revision=0) for version in wanted), return_exceptions=True
    )
    (won,) = [outcome for outcome in outcomes if isinstance(outcome, Standing)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, Conflict)]
    assert len(lost) == 7
    now = await pointers.read()
    assert now.live == won.live
    assert now.live.before == (None,)
    assert all(error.extra["live"] == now.live.version for error in lost)
    assert all(error.extra["revision"] == now.revision for error in lost)


async def test_promoting_again_is_harmless_and_going_back_is_not_done_twice(pointers: Pointers) -> None:
    first = await pointers.promote("fast-a", by="test")
    assert await pointers.promote("fast-a", by="test", revision=0) == first
    second = await pointers.promote("fast-b", by="test", reason="better", revision=first.revision)
    back = await pointers.roll_back(by="test", revision=second.revision)
    assert back.live.version == "fast-a"
    with pytest.raises(Conflict) as caught:
        await pointers.roll_back(by="test", revision=second.revision)
    assert caught.value.extra == {"why": "changed", "live": "fast-a", "revision": back.revision}
    await pointers.roll_back(by="test")
    with pytest.raises(Conflict, match="nothing was live before"):
        await pointers.roll_back(by="test")


async def test_what_nobody_could_read_again_is_not_written(pointers: Pointers) -> None:
    before = await pointers.read()
    for reason in ("слово " * 1_000, "\udc80"):
        with pytest.raises(Invalid, match="cannot be stored"):
            await pointers.promote("fast-9", by="test", reason=reason)
    assert await pointers.read() == before


async def test_garbage_in_the_pointer_can_be_promoted_over(pointers: Pointers, bus: Bus) -> None:
    bucket = await bus.bucket("model_pointer")
    for key in ("live", "shadow"):
        await bucket.put(key, b"{")
    standing = await pointers.read()
    assert standing.problem == "the key live of the bucket model_pointer cannot be read"
    assert (await pointers.promote(None, by="test")).problem is None
    assert (await pointers.set_shadow("fast-a", by="test")).shadow_version == "fast-a"


async def test_what_is_live_casts_no_shadow(pointers: Pointers) -> None:
    await pointers.set_shadow("fast-a", by="test")
    standing = await pointers.promote("fast-a", by="test")
    assert standing.shadow_version is None
    with pytest.raises(Conflict, match="fast-a is live, and cannot be its own shadow"):
        await pointers.set_shadow("fast-a", by="test")
    assert (await pointers.promote("fast-b", by="test")).shadow_version == "fast-a"
    assert (await pointers.set_shadow(None, by="test")).shadow_version is None
