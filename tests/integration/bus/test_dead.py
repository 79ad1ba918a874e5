"""The real command by which ops look at dead letters, send them back and drop them, against a real broker."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from shared.bus import CLASSIFIER_COMMENTS, Bus, Delivered, Outgoing, dead
from shared.errors import NotFound, Poison, Unavailable
from shared.events import DeadLetter, encode
from tests.integration.bus.broker import ROOT, Broker
from tests.integration.bus.samples import (
    QUICK,
    TEXT,
    Recorder,
    all_done,
    comments,
    consumer,
    created,
    running,
    stored,
    until,
)


class Ended:
    """How a command ended."""

    def __init__(self, status: int, out: bytes, err: bytes) -> None:
        self.status, self.out, self.err = status, out, err.decode()

    @property
    def lines(self) -> list[str]:
        return self.out.decode().splitlines()


async def command(broker: Broker, *arguments: str, url: str | None = None, answer: bytes = b"") -> Ended:
    """`python -m shared.bus dead …`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "shared.bus", "dead", *arguments,
        cwd=ROOT, env={**os.environ, "OTKLIK_NATS_URL": url or broker.url},
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(answer), 60)
    assert process.returncode is not None
    return Ended(process.returncode, out, err)


async def bury(bus: Bus, *reasons: str) -> None:
    """Comment number n becomes a dead letter for reason number n; a good comment stands before them."""
    await bus.publish(comments(1, start=100))
    await bus.publish(comments(len(reasons)))

    def verdict(batch: Sequence[Delivered]) -> dict[int, Poison]:
        found = [(index, item.sequence) for index, item in enumerate(batch) if item.sequence > 1]
        return {index: Poison(reasons[sequence - 2], "line one\nline two") for index, sequence in found}

    async with running(consumer(bus, CLASSIFIER_COMMENTS, Recorder(verdict))):
        await all_done(bus, CLASSIFIER_COMMENTS)


async def test_a_wrong_password_is_named_as_the_cause(broker: Broker) -> None:
    ended = await command(broker, "list", url=f"nats://otklik:kwrong@127.0.0.1:{broker.port}")
    assert (ended.status, ended.out) == (1, b"")
    assert "Error: the broker refuses the user or password; OTKLIK_NATS_URL has both before the host" in ended.err
    assert "kwrong" not in ended.err


async def test_list_shows_one_line_a_letter_and_filters(bus: Bus, broker: Broker) -> None:
    await bury(bus, "no_page", "too_old", "no_page")

    everything = await command(broker, "list")
    assert everything.status == 0
    assert [line.split("\t")[0] for line in everything.lines] == ["1", "2", "3"]
    assert everything.lines[1].split("\t")[2:] == ["classifier", "too_old", "COMMENTS:3", "line one line two"]
    assert "3 dead letters" in everything.err
    assert "Вымышленной" not in everything.out.decode() + everything.err

    some = await command(broker, "list", "--reason", "no_page")
    assert [line.split("\t")[0] for line in some.lines] == ["1", "3"]
    none = await command(broker, "list", "--service", "routing")
    assert none.lines == []


async def test_an_empty_list_is_fine(bus: Bus, broker: Broker) -> None:
    found = await command(broker, "list")
    assert (found.status, found.lines) == (0, [])


async def test_show_tells_everything_but_the_words_unless_asked(bus: Bus, broker: Broker) -> None:
    await bury(bus, "no_page")

    shown = await command(broker, "show", "1")
    assert shown.status == 0
    for line in ("service: classifier", "reason: no_page", "stream: COMMENTS", "sequence: 2", "deliveries: 1"):
        assert line in shown.lines
    assert "Вымышленной" not in shown.out.decode()

    payload = await command(broker, "show", "--payload", "1")
    assert payload.out == encode(created(1))


async def test_a_replayed_message_is_handled_by_who_has_learned_and_keeps_its_version(bus: Bus, broker: Broker) -> None:
    await bury(bus, "no_page", "no_page")

    ended = await command(broker, "replay", "1", "2")
    assert (ended.status, ended.lines) == (0, ["1 replayed", "2 replayed"])
    assert await stored(bus, "DEAD") == []
    handle = Recorder()
    async with running(consumer(bus, CLASSIFIER_COMMENTS, handle)):
        await all_done(bus, CLASSIFIER_COMMENTS)

    # They stand at 4 and 5 in the stream now; what came after 2 and 3 is still newer than they are.
    assert [(item.sequence, item.event) for item in handle.finished] == [(2, created(1)), (3, created(2))]


async def test_a_message_replayed_and_buried_again_is_a_letter_again(bus: Bus, broker: Broker) -> None:
    await bury(bus, "no_page")
    for _ in range(2):
        assert (await command(broker, "replay", str((await stored(bus, "DEAD"))[0].seq))).status == 0
        async with running(consumer(bus, CLASSIFIER_COMMENTS, Recorder(lambda _: {0: Poison("no_page", "no")}))):
            await until_buried(bus)

    (letter,) = [item async for item in dead.letters(bus)]
    assert letter.letter.sequence == 2
    assert letter.letter.payload == encode(created(1))


async def until_buried(bus: Bus) -> None:
    while not await stored(bus, "DEAD"):
        await asyncio.sleep(QUICK.pauses[0])
    await all_done(bus, CLASSIFIER_COMMENTS)


async def test_replay_into_a_full_stream_keeps_the_letter(bus: Bus) -> None:
    await bury(bus, "no_page")
    config = (await bus.jetstream.stream_info("COMMENTS")).config
    await bus.jetstream.update_stream(config.evolve(max_msgs=2))

    with pytest.raises(Unavailable):
        await dead.replay(bus, 1)

    assert len(await stored(bus, "DEAD")) == 1


async def test_drop_asks_first_and_removes_for_good(bus: Bus, broker: Broker) -> None:
    await bury(bus, "no_page", "no_page")

    refused = await command(broker, "drop", "1", answer=b"n\n")
    assert refused.status != 0
    assert len(await stored(bus, "DEAD")) == 2

    ended = await command(broker, "drop", "--yes", "1")
    assert (ended.status, ended.lines) == (0, ["1 dropped"])
    assert [message.seq for message in await stored(bus, "DEAD")] == [2]


@pytest.mark.parametrize("arguments", [("show", "7"), ("replay", "7"), ("drop", "--yes", "7"), ("drop", "7")])
async def test_a_number_that_is_not_there_is_said_so(bus: Bus, broker: Broker, arguments: tuple[str, ...]) -> None:
    ended = await command(broker, *arguments)

    assert ended.status == 1
    assert "there is no dead letter 7" in ended.err
    assert ended.out == b""
    assert "Traceback" not in ended.err


async def test_an_absent_broker_is_said_so(broker: Broker) -> None:
    ended = await command(broker, "list", url="nats://127.0.0.1:1")

    assert ended.status == 1
    assert "no broker answers; `make run` starts one here" in ended.err
    assert "Traceback" not in ended.err


async def test_what_is_no_letter_is_listed_and_can_only_be_dropped(bus: Bus, broker: Broker) -> None:
    await bus.jetstream.publish("dead.routing.odd", TEXT.encode())
    await bury(bus, "no_page")

    listed = await command(broker, "list")
    assert [line.split("\t")[3] for line in listed.lines] == ["unreadable", "no_page"]
    assert (await command(broker, "show", "--payload", "1")).out == TEXT.encode()
    refused = await command(broker, "replay", "1")
    assert refused.status == 1
    assert "cannot be read" in refused.err
    assert (await command(broker, "drop", "--yes", "1")).status == 0


async def test_what_a_platform_told_is_not_sent_back_to_nowhere(bus: Bus, broker: Broker) -> None:
    letter = DeadLetter(
        service="ingest", reason="undecodable", detail="d", stream="", sequence=0, consumer="source-town", subject="",
        deliveries=1, at=datetime.now(UTC), payload=TEXT.encode(),
    )  # fmt: skip
    await bus.publish([Outgoing(event=letter, msg_id="dead:source:town")])

    (listed,) = (await command(broker, "list")).lines
    assert listed.split("\t")[2:] == ["ingest", "undecodable", "source-town", "d"]
    refused = await command(broker, "replay", "1")
    assert (refused.status, refused.lines) == (1, [])
    assert len(refused.err.splitlines()) == 1
    assert "source-town" in refused.err
    assert "python -m services.ingest decode" in refused.err
    assert (await command(broker, "show", "--payload", "1")).out == TEXT.encode()
    assert (await command(broker, "drop", "--yes", "1")).status == 0


async def test_a_broker_that_goes_away_is_unavailable_and_not_an_accident(bus: Bus, broker: Broker) -> None:
    await bury(bus, "no_page")
    broker.kill()
    await until(lambda: not bus.connected, "the loss of the connection")
    await bus.drain()

    for work in (dead.letter(bus, 1), dead.drop(bus, 1), dead.replay(bus, 1)):
        with pytest.raises(Unavailable):
            await work


async def test_letters_survive_holes_in_their_numbers(bus: Bus) -> None:
    await bury(bus, "a", "b", "c", "d")
    await dead.drop(bus, 1)
    await dead.drop(bus, 3)

    assert [item.number async for item in dead.letters(bus)] == [2, 4]
    with pytest.raises(NotFound):
        await dead.letter(bus, 3)
