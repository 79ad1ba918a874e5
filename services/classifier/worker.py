"""Comments in, judgements out: the classifier's one consumer. It keeps nothing: what is published is what it did."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor

from services.classifier.careful.second import SecondReader
from services.classifier.judged import Judged
from services.classifier.judgement import Judgement
from services.classifier.life.live import Live
from services.classifier.model import Model
from services.classifier.repetition.fingerprint import Sighting
from services.classifier.repetition.policy import weigh
from services.classifier.repetition.remembering import Remembering
from shared.bus import Delivered, Later, Outgoing, Published
from shared.errors import Poison
from shared.events import MAX_EVENT_BYTES, CommentCreated, CommentEdited, Repeated, encode
from shared.obs import metrics

Publish = Callable[[Sequence[Outgoing]], Awaitable[list[Published]]]

WORTH_WEIGHING = 32_768
"""Characters from which on an event might reach MAX_EVENT_BYTES: JSON takes at most 6 bytes for one, and a character
beyond the first plane, which counts as one here, at most 12."""
_EMBEDDING_BYTES = 8 * 1024
"""What the careful reader may add to an event."""

Chosen = tuple[int, int, CommentCreated | CommentEdited]
"""Place in the batch, version, comment."""


class Tagger:
    """Judges batches in `executor`, off the event loop, and publishes one Tagged for each comment's version.

    Without `remembering` repetition is not counted; without `second` nothing is held.
    """

    def __init__(
        self,
        live: Live,
        *,
        publish: Publish,
        executor: Executor,
        remembering: Remembering | None = None,
        second: SecondReader | None = None,
    ) -> None:
        self._live = live
        self._publish = publish
        self._executor = executor
        self._remembering = remembering
        self._second = second

    async def handle(self, batch: Sequence[Delivered]) -> Mapping[int, Poison | Later]:
        """Returns once every judgement is durably stored, but for those that the second reader holds, and those that
        can never be; raises Unavailable, and then nothing is held."""
        verdicts: dict[int, Poison | Later] = {}
        chosen: list[Chosen] = []
        for index, delivered in enumerate(batch):
            if isinstance(delivered.event, CommentCreated | CommentEdited):
                chosen.append((index, delivered.sequence, delivered.event))
            else:
                verdicts[index] = Poison("unexpected", "neither a new comment nor an edited one")
        # A batch keeps the model that it began with, whatever is promoted meanwhile.
        model = self._live.model
        loop = asyncio.get_running_loop()
        judgements, seen, repeats = await loop.run_in_executor(self._executor, self._read, model, chosen)
        judged: list[Judged] = []
        places: list[int] = []
        for (index, version, comment), judgement, repeated in zip(chosen, judgements, repeats, strict=True):
            one = Judged(
                comment=comment,
                version=version,
                judgement=weigh(judgement, repeated, border=model.thresholds.unsure),
                model=model,
                repeated=repeated,
            )
            if _too_large(one):
                verdicts[index] = Poison("oversize", f"with its judgement it would exceed {MAX_EVENT_BYTES} bytes")
                continue
            judged.append(one)
            places.append(index)
        held = self._second.room(judged) if self._second is not None else set()
        at_once = [one for place, one in enumerate(judged) if place not in held]
        if at_once:
            await self._publish([one.outgoing() for one in at_once])
        if self._second is not None:
            verdicts |= {places[place]: self._second.hold(judged[place]) for place in sorted(held)}
        if self._remembering is not None:
            self._remembering.share(seen)
        self._live.observe(
            [comment.id for _, _, comment in chosen], [comment.text for _, _, comment in chosen], judgements, by=model
        )
        _count(at_once, repeats)
        return verdicts

    def _read(
        self, model: Model, chosen: Sequence[Chosen]
    ) -> tuple[list[Judgement], list[Sighting], list[Repeated | None]]:
        """In `executor`: the fast judgements, what was seen, and how often each one's like was."""
        comments = [comment for _, _, comment in chosen]
        judgements = model.judge(
            [comment.text for comment in comments], [comment.parent is not None for comment in comments]
        )
        if self._remembering is None or not comments:
            return judgements, [], [None] * len(comments)
        return judgements, *self._remembering.look(comments)


def _count(judged: Sequence[Judged], repeats: Sequence[Repeated | None]) -> None:
    for tag, count in Counter(one.judgement.tag for one in judged).items():
        metrics.TAGGED.labels(tag=tag).inc(count)
    for same, count in Counter(one.same for one in repeats if one is not None).items():
        metrics.REPEATED.labels(same=same).inc(count)


def _too_large(judged: Judged) -> bool:
    comment = judged.comment
    size = len(comment.text) + sum(len(item.url or "") for item in comment.attachments)
    return size >= WORTH_WEIGHING and len(encode(judged.outgoing().event)) > MAX_EVENT_BYTES - _EMBEDDING_BYTES
