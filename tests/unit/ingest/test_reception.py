"""Bodies taken in: one, an array, lines; what is answered for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from services.ingest import bodies as bodies_module
from services.ingest.bodies import MAX_BODY, MAX_HELD
from services.ingest.intake import Counts
from services.ingest.lines import MAX_LINE
from services.ingest.reception import MAX_LISTED, Receipt, Reception
from shared.clock import new_id
from shared.errors import Forbidden, Invalid, RequestTimeout, TooLarge, Unavailable
from tests.unit.ingest.memory import Rig, running

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def desk(rig: Rig) -> Reception:
    return Reception(rig.intake, author_key=b"a key of the tests", clock=lambda: NOW, new_id=new_id)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def everywhere(page: str) -> bool:
    return True


def raw(comment: str = "1", **changes: object) -> bytes:
    return msgspec.json.encode({"platform": "http", "page": "http:demo", "id": comment, "text": "Вода?"} | changes)


async def body(rig: Rig, content: bytes, may_post: Callable[[str], bool] = everywhere) -> Receipt:
    return await desk(rig).take_body(chunks(content), may_post)


async def lines(rig: Rig, content: Sequence[bytes], may_post: Callable[[str], bool] = everywhere) -> Receipt:
    return await desk(rig).take_lines(chunks(b"\n".join(content)), may_post)


async def test_one_an_array_and_lines_are_answered_alike() -> None:
    async with running() as rig:
        assert await body(rig, raw("1")) == Receipt(accepted=1, duplicates=0, rejected=[])
        assert await body(rig, b"[" + raw("1") + b"," + raw("2") + b"]") == Receipt(
            accepted=1, duplicates=1, rejected=[]
        )
        assert await lines(rig, [raw("2"), raw("3"), b""]) == Receipt(accepted=1, duplicates=1, rejected=[])
        assert {event.received_at for event in rig.stream.events} == {NOW}
        assert len({event.trace for event in rig.stream.events}) == 3


async def test_an_empty_array_and_an_empty_stream_are_nothing() -> None:
    async with running() as rig:
        assert await body(rig, b" [] ") == Receipt(accepted=0, duplicates=0, rejected=[])
        assert await lines(rig, [b"", b"  ", b"\r"]) == Receipt(accepted=0, duplicates=0, rejected=[])


async def test_a_byte_order_mark_is_no_error() -> None:
    async with running() as rig:
        assert (await body(rig, b"\xef\xbb\xbf" + raw("1"))).accepted == 1
        assert (await lines(rig, [b"\xef\xbb\xbf" + raw("2"), raw("3")])).accepted == 2
        assert (await lines(rig, [b"\xef\xbb\xbf" + raw("4")])).accepted == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b" \n", "empty"), (b"{", "not JSON"), (b"[{", "not JSON"), (b"5", "object"), (b"{}", "missing")],
)
async def test_a_body_that_is_wrong_as_a_whole_is_refused(content: bytes, words: str) -> None:
    async with running() as rig:
        with pytest.raises(Invalid, match=words):
            await body(rig, content)
        assert rig.stream.events == []


async def test_wrong_items_are_named_by_place_and_the_rest_is_taken() -> None:
    async with running() as rig:
        receipt = await body(rig, b"[" + b",".join([raw("1"), b"5", raw("2"), raw("3", text=" ")]) + b"]")
        assert (receipt.accepted, [each.index for each in receipt.rejected]) == (2, [1, 3])
        receipt = await lines(rig, [raw("4"), b"", b"{oops", raw("5"), b"x" * (MAX_LINE + 1), raw("6")])
        assert (receipt.accepted, [each.index for each in receipt.rejected]) == (3, [2, 4])
        assert receipt.rejected[1].error == f"the line is longer than {MAX_LINE} bytes"


async def test_a_key_may_only_post_for_its_pages() -> None:
    async with running() as rig:
        own = "http:demo".__eq__
        alien = raw("2", page="http:other")
        receipt = await body(rig, b"[" + raw("1") + b"," + alien + b"]", own)
        assert receipt.accepted == 1
        assert receipt.rejected[0].error == "page: this key may not send comments of this page"
        with pytest.raises(Forbidden, match="this key may not"):
            await body(rig, alien, own)
        assert [each.index for each in (await lines(rig, [alien, raw("1")], own)).rejected] == [0]


async def test_a_large_body_is_refused_and_a_large_stream_is_not() -> None:
    async with running() as rig:
        filler = b" " * (MAX_BODY - len(raw()))
        assert (await body(rig, filler + raw())).accepted == 1
        with pytest.raises(TooLarge, match=f"larger than {MAX_BODY} bytes"):
            await body(rig, filler + raw() + b" ")
        assert (await lines(rig, [filler[:MAX_LINE]] * 9 + [raw("2")])).accepted == 1


async def test_listed_rejections_are_bounded_and_counted() -> None:
    async with running() as rig:
        receipt = await lines(rig, [b"x"] * MAX_LISTED)
        assert len(receipt.rejected) == MAX_LISTED
        assert receipt.rejected_total is msgspec.UNSET
        assert b"rejected_total" not in msgspec.json.encode(receipt)
        receipt = await lines(rig, [b"x"] * (MAX_LISTED + 5))
        assert len(receipt.rejected) == MAX_LISTED
        assert receipt.rejected_total == MAX_LISTED + 5


async def test_a_line_is_taken_as_soon_as_it_is_there() -> None:
    """A stream that stays open does not hold back what it has brought."""
    async with running() as rig:
        more = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield raw("1") + b"\n" + raw("2")[:10]
            await more.wait()
            yield raw("2")[10:]

        task = asyncio.create_task(desk(rig).take_lines(slow(), everywhere))
        while not rig.stream.events:
            await asyncio.sleep(0)
        more.set()
        assert (await task).accepted == 2


async def test_reading_stops_while_storing_is_slow() -> None:
    async with running() as rig:
        rig.stream.gate.clear()
        read = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal read
            for number in range(200):
                read += 1
                yield b"\n".join(raw(f"{number}-{place}") for place in range(100)) + b"\n"

        task = asyncio.create_task(desk(rig).take_lines(endless(), everywhere))
        for _ in range(500):
            await asyncio.sleep(0)
        assert read < 20
        rig.stream.gate.set()
        assert (await task).accepted == 20_000
        assert read == 200


async def test_a_broker_that_goes_in_the_middle_leaves_the_counts_so_far() -> None:
    async with running() as rig:

        async def stream() -> AsyncIterator[bytes]:
            yield raw("1") + b"\nx\n"
            while not rig.heads.known:
                await asyncio.sleep(0)
            rig.stream.away = True
            for number in range(50):
                yield raw(f"late{number}") + b"\n"

        with pytest.raises(Unavailable) as caught:
            await desk(rig).take_lines(stream(), everywhere)
        assert caught.value.extra["accepted"] == 1
        assert caught.value.extra["duplicates"] == 0
        assert caught.value.extra["rejected"] == [{"index": 1, "error": "not JSON: invalid character at byte 1"}]
        assert "Retry-After" in caught.value.headers
        rig.stream.away = False
        again = await lines(rig, [raw("1"), *(raw(f"late{number}") for number in range(50))])
        assert (again.accepted, again.duplicates) == (50, 1)


async def test_a_silent_stream_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies_module, "IDLE_TIMEOUT", 0.01)
    async with running() as rig:

        async def silent() -> AsyncIterator[bytes]:
            yield raw("1") + b"\n"
            await asyncio.Event().wait()

        with pytest.raises(RequestTimeout) as caught:
            await desk(rig).take_lines(silent(), everywhere)
        assert caught.value.extra["accepted"] == 1
        with pytest.raises(RequestTimeout):
            await desk(rig).take_body(silent(), everywhere)


async def test_nothing_is_answered_before_it_is_recorded() -> None:
    async with running() as rig:
        rig.heads.gate.clear()
        task = asyncio.create_task(body(rig, raw("1")))
        while not rig.stream.events:
            await asyncio.sleep(0)
        assert not task.done()
        rig.heads.gate.set()
        assert (await task).accepted == 1
        assert await rig.intake.submit([]) == Counts()


async def test_large_bodies_are_bounded_together_and_room_comes_back() -> None:
    async with running() as rig:
        reception = desk(rig)
        more = asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b" " * (MAX_BODY - 1_000)
            await more.wait()
            yield raw("slow")

        held = [asyncio.create_task(reception.take_body(slow(), everywhere)) for _ in range(MAX_HELD // MAX_BODY)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        with pytest.raises(Unavailable, match="too many large bodies"):
            await reception.take_body(chunks(b" " * MAX_BODY), everywhere)
        # A small one still finds room, and so does a stream.
        assert (await reception.take_body(chunks(raw("small")), everywhere)).accepted == 1
        assert (await reception.take_lines(chunks(b" " * MAX_BODY + b"\n", raw("line")), everywhere)).accepted == 1
        more.set()
        assert sum(receipt.accepted for receipt in await asyncio.gather(*held)) == 1
        for _ in range(MAX_HELD // MAX_BODY + 1):
            with pytest.raises(Invalid):
                await reception.take_body(chunks(b"x" * MAX_BODY), everywhere)


async def test_a_body_that_trickles_in_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies_module, "BODY_SECONDS", 0.05)

    async def trickle() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    async with running() as rig:
        with pytest.raises(RequestTimeout, match="not complete"):
            await desk(rig).take_body(trickle(), everywhere)
