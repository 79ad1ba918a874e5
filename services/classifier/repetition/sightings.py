"""A bounded memory of fingerprints: how many comments, pages and authors had a key within the window."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import timedelta

from services.classifier.repetition.fingerprint import Sighting
from shared.bus.topology import FINGERPRINTS
from shared.events import Repeated

WINDOW = FINGERPRINTS.kept or timedelta()
MEMBERS = 64
"""Comments of one group that are told apart; of a larger one the latest are."""


class Sightings:
    """Two tables of fixed size, some 21 MB together by default; the index of groups adds at most 200 bytes for each.

    A key that was seen once stands in a slot, which a later key takes over; from the second comment on it is a group
    of its latest MEMBERS comments, and the group that was not added to for longest makes room for a new one. What is
    forgotten makes counts too small, never too large. Not safe for several threads at once.
    """

    def __init__(self, *, slots_bits: int = 19, groups: int = 4_096, window: timedelta = WINDOW) -> None:
        slots = 1 << slots_bits
        self._mask = slots - 1
        self._window = int(window.total_seconds())
        self._keys = array("Q", bytes(8 * slots))
        self._comments = array("Q", bytes(8 * slots))
        self._pages = array("I", bytes(4 * slots))
        self._authors = array("I", bytes(4 * slots))
        self._moments = array("I", bytes(4 * slots))
        room = groups * MEMBERS
        self._group_comments = array("Q", bytes(8 * room))
        self._group_pages = array("I", bytes(4 * room))
        self._group_authors = array("I", bytes(4 * room))
        self._group_moments = array("I", bytes(4 * room))
        self._filled = array("I", bytes(4 * groups))
        self._capacity = groups
        self._groups: OrderedDict[int, int] = OrderedDict()

    def note(self, seen: Iterable[Sighting]) -> None:
        """Remembers each; one whose comment is known already changes nothing."""
        for one in seen:
            for key in one.keys:
                if key:
                    self._note(key, one)

    def count(self, one: Sighting) -> Repeated | None:
        """How often the same was seen within the window before and after `one`, which was noted; None: only once.

        The same text goes before the same contact, unless the contact was met in more comments.
        """
        groups = self._groups
        if not any(key in groups for key in one.keys):
            return None
        text = self._most(one.text_keys, one)
        contact = self._most(one.contact_keys, one)
        if contact[0] > max(1, text[0]):
            comments, pages, authors = contact
            return Repeated(same="contact", comments=comments, pages=pages, authors=authors)
        if text[0] > 1:
            comments, pages, authors = text
            return Repeated(same="text", comments=comments, pages=pages, authors=authors)
        return None

    def _note(self, key: int, one: Sighting) -> None:
        group = self._groups.get(key)
        if group is not None:
            self._join(group, one.comment, one.page, one.author, one.at)
            self._groups.move_to_end(key)
            return
        slot = (key >> 20) & self._mask
        another = self._keys[slot] == key and self._comments[slot] != one.comment
        if another and abs(one.at - self._moments[slot]) <= self._window:
            group = self._new_group(key)
            self._join(group, self._comments[slot], self._pages[slot], self._authors[slot], self._moments[slot])
            self._join(group, one.comment, one.page, one.author, one.at)
            return
        self._keys[slot] = key
        self._comments[slot] = one.comment
        self._pages[slot] = one.page
        self._authors[slot] = one.author
        self._moments[slot] = one.at

    def _new_group(self, key: int) -> int:
        if len(self._groups) >= self._capacity:
            _, group = self._groups.popitem(last=False)
        else:
            group = len(self._groups)
        self._groups[key] = group
        self._filled[group] = 0
        return group

    def _join(self, group: int, comment: int, page: int, author: int, at: int) -> None:
        start, filled = group * MEMBERS, self._filled[group]
        if comment in self._group_comments[start : start + min(filled, MEMBERS)]:
            return
        place = start + filled % MEMBERS
        self._group_comments[place] = comment
        self._group_pages[place] = page
        self._group_authors[place] = author
        self._group_moments[place] = at
        # Counts on beyond MEMBERS, as the next place to be taken over; far below the array's limit it begins anew.
        self._filled[group] = filled + 1 if filled + 1 < 2 * MEMBERS else MEMBERS

    def _most(self, keys: Sequence[int], one: Sighting) -> tuple[int, int, int]:
        """Comments, pages and authors of the largest of the keys' groups; different groups may hold the same ones."""
        most = (1, 1, 1)
        for key in keys:
            group = self._groups.get(key)
            if group is None:
                continue
            start = group * MEMBERS
            stop = start + min(self._filled[group], MEMBERS)
            inside = [place for place in range(start, stop) if abs(one.at - self._group_moments[place]) <= self._window]
            pages = {self._group_pages[place] for place in inside}
            authors = {self._group_authors[place] for place in inside} - {0}
            most = max(most, (len(inside), len(pages), len(authors)))
        return most
