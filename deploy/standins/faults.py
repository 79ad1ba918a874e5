"""What a stand-in was told to do wrong, the next time or the next few times that it is asked for something."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from typing import Literal

import msgspec

from deploy.standins.wire import Answer, Lost

HANG_SECONDS = 3_600.0
SLICE_SECONDS = 0.05
ANY = "*"
"""Stands for whatever method is asked for."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """`refuse` answers and does nothing, `drop` does nothing and answers nothing, `lose` does it and answers nothing,
    `hang` does nothing and never answers, `delay` is late by `seconds`."""

    kind: Literal["refuse", "drop", "lose", "hang", "delay"]
    status: int = 500
    json: object = None
    text: str | None = None
    """What is answered instead of `json`, as it is."""
    headers: dict[str, str] = {}
    code: int | None = None
    """A refusal with this error of the platform's, in the platform's own shape, instead of `status` and `json`."""
    seconds: float = 0.0


class Faults:
    """First told, first done, for each name of a method by itself; what was told of one comes before what was told of
    ANY."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self.slow: dict[str, float] = {}
        """Seconds that a method (or ANY) takes from now on, until it is taken back."""

    def add(self, method: str, fault: Fault, times: int = 1) -> None:
        """The next `times` calls of `method` go wrong."""
        self._waiting[method].extend([fault] * times)

    def refuse(self, method: str, *codes: int) -> None:
        """The next calls of `method` get these errors of the platform's, one each."""
        for code in codes:
            self.add(method, Fault(kind="refuse", code=code))

    async def before(self, method: str) -> Answer | None:
        """What is answered instead of doing anything; None where it is to be done. Raises Lost."""
        begun = asyncio.get_running_loop().time()
        # In slices: what waits is let go once the slowness is taken back.
        while (left := begun + self._slowness(method) - asyncio.get_running_loop().time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(SLICE_SECONDS, left))
        waiting = self._next(method)
        if not waiting or waiting[0].kind == "lose" or waiting[0].code is not None:
            return None
        fault = waiting.popleft()
        if fault.kind == "refuse":
            return Answer(status=fault.status, json=fault.json, text=fault.text, headers=fault.headers)
        if fault.kind == "drop":
            raise Lost
        await asyncio.sleep(HANG_SECONDS if fault.kind == "hang" else fault.seconds)
        return None

    def refusal(self, method: str) -> int | None:
        """The platform's error that this call of `method` gets."""
        waiting = self._next(method)
        return waiting.popleft().code if waiting and waiting[0].code is not None else None

    def after(self, method: str) -> None:
        """Raises Lost where the answer to what was done is to be lost."""
        waiting = self._next(method)
        if waiting and waiting[0].kind == "lose":
            waiting.popleft()
            raise Lost

    def _slowness(self, method: str) -> float:
        return self.slow.get(method, self.slow.get(ANY, 0.0))

    def _next(self, method: str) -> deque[Fault]:
        return self._waiting[method] or self._waiting[ANY]
