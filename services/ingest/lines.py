"""Cuts a stream of bytes into lines without ever holding more than one over-long line's limit. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

MAX_LINE = 1024 * 1024
"""Bytes of one NDJSON line; an event is at most half of that."""

MAX_GROUP_LINES = 500
MAX_GROUP_BYTES = 2 * 1024 * 1024
"""Of the lines that are handed on together."""

Line = bytes | None
"""A line without its end, or None for one that was over the limit and was passed over."""


class LineCutter:
    """Fed chunk by chunk; a line comes out as soon as its end is seen."""

    def __init__(self, max_line: int = MAX_LINE) -> None:
        self._max_line = max_line
        self._begun = bytearray()
        self._over = False

    def feed(self, chunk: bytes) -> list[Line]:
        """The lines that `chunk` completes, in order; blank ones too, so that places can be counted."""
        first, *others = chunk.split(b"\n")
        self._extend(first)
        if not others:
            return []
        lines = [self._take()]
        last = others.pop()
        lines.extend(line.strip() if len(line) <= self._max_line else None for line in others)
        self._extend(last)
        return lines

    def finish(self) -> list[Line]:
        """The last line where it lacks its line feed."""
        return [self._take()] if self._begun or self._over else []

    def _extend(self, part: bytes) -> None:
        if self._over or len(self._begun) + len(part) > self._max_line:
            self._over = True
            self._begun = bytearray()
        else:
            self._begun += part

    def _take(self) -> Line:
        line = None if self._over else bytes(self._begun).strip()
        self._begun = bytearray()
        self._over = False
        return line


def groups(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """`lines` in runs of at most MAX_GROUP_LINES and, but for a single one, MAX_GROUP_BYTES."""
    start = size = 0
    for place, line in enumerate(lines):
        length = len(line or b"")
        if place > start and (place - start >= MAX_GROUP_LINES or size + length > MAX_GROUP_BYTES):
            yield lines[start:place]
            start, size = place, 0
        size += length
    if start < len(lines):
        yield lines[start:]
