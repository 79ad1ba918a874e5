"""`python -m services.classifier models …` and `train --labels`, as an operator types them, over a real broker."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result

from services.classifier.__main__ import main
from services.classifier.life import versions_command
from services.classifier.life.registry import Registry, load_folder
from services.classifier.life.standing import Pointers
from services.classifier.model import DEFAULT_MODEL
from services.classifier.training import command, gate
from services.classifier.training.run import train
from shared.bus import Bus, Outgoing
from shared.clock import new_id, utc_now
from shared.errors import Fatal
from shared.events import Label
from tests.fixtures.variants import damage, variant
from tests.unit.classifier.conftest import BITS, some_rows

T = TypeVar("T")


@pytest.fixture
def run(nats_url: str) -> Callable[..., Result]:
    """Runs a command of the classifier."""

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(main, [str(one) for one in arguments], env={"OTKLIK_NATS_URL": nats_url})

    return run


@pytest.fixture
def on_broker(nats_url: str) -> Callable[[Callable[[Bus], Awaitable[T]]], T]:
    """Does something over a connection of its own."""

    def do(work: Callable[[Bus], Awaitable[T]]) -> T:
        async def session() -> T:
            async with await Bus.connect(nats_url, name="test") as bus:
                await bus.ensure()
                return await work(bus)

        return asyncio.run(session())

    return do


def said(result: Result, *words: str, code: int = 0) -> str:
    assert result.exit_code == code, result.output
    for word in words:
        assert word in result.output, result.output
    return result.stdout.strip()


def test_the_life_of_a_version(run: Callable[..., Result], tmp_path: Path, on_broker: Callable[..., None]) -> None:
    first, second = variant(tmp_path / "a", unsure=0.3), variant(tmp_path / "b", unsure=0.4)
    packaged = f"packaged ({load_folder(DEFAULT_MODEL).model.version})"
    said(run("models", "list"), f"live: {packaged}; shadow: none")
    assert said(run("models", "publish", tmp_path / "a"), "ok    corpus/held-out") == first
    said(run("models", "publish", tmp_path / "a"), first, "it was published before")
    said(run("models", "publish", tmp_path / "b"))
    said(run("models", "shadow", first), f"live: {packaged} (revision 0); shadow: {first}")
    said(run("models", "promote", first, "--reason", "better"), f"live: {first} (revision ")
    said(run("models", "promote", first), f"shadow: none ({first} was it, and is again when another one is live)")
    said(run("models", "shadow", first), f"{first} is live, and cannot be its own shadow", code=1)
    listed = said(run("models", "list"), f"live: {first}; shadow: none").splitlines()
    assert [line.split("\t")[0] for line in listed] == [second, first]
    assert "\tlive\t" in listed[1]
    assert "\tmacro-F1: cross_validated 0." in listed[0]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC$", listed[0].split("\t")[1])

    said(run("models", "promote", second, "--revision", "0"), f"changed meanwhile: now it is {first}", code=1)
    said(run("models", "promote", second))
    said(run("models", "shadow", first))
    said(run("models", "remove", "packaged"), "no version packaged is published: that is the model which", code=1)
    said(run("models", "remove", second), f"{second} is live; `models rollback` ends that", code=1)
    said(run("models", "remove", first), f"{first} is the shadow; `models shadow --none` ends that", code=1)
    said(run("models", "shadow", "--none"), "shadow: none")
    said(run("models", "remove", first), "can be rolled back to (`models rollback` leads to it); it is kept", code=1)
    said(run("models", "rollback"), f"live: {first}")
    said(run("models", "rollback"), f"live: {packaged}")
    said(run("models", "rollback"), "nothing was live before", code=1)
    said(run("models", "disagreements"), "there is no shadow now", code=1)
    said(run("models", "disagreements", "--shadow", first), f"shadow {first}: 0 compared, 0 disagree")
    said(run("models", "disagreements", "--live", "packaged", "--shadow", first), "0 compared, 0 disagree")
    never = run("models", "disagreements", "--live", "fast-never", "--shadow", "fast-was")
    said(never, "no version fast-never and no version fast-was is published, and none was compared", code=1)
    same = run("models", "disagreements", "--live", first, "--shadow", first)
    said(same, "Error: live and shadow are the same version\n", code=1)
    on_broker(lambda bus: damage(bus, second))
    said(run("models", "promote", second), second, "damaged", code=1)
    said(run("models", "promote", "fast-unknown"), "no version fast-unknown is published", code=1)
    said(run("models", "remove", second))
    said(run("models", "remove", second), "is published", code=1)
    said(run("models", "promote", "packaged"), f"live: {packaged}")


@pytest.mark.parametrize("option", ["--live", "--shadow"])
@pytest.mark.parametrize("name", ["*", ">", "fast-1.counts", "", "fast 1", "fast-1\n"], ids=ascii)
def test_what_is_no_name_of_a_version_is_said_in_one_line(run: Callable[..., Result], option: str, name: str) -> None:
    result = run("models", "disagreements", "--shadow", "fast-1", option, name)
    said(result, f"Error: {option}: {name!r} is no version's name", code=1)
    assert result.output.count("\n") == 1


def test_a_worse_model_is_not_published_unless_one_insists(run: Callable[..., Result], tmp_path: Path) -> None:
    version = variant(tmp_path / "a", towards="spam")
    refused = run("models", "publish", tmp_path / "a")
    said(refused, "worse corpus/held-out", "false_spam", "not published", code=1)
    assert said(run("models", "list")) == ""
    assert said(run("models", "publish", tmp_path / "a", "--anyway")) == version
    said(run("models", "publish", tmp_path / "nowhere"), "is this the folder of a model?", code=1)


def test_a_comparison_may_take_longer_than_the_broker_is_waited_for(
    run: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = variant(tmp_path / "a", unsure=0.3)
    compare = gate.compare

    def slow(*arguments: Any) -> gate.Verdict:
        time.sleep(3.0)
        return compare(*arguments)

    monkeypatch.setattr(gate, "compare", slow)
    monkeypatch.setattr(versions_command, "TIMEOUT", 2.5)
    assert said(run("models", "publish", tmp_path / "a")) == version


def test_streams_that_cannot_be_declared_are_said_in_one_line(
    run: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def differs(_bus: Bus) -> None:
        raise Fatal("stream TAGGED differs")

    monkeypatch.setattr(Bus, "ensure", differs)
    assert run("models", "list").output == "Error: stream TAGGED differs\n"


def test_what_replicas_judge_with_is_compared_when_the_live_version_is_damaged(
    run: Callable[..., Result], tmp_path: Path, on_broker: Callable[..., None]
) -> None:
    versions = [variant(tmp_path / name, unsure=unsure) for name, unsure in (("a", 0.3), ("b", 0.4), ("c", 0.45))]
    for name, version in zip("ab", versions[:2], strict=True):
        said(run("models", "publish", tmp_path / name))
        said(run("models", "promote", version))
    on_broker(lambda bus: damage(bus, versions[1]))
    said(
        run("models", "publish", tmp_path / "c"), f"not compared with: model {versions[1]}", f"macro_f1: {versions[0]}"
    )


def test_without_a_broker(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["models", "list"], env={"OTKLIK_NATS_URL": "nats://127.0.0.1:1"})
    said(result, "no broker answers; `make run` starts one here", code=1)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Small, so that training takes seconds."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    records = [
        {"text": row.text, "tag": row.tag, "topic": row.topic, "toxic": row.toxic, "urgent": row.urgent}
        for row in some_rows()
    ]
    (folder / "some.jsonl").write_text("\n".join(json.dumps(record) for record in records), encoding="utf-8")
    return folder


async def correct(bus: Bus) -> None:
    """A moderator says of forty comments that they are spam."""
    labels = [
        Label(
            id=str(new_id()),
            kind="tag",
            comment=f"vk:wall:-1:{number}",
            version=1,
            text=f"Продам гараж номер {number}, звоните в любое время, торг у капота",
            value="spam",
            previous="other",
            model="fast-1",
            labelled_by="key-1",
            at=utc_now(),
        )
        for number in range(40)
    ]
    await bus.publish([Outgoing(event=label, msg_id=label.id) for label in labels])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few columns train quickly."""
    monkeypatch.setattr(command, "train", partial(train, bits=BITS))


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_what_moderators_corrected_is_learned_and_nothing_worse_goes_live(
    run: Callable[..., Result], on_broker: Callable[..., None], corpus: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    learn = ("train", "--fast", "--labels", "--corpus", corpus, "--out", out)
    said(run("train", "--labels"), "--labels needs --out", code=2)
    said(run("train", "--promote", "--out", out), "go with --labels", code=2)
    said(run(*learn), "there is nothing to learn", code=1)

    on_broker(correct)
    # The packaged model learned from far more.
    refused = run(*learn, "--promote")
    said(refused, "40 labels: 40 rows", "is worse than", "macro_f1 on corpus/held-out worse by 0.", code=1)
    said(refused, "the live model learned from", "gold/train.csv, reports-spb/train.csv, toxic-vk/comments.csv", code=1)
    assert said(run("models", "list")) == ""
    card = json.loads((out / "card.json").read_text(encoding="utf-8"))
    assert [file["rows"] for file in card["data"] if file["name"] == "LABELS"] == [40]

    # Over one that is worse still it goes live.
    worst = variant(tmp_path / "worst", towards="other")

    async def promote_worst(bus: Bus) -> None:
        await Registry(bus).publish(tmp_path / "worst", by="test")
        await Pointers(bus, clock=utc_now).promote(worst, by="test")

    on_broker(promote_worst)
    version = said(run(*learn, "--promote", "--tolerance", "0.9"), "promoted")
    said(run("models", "list"), f"live: {version}")
    assert (out / "reference.json").exists()
