"""A traceback for the log: where and what kind, never the values that were at hand."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from traceback import extract_tb
from types import TracebackType
from typing import Any

from shared.obs.withheld import first_line

MAX_FRAMES = 20
MAX_CHAIN = 5


def outline(error: BaseException) -> list[str]:
    """Each exception of the chain, the last one first: its type, first line and places."""
    lines: list[str] = []
    current: BaseException | None = error
    for _ in range(MAX_CHAIN):
        if current is None:
            break
        lines.append(f"{type(current).__name__}: {first_line(current)}")
        lines.extend(_frames(current.__traceback__))
        if isinstance(current, BaseExceptionGroup):
            lines.extend(f"  | {type(part).__name__}: {first_line(part)}" for part in current.exceptions[:MAX_CHAIN])
        cause = current.__cause__
        current = cause if cause is not None or current.__suppress_context__ else current.__context__
    return lines


def _frames(traceback: TracebackType | None) -> list[str]:
    frames = extract_tb(traceback)[-MAX_FRAMES:]
    return [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]


def exception_outline(_logger: Any, _method: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The processor that turns `exc_info` into `exception`."""
    info = entry.pop("exc_info", None)
    error = info if isinstance(info, BaseException) else (info or None) and _current(info)
    if error is not None:
        entry["exception"] = outline(error)
    return entry


def _current(info: object) -> BaseException | None:
    if isinstance(info, tuple) and len(info) == 3 and isinstance(info[1], BaseException):
        return info[1]
    return sys.exc_info()[1]
