"""The consumer's handler, over a publisher that keeps what it gets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from services.classifier.life.live import Live
from services.classifier.model import Model
from services.classifier.worker import Tagger
from shared.bus import Delivered, Later, Outgoing, Published
from shared.errors import Poison, Unavailable
from shared.events import (
    MAX_EVENT_BYTES,
    Attachment,
    CommentCreated,
    CommentDeleted,
    CommentEdited,
    Event,
    Tagged,
    encode,
    subject_of,
)

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def comment(local: str, text: str, kind: type[CommentCreated | CommentEdited] = CommentCreated, **more: Any) -> Any:
    return kind(
        id=f"vk:wall:-1:{local}", platform="vk", page="vk:-1", received_at=NOW, text=text, trace=f"t{local}", **more
    )


def delivered(*events: Event) -> list[Delivered]:
    return [
        Delivered(event=event, subject=subject_of(event), sequence=100 + index, deliveries=1, stored_at=NOW)
        for index, event in enumerate(events)
    ]


class Published_(list[Outgoing]):
    """Keeps what is published."""

    async def __call__(self, events: Sequence[Outgoing]) -> list[Published]:
        self.extend(events)
        return [Published(sequence=number, duplicate=False) for number in range(1, len(events) + 1)]


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


@pytest.fixture
async def kept() -> AsyncIterator[Published_]:
    yield Published_()


async def test_a_batch(packaged: Model, executor: ThreadPoolExecutor, kept: Published_) -> None:
    first = comment("1", "Спасибо большое!")
    second = comment("2", "Нет воды третий день!", CommentEdited, author_kind="page")
    refused = await Tagger(Live(packaged), publish=kept, executor=executor).handle(delivered(first, second))
    assert refused == {}
    assert [item.msg_id for item in kept] == ["tagged:vk:wall:-1:1:100", "tagged:vk:wall:-1:2:101"]
    events = [item.event for item in kept]
    assert all(isinstance(event, Tagged) for event in events)
    judged = packaged.judge([first.text, second.text])
    for event, original, judgement in zip(events, (first, second), judged, strict=True):
        assert isinstance(event, Tagged)
        assert (event.comment, event.trace, event.model) == (original, original.trace, packaged.version)
        assert (event.tag, event.scores, event.topics) == (judgement.tag, judgement.scores, judgement.topics)
        assert (event.confidence, event.unsure, event.flags) == (
            judgement.confidence,
            judgement.unsure,
            judgement.flags,
        )
    assert isinstance(events[1], Tagged)
    assert events[1].version == 101


async def test_again_is_the_same(packaged: Model, executor: ThreadPoolExecutor, kept: Published_) -> None:
    batch = delivered(comment("1", "Спасибо большое!"))
    tagger = Tagger(Live(packaged), publish=kept, executor=executor)
    await tagger.handle(batch)
    await tagger.handle(batch)
    assert kept[0] == kept[1]


def reasons(refused: Mapping[int, Poison | Later]) -> dict[int, str | None]:
    """Why each is refused; None where that is not known yet."""
    return {index: it.reason if isinstance(it, Poison) else None for index, it in refused.items()}


async def test_what_is_no_content_is_refused(packaged: Model, executor: ThreadPoolExecutor, kept: Published_) -> None:
    gone = CommentDeleted(id="vk:wall:-1:1", platform="vk", page="vk:-1", received_at=NOW)
    refused = await Tagger(Live(packaged), publish=kept, executor=executor).handle(delivered(gone, comment("2", "а")))
    assert reasons(refused) == {0: "unexpected"}
    assert [item.msg_id for item in kept] == ["tagged:vk:wall:-1:2:101"]


async def test_what_would_not_fit_is_refused(packaged: Model, executor: ThreadPoolExecutor, kept: Published_) -> None:
    largest = comment("1", "\x01" * 65_536)
    files = tuple(Attachment(kind="link", url="\x01" * 2_048) for _ in range(10))
    too_large = comment("2", "\x01" * 65_536, attachments=files)
    refused = await Tagger(Live(packaged), publish=kept, executor=executor).handle(delivered(largest, too_large))
    assert reasons(refused) == {1: "oversize"}
    assert len(encode(kept[0].event)) < MAX_EVENT_BYTES


async def test_nothing_is_done_while_the_broker_is_away(packaged: Model, executor: ThreadPoolExecutor) -> None:
    async def away(_: Sequence[Outgoing]) -> list[Published]:
        raise Unavailable("away")

    with pytest.raises(Unavailable):
        await Tagger(Live(packaged), publish=away, executor=executor).handle(delivered(comment("1", "а")))


async def test_no_comments(packaged: Model, executor: ThreadPoolExecutor, kept: Published_) -> None:
    assert await Tagger(Live(packaged), publish=kept, executor=executor).handle([]) == {}
    assert kept == []
