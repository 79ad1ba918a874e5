"""Comments in, judgements out: the classifier's one consumer. It keeps nothing: what is published is what it did."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor

from services.classifier.judgement import Judgement
from services.classifier.model import Model
from shared.bus import Delivered, Outgoing, Published
from shared.errors import Poison
from shared.events import MAX_EVENT_BYTES, CommentCreated, CommentEdited, Tagged, encode
from shared.obs import metrics

Publish = Callable[[Sequence[Outgoing]], Awaitable[list[Published]]]

WORTH_WEIGHING = 32_768
"""Characters from which on an event might reach MAX_EVENT_BYTES: JSON takes at most 6 bytes for one, and a character
beyond the first plane, which counts as one here, at most 12."""


class Tagger:
    """Judges batches in `executor`, off the event loop, and publishes one Tagged for each comment's version."""

    def __init__(self, model: Model, *, publish: Publish, executor: Executor) -> None:
        self._model = model
        self._publish = publish
        self._executor = executor

    async def handle(self, batch: Sequence[Delivered]) -> Mapping[int, Poison]:
        """Returns once every judgement is durably stored, with those that can never be; raises Unavailable."""
        refused: dict[int, Poison] = {}
        chosen: list[tuple[int, int, CommentCreated | CommentEdited]] = []
        for index, delivered in enumerate(batch):
            if isinstance(delivered.event, CommentCreated | CommentEdited):
                chosen.append((index, delivered.sequence, delivered.event))
            else:
                refused[index] = Poison("unexpected", "neither a new comment nor an edited one")
        loop = asyncio.get_running_loop()
        texts = [comment.text for _, _, comment in chosen]
        judgements = await loop.run_in_executor(self._executor, self._model.judge, texts)
        outgoing: list[Outgoing] = []
        tags: Counter[str] = Counter()
        for (index, version, comment), judgement in zip(chosen, judgements, strict=True):
            event = tagged(comment, version, judgement, model=self._model.version)
            if _too_large(event):
                refused[index] = Poison("oversize", f"with its judgement it would exceed {MAX_EVENT_BYTES} bytes")
                continue
            outgoing.append(Outgoing(event=event, msg_id=f"tagged:{comment.id}:{version}"))
            tags[judgement.tag] += 1
        if outgoing:
            await self._publish(outgoing)
        for tag, count in tags.items():
            metrics.TAGGED.labels(tag=tag).inc(count)
        return refused


def tagged(comment: CommentCreated | CommentEdited, version: int, judgement: Judgement, *, model: str) -> Tagged:
    """The event that says so."""
    return Tagged(
        trace=comment.trace,
        comment=comment,
        version=version,
        tag=judgement.tag,
        scores=judgement.scores,
        confidence=judgement.confidence,
        unsure=judgement.unsure,
        topic=judgement.topic,
        topics=judgement.topics,
        flags=judgement.flags,
        model=model,
    )


def _too_large(event: Tagged) -> bool:
    comment = event.comment
    size = len(comment.text) + sum(len(item.url or "") for item in comment.attachments)
    return size >= WORTH_WEIGHING and len(encode(event)) > MAX_EVENT_BYTES
