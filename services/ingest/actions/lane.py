"""Who stands in line for a page, in this process."""

from __future__ import annotations

import asyncio


class Place:
    """One action's place in the line of its page; `async with place` is its turn, in order of coming."""

    def __init__(self, lane: _Lane) -> None:
        self._lane = lane
        self.begun = False
        """Whether it was begun already: then the day's count has it."""

    def ahead(self) -> int:
        """How many came before it and were never begun."""
        places = self._lane.places
        return sum(not place.begun for place in places[: places.index(self)])

    async def __aenter__(self) -> None:
        await self._lane.turn.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lane.turn.release()


class _Lane:
    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self.places: list[Place] = []


class Lanes:
    """The lines of all pages; a page that nobody stands in line for takes no memory."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}

    def join(self, page: str) -> Place:
        """A place at the end of the page's line."""
        lane = self._lanes.setdefault(page, _Lane())
        lane.places.append(place := Place(lane))
        return place

    def leave(self, page: str, place: Place) -> None:
        """Gives the place up."""
        lane = self._lanes[page]
        lane.places.remove(place)
        if not lane.places:
            del self._lanes[page]

    def __len__(self) -> int:
        return len(self._lanes)
