"""What a request brings, taken to the intake and answered for: one item, an array, or a stream of lines."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence

import msgspec

from services.ingest.bodies import Bodies, next_chunk
from services.ingest.intake import Counts, Intake, Ticket
from services.ingest.lines import MAX_LINE, Line, LineCutter, groups
from services.ingest.reading import read_array, read_one
from services.ingest.submission import Entry, Refusal, Submission, to_entry
from shared.clock import Clock, NewId, new_id, utc_now
from shared.errors import Forbidden, Invalid, OtklikError, Unavailable
from shared.obs import metrics

MAX_LISTED = 1_000
"""Rejected items that an answer names; the rest is only counted."""
MAX_GROUPS_AHEAD = 8
"""Groups of one stream that may wait for their commit while the next is read."""

MayPost = Callable[[str], bool]
"""Whether the request's key may send comments of a page."""

_BOM = b"\xef\xbb\xbf"


class Rejected(msgspec.Struct, frozen=True, kw_only=True):
    """An item that was not taken. In NDJSON `index` counts lines from 0, blank ones too."""

    index: int
    error: str


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a request's items; those accepted are durable."""

    accepted: int
    duplicates: int
    rejected: list[Rejected]
    rejected_total: int | msgspec.UnsetType = msgspec.UNSET
    """Present where more were rejected than are listed."""


class _Tally:
    """Counts as they grow."""

    def __init__(self) -> None:
        self.accepted = 0
        self.duplicates = 0
        self._rejected: list[Rejected] = []
        self._total = 0

    def add(self, counts: Counts) -> None:
        self.accepted += counts.accepted
        self.duplicates += counts.duplicates

    def reject(self, index: int, error: str, platform: str) -> None:
        metrics.INGEST_COMMENTS.labels(platform=platform, result="rejected").inc()
        self._total += 1
        if len(self._rejected) < MAX_LISTED:
            self._rejected.append(Rejected(index=index, error=error))

    def receipt(self) -> Receipt:
        over = self._total > len(self._rejected)
        return Receipt(
            accepted=self.accepted,
            duplicates=self.duplicates,
            rejected=self._rejected,
            rejected_total=self._total if over else msgspec.UNSET,
        )


class Reception:
    """Takes bodies in; every method returns only when all that it counts as accepted is durable.

    All raise Unavailable when that cannot be reached; sending the same again is safe.
    """

    def __init__(self, intake: Intake, *, author_key: bytes, clock: Clock = utc_now, new_id: NewId = new_id) -> None:
        self._intake = intake
        self._bodies = Bodies()
        self._author_key = author_key
        self._clock = clock
        self._new_id = new_id

    async def take_body(self, chunks: AsyncIterator[bytes], may_post: MayPost) -> Receipt:
        """One JSON object or array.

        Raises what `Bodies.whole` raises, Invalid for what is no JSON, and for a single object that is wrong Invalid or
        Forbidden; an array's wrong items are named in the receipt.
        """
        async with self._bodies.whole(chunks) as body:
            return await self._take(body.removeprefix(_BOM), may_post)

    async def _take(self, body: bytes, may_post: MayPost) -> Receipt:
        if not body.strip():
            raise Invalid("the body is empty: send one comment, an array of them, or lines of JSON")
        tally = _Tally()
        single = not body.lstrip().startswith(b"[")
        found = [read_one(body)] if single else read_array(body)
        entries = self._entries(enumerate(found), may_post, tally, raises=single)
        tally.add(await self._intake.submit(entries))
        return tally.receipt()

    async def take_lines(self, chunks: AsyncIterator[bytes], may_post: MayPost) -> Receipt:
        """A stream of JSON lines of any length, read no faster than it is stored.

        Wrong lines are named in the receipt. Errors (Unavailable, RequestTimeout) carry the counts so far.
        """
        tally = _Tally()
        ahead: deque[Ticket] = deque()
        cutter = LineCutter()
        index = 0
        try:
            async for lines in _lines(chunks, cutter):
                for group in groups(lines):
                    entries = self._entries(_read_lines(group, index), may_post, tally)
                    index += len(group)
                    if entries:
                        ahead.append(await self._intake.put(entries))
                    if len(ahead) >= MAX_GROUPS_AHEAD:
                        tally.add(await self._intake.committed(ahead.popleft()))
        except OtklikError as error:
            await self._settle(ahead, tally, error)
        await self._settle(ahead, tally, None)
        return tally.receipt()

    async def _settle(self, ahead: deque[Ticket], tally: _Tally, error: OtklikError | None) -> None:
        """Waits for all tickets; raises `error`, else the first failure, with the counts as extra members."""
        while ahead:
            try:
                tally.add(await self._intake.committed(ahead.popleft()))
            except Unavailable as failure:
                error = error or failure
        if error is not None:
            error.extra.update(msgspec.to_builtins(tally.receipt()))
            raise error

    def _entries(
        self, items: Iterable[tuple[int, Submission | Refusal]], may_post: MayPost, tally: _Tally, raises: bool = False
    ) -> list[Entry]:
        received_at = self._clock()
        trace = self._new_id().hex
        entries: list[Entry] = []
        for index, item in items:
            result: Entry | Refusal
            platform = "unknown"
            if isinstance(item, Refusal):
                result = item
            elif may_post(item.page):
                platform = item.platform
                result = to_entry(item, author_key=self._author_key, received_at=received_at, trace=f"{trace}-{index}")
            else:
                platform = item.platform
                result = Refusal(error="page: this key may not send comments of this page", forbidden=True)
            if isinstance(result, Entry):
                entries.append(result)
                continue
            tally.reject(index, result.error, platform)
            if raises:
                raise Forbidden(result.error) if result.forbidden else Invalid(result.error)
        return entries


def _read_lines(group: Sequence[Line], first: int) -> Iterable[tuple[int, Submission | Refusal]]:
    for index, line in enumerate(group, start=first):
        if line is None:
            yield index, Refusal(error=f"the line is longer than {MAX_LINE} bytes")
        elif line:
            yield index, read_one(line)


async def _lines(chunks: AsyncIterator[bytes], cutter: LineCutter) -> AsyncIterator[list[Line]]:
    first = True
    while True:
        chunk = await next_chunk(chunks)
        if chunk is None:
            break
        lines = cutter.feed(chunk)
        if lines:
            if first and lines[0]:
                lines[0] = lines[0].removeprefix(_BOM)
            first = False
            yield lines
    last = cutter.finish()
    if first and last and last[0]:
        last[0] = last[0].removeprefix(_BOM)
    yield last
