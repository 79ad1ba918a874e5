"""The grammatical forms of a place's name, made once when it is imported."""

from __future__ import annotations

from typing import Literal

import msgspec

FormOf = Literal["territory", "street"]


class Form(msgspec.Struct, frozen=True, gc=False):
    """One form of a name, as it is stored and matched. Unique by (of, name, words)."""

    of: FormOf
    name: str
    """The name as it stands in the registry: «улица Садовая», «Верхние Ключи»."""
    words: str
    """Lower case, ё as е, words joined by one space: «садовой»."""
    care: int
    """How much evidence a match needs; one of the constants CARE_… of this module."""


def forms(of: FormOf, name: str) -> list[Form]:
    """Every form of one name, sorted by words; at most 64. Pure, slow (about a millisecond), worth caching by name."""
    raise NotImplementedError
