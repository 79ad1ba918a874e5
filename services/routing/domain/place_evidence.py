"""Is it the place? What stands around a name, held against the care that the name asks for."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from services.routing.domain import place_forms
from services.routing.domain.place_forms import FormOf
from services.routing.domain.place_words import (
    AREA_FORMS,
    BESIDE,
    CLOSED,
    CONJUNCTIONS,
    HOUSE,
    IN,
    ON,
    SETTLEMENT_KINDS,
    STREET_KINDS,
    UNITS,
    Token,
)

_NO_KINDS: frozenset[str] = frozenset()


class Sight(msgspec.Struct, frozen=True, gc=False):
    """What can be seen around the words of a name."""

    kinds: frozenset[str]
    """The kinds of street written beside it: «улица», «пр» is two."""
    on: bool
    """«на» or «по» stands before it."""
    inside: bool
    """«в», «из», «около» … stands before it."""
    beside: bool
    """«угол», «с», «и» … stands before it."""
    settlement: bool
    """«село», «г» … stands before it."""
    capital: bool
    """Written with a capital, also at the beginning of a sentence."""
    clear_capital: bool
    """A capital that is not merely the sentence's."""
    house: bool
    """A house number follows."""
    alone: bool
    """Nothing follows that the name could be the adjective of."""
    goes_on: bool
    """A word follows that begins something else than a name or a thought: «опять», «нет», «дом»."""
    opening: bool
    """It begins a sentence or stands behind punctuation."""
    area_next: bool
    """«район», «область» … or a street's kind follows: another name than a settlement's."""

    @classmethod
    def of(cls, text: Sequence[Token], start: int, end: int) -> Sight:
        """Around the words [start, end) of `text`."""
        before = text[start - 1].word if start and not text[start].apart else ""
        after = text[end] if end < len(text) and not text[end].first else None
        next_word = after.word if after else ""
        kinds = STREET_KINDS.get(before, _NO_KINDS)
        if not kinds and after is not None and not after.apart:
            kinds = STREET_KINDS.get(next_word, _NO_KINDS)
        if before in ("имени", "им") and start > 1:
            kinds = STREET_KINDS.get(text[start - 2].word, _NO_KINDS)
        first, last = text[start], text[end - 1]
        return cls(
            kinds=kinds,
            on=before in ON,
            inside=before in IN,
            beside=before in BESIDE,
            settlement=before in SETTLEMENT_KINDS and (len(before) > 1 or text[start - 1].dot),
            capital=first.capital or last.capital,
            clear_capital=(first.capital and not first.first) or (end - start > 1 and last.capital),
            house=_house(text, end),
            alone=after is None or after.apart or next_word in CLOSED or next_word[0].isdigit(),
            goes_on=after is not None
            and not after.apart
            and (next_word[0].isdigit() or (next_word in CLOSED and next_word not in CONJUNCTIONS)),
            opening=first.first or first.apart,
            area_next=next_word in AREA_FORMS or next_word in STREET_KINDS,
        )


def is_place(sight: Sight, of: FormOf, care: int) -> bool:
    """True when what stands around a name shows that it is the place; `care` is the form's."""
    return _street(sight, care) if of == "street" else _territory(sight, care)


def _street(sight: Sight, care: int) -> bool:
    if sight.kinds:
        return True
    match care:
        case place_forms.NAME:
            return sight.on or sight.clear_capital or sight.house or (sight.capital and sight.alone)
        case place_forms.WORD:
            return sight.on or sight.house or (sight.beside and sight.clear_capital)
        case place_forms.LOOSE | place_forms.PEOPLE:
            if sight.area_next:
                return False
            if sight.house:
                return sight.on or sight.inside or sight.beside or sight.capital or sight.opening
            if sight.on:
                return sight.clear_capital or (sight.alone if care == place_forms.LOOSE else sight.goes_on)
            return (sight.inside or sight.beside) and sight.clear_capital and sight.alone
        case place_forms.STRICT:
            return sight.clear_capital and not sight.area_next and (sight.on or sight.inside or sight.beside)
        case place_forms.NUMBER:
            return sight.house and (sight.on or sight.clear_capital)
    return True


def _territory(sight: Sight, care: int) -> bool:
    if care == place_forms.SURE:
        return not sight.kinds
    if sight.kinds or sight.area_next:
        return False
    if sight.settlement:
        return True
    if care == place_forms.PLACE_LOOSE:
        return sight.inside and (sight.clear_capital or sight.alone)
    return sight.inside or sight.clear_capital


def _house(text: Sequence[Token], at: int) -> bool:
    """True when the tokens from `at` on are a house number: «5», «д. 5», «12а», no «5 раз»."""
    said = at < len(text) and text[at].word in HOUSE
    if said:
        at += 1
    if at >= len(text) or not text[at].word[0].isdigit() or text[at].first or len(text[at].word) > 4:
        return False
    return said or at + 1 >= len(text) or text[at + 1].apart or text[at + 1].word not in UNITS
