"""What a stand-in was told to do wrong, the next time or the next few times that it is asked for something."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import Literal

import msgspec

from deploy.standins.wire import Answer, Lost

HANG_SECONDS = 3_600.0


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """`refuse` answers and does nothing, `drop` does nothing and answers nothing, `lose` does it and answers nothing,
    `hang` does nothing and never answers, `delay` is late by `seconds`."""

    kind: Literal["refuse", "drop", "lose", "hang", "delay"]
    status: int = 500
    json: object = None
    headers: dict[str, str] = {}
    seconds: float = 0.0


class Faults:
    """First told, first done, for each name of a method by itself."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, deque[Fault]] = defaultdict(deque)

    def add(self, method: str, fault: Fault, times: int = 1) -> None:
        """The next `times` calls of `method` go wrong."""
        self._waiting[method].extend([fault] * times)

    async def before(self, method: str) -> Answer | None:
        """What is answered instead of doing anything; None where it is to be done. Raises Lost."""
        waiting = self._waiting[method]
        if not waiting or waiting[0].kind == "lose":
            return None
        fault = waiting.popleft()
        if fault.kind == "refuse":
            return Answer(status=fault.status, json=fault.json, headers=fault.headers)
        if fault.kind == "drop":
            raise Lost
        await asyncio.sleep(HANG_SECONDS if fault.kind == "hang" else fault.seconds)
        return None

    def after(self, method: str) -> None:
        """Raises Lost where the answer to what was done is to be lost."""
        waiting = self._waiting[method]
        if waiting and waiting[0].kind == "lose":
            waiting.popleft()
            raise Lost
