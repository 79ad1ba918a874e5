"""What a batch of entries amounts to: what must be published, and what is only repetition. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from services.ingest.repetition import Head, message_id, next_head
from services.ingest.submission import Entry
from shared.bus import Outgoing, Published
from shared.events import CommentCreated


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Several groups, judged in their order."""

    sizes: tuple[int, ...]
    """Entries of each group."""
    outgoing: tuple[Outgoing, ...]
    owners: tuple[int, ...]
    """For each outgoing event the place of its group."""
    heads: dict[str, Head]
    """What is to be remembered once all is published."""
    results: Mapping[tuple[str, str], int]
    """Repetitions by (platform, "duplicate")."""

    def accepted(self, published: Sequence[Published]) -> list[int]:
        """For each group how many of its entries are new, to the broker too."""
        counts = [0] * len(self.sizes)
        for owner, done in zip(self.owners, published, strict=True):
            counts[owner] += not done.duplicate
        return counts

    def tally(self, published: Sequence[Published]) -> Counter[tuple[str, str]]:
        """Numbers by (platform, result), for the metrics."""
        counts = Counter(self.results)
        for sent, done in zip(self.outgoing, published, strict=True):
            counts[sent.msg_id.partition(":")[0], "duplicate" if done.duplicate else "accepted"] += 1
        return counts


def judge(groups: Sequence[Sequence[Entry]], known: Mapping[str, Head]) -> Batch:
    """Finds the repetitions among `groups`, given what is `known` of their comments."""
    heads: dict[str, Head] = {}
    outgoing: list[Outgoing] = []
    owners: list[int] = []
    repeated: Counter[tuple[str, str]] = Counter()
    for place, entries in enumerate(groups):
        # Comments that stand as an entry of this group says: what it says next of them is no older than that.
        reached: set[str] = set()
        for entry in entries:
            before = heads.get(entry.event.id) or known.get(entry.event.id)
            told = entry if before is None or entry.known is None else entry.known.given(entry, before.digest)
            stands = before is not None and (told is None or before.digest in (told.digest, told.unchanged))
            late = before is not None and entry.as_of is not None and before.since(entry.as_of)
            if stands:
                reached.add(entry.event.id)
            elif late and entry.event.id not in reached:
                told = None
            event = entry.event if told is None else told.event
            creates = type(event) is CommentCreated
            head = None if stands or told is None else next_head(before, creates=creates, digest=told.digest)
            if head is None:
                repeated[event.platform, "duplicate"] += 1
                continue
            heads[event.id] = head
            reached.add(event.id)
            outgoing.append(Outgoing(event=event, msg_id=message_id(event.id, head)))
            owners.append(place)
    return Batch(
        sizes=tuple(len(entries) for entries in groups),
        outgoing=tuple(outgoing),
        owners=tuple(owners),
        heads=heads,
        results=repeated,
    )
