"""The grammatical forms of a place's name, made once when it is imported."""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from typing import Any, Literal

import msgspec

from services.routing.domain.place_words import (
    AREA_HEADS,
    MONTHS,
    SETTLEMENT_KINDS,
    STREET_GENDER,
    STREET_KINDS,
    TITLES,
    words_of,
)

FormOf = Literal["territory", "street"]

SURE = 0
"""Cannot be anything but the place: «Сосновоборске», «Зареченского района»."""
NAME = 1
"""A person's or a rare name: «Ленина». Needs a capital letter, a preposition, the street's kind or a house number."""
WORD = 2
"""A common noun that stands unchanged: «Мира». Needs the street's kind, «на» or «по», or a house number."""
LOOSE = 3
"""An adjective: «Садовой». As WORD, and after the preposition either a capital letter or a next word that cannot belong
to it («на новой неделе» is no street)."""
NUMBER = 4
"""Could be a date or an anniversary: «8 Марта». Needs the street's kind, or a preposition and a house number."""
PLACE_WORD = 5
"""A settlement called like a thing: «Горки». Needs «в», «из», «село» … or a capital letter within a sentence."""
PLACE_LOOSE = 6
"""A settlement called like a quality: «Рудничный». Needs its kind, or a preposition and what LOOSE asks for."""

STRICT = 7
"""An adjective that people rarely use alone: «Больничный» for «переулок Больничный». Needs its kind, or a preposition
and a capital letter («на больничном» is on sick leave)."""

PEOPLE = 8
"""What could be people as well: «Строителей». As LOOSE, but the next word must be one that ends no thought: «на
строителей опять темно» is a street, «надеемся на строителей» is none."""

MAX_FORMS = 64
"""Forms of one name; a phrase of six cases and an ordinal needs no more."""

_CASES = ("nomn", "gent", "datv", "accs", "ablt", "loct")
_GENDERS = ("masc", "femn", "neut")
_PROPER = ("Geox", "Surn", "Name", "Patr", "Orgn")


class Form(msgspec.Struct, frozen=True, gc=False):
    """One form of a name, as it is stored and matched. Unique by (of, name, words)."""

    of: FormOf
    name: str
    """The name as it stands in the registry: «улица Садовая», «Верхние Ключи»."""
    words: str
    """Lower case, ё as е, words joined by one space: «садовой»."""
    care: int
    """How much evidence a match needs: one of the constants of this module."""


def forms(of: FormOf, name: str) -> list[Form]:
    """Every form of one name, sorted by words; at most MAX_FORMS. Pure and slow (about a millisecond): for imports."""
    found: dict[str, int] = {}
    for words, care in (_street if of == "street" else _territory)(name):
        found[words] = min(care, found.get(words, care))
    return [Form(of, name, words, found[words]) for words in sorted(found)[:MAX_FORMS]]


def split_street(name: str) -> tuple[str, list[str]]:
    """A street's kind («улица», … or empty) and the words of its own name."""
    words = words_of(name)
    for at in (0, -1):
        kinds = STREET_KINDS.get(words[at]) if len(words) > 1 else None
        if kinds:
            rest = words[1:] if at == 0 else words[:-1]
            return sorted(kinds)[0], rest
    return "", words


def _street(name: str) -> list[tuple[str, int]]:
    kind, words = split_street(name)
    if not words:
        return []
    if words[0].isdigit() and len(words) > 2 and len(words[1]) <= 2:
        # «2-я Путейская»: people write the number with or without its ending, or another one.
        tails = ("", "я ", "й ", "ой ", "ая ", "ю ", "ую ", "го ")
        rest = [form for form, _ in _street(f"{kind} {' '.join(words[2:])}")]
        return [(f"{words[0]} {tail}{form}", NAME) for form in rest[:7] for tail in tails]
    if words[0][0].isdigit():
        whole = " ".join(words)
        said = [(whole, NUMBER)]
        if words[-1] in MONTHS and len(words) == 2:
            said.append((f"{words[0]} го {words[1]}", NUMBER))
        return said
    gender = STREET_GENDER.get(kind, "femn")
    if len(words) == 1:
        return _one_word_street(words[0], gender)
    phrase = _agreeing(words, gender)
    if phrase:
        return [(form, NAME) for form in phrase]
    found = [(" ".join(words), NAME)]
    if all(word in TITLES or _is(word, "Name") for word in words[:-1]):
        found += [(form, max(care, NAME)) for form, care in _one_word_street(words[-1], gender)]
    return found


def _one_word_street(word: str, gender: str) -> list[tuple[str, int]]:
    parses = _parse(word)
    genitive = next((p for p in parses if "NOUN" in p.tag and "gent" in p.tag), None)
    adjectives = _adjectives(word, {"nomn", "sing", gender})
    if adjectives and (genitive is None or not _proper(genitive)):
        care = LOOSE if gender == "femn" else STRICT
        return [(form, care) for form in _cases(adjectives[0], {"sing", gender})]
    if genitive is not None and ("gent" in parses[0].tag or _proper(genitive)):
        if _proper(genitive) or not genitive.is_known:
            care = NAME
        else:
            # The genitive of people is their accusative too: «надеемся на строителей».
            care = PEOPLE if {"anim", "plur"} <= genitive.tag.grammemes else WORD
        return [(word, care)]
    nominative = next((p for p in parses if "NOUN" in p.tag and "nomn" in p.tag), None)
    if nominative is not None:
        return [(form, STRICT) for form in _cases(nominative, {_number(nominative)})]
    return [(word, NAME)]


def _territory(name: str) -> list[tuple[str, int]]:
    words = words_of(name)
    hyphened = "-" in name and " " not in name.strip()
    if words and words[-1] in AREA_HEADS:
        found = _phrase(words)
        if words[-1] == "район":
            found |= {f"{form.rsplit(' ', 1)[0]} {short}" for form in found for short in ("р-н", "р-на", "р-не")}
        return [(form, SURE) for form in found]
    for at, word in enumerate(words[:-1]):
        if word in AREA_HEADS:
            # «городской округ Сосновоборск»: the head is inflected, what follows stands as it is.
            tail = " ".join(words[at + 1 :])
            return [(f"{form} {tail}", SURE) for form in _phrase(words[: at + 1])]
    while len(words) > 1 and words[0] in SETTLEMENT_KINDS:
        words = words[1:]
    if not words:
        return []
    if len(words) == 1:
        return _one_word_settlement(words[0])
    if hyphened:
        head = words[:1] if len(words) > 2 else words[-1:]
        inflected = [form for form, _ in _one_word_settlement(head[0])]
        if len(words) > 2:
            return [(" ".join([form, *words[1:]]), SURE) for form in inflected]
        return [(" ".join([*words[:-1], form]), SURE) for form in inflected]
    return [(form, PLACE_WORD) for form in _phrase(words)]


def _one_word_settlement(word: str) -> list[tuple[str, int]]:
    parses = [p for p in _parse(word) if "nomn" in p.tag]
    nouns = [p for p in parses if "NOUN" in p.tag]
    adjectives = [p for p in parses if _adjective(p)]
    if adjectives and not nouns:
        chosen = adjectives[0]
        gender = {g for g in _GENDERS if g in chosen.tag and "sing" in chosen.tag}
        return [(form, PLACE_LOOSE) for form in _cases(chosen, gender | {_number(chosen)})]
    if not nouns:
        return [(word, PLACE_WORD)]
    common = any(p.is_known and not _proper(p) for p in nouns)
    found: set[str] = set()
    for parse in nouns:
        found |= _cases(parse, {_number(parse)})
    return [(form, PLACE_WORD if common else SURE) for form in found]


def _phrase(words: list[str]) -> set[str]:
    """The forms of adjectives and their noun; of anything else the last word is inflected, the rest stands."""
    found: set[str] = set()
    for noun in [p for p in _parse(words[-1]) if "NOUN" in p.tag and "nomn" in p.tag]:
        agree = {_number(noun)} | {g for g in _GENDERS if g in noun.tag and "sing" in noun.tag}
        options = [_adjectives(word, {"nomn", *agree}) for word in words[:-1]]
        for adjectives in product(*options):
            for case in (*_CASES, "loc2"):
                form = _inflect(noun, {case, _number(noun)})
                like = "loct" if case == "loc2" else case
                if form:
                    found.add(" ".join([*(_inflect(adjective, {like} | agree) for adjective in adjectives), form]))
    if found:
        return found
    rest = " ".join(words[:-1])
    return {f"{rest} {form}" for form, _ in _one_word_settlement(words[-1])}


def _agreeing(words: list[str], gender: str) -> set[str]:
    """The forms of a street's name made of adjectives («Большая Садовая») or of adjectives and a noun; else none."""
    options = [_adjectives(word, {"nomn", "sing", gender}) for word in words]
    if all(options):
        return {
            " ".join(_inflect(adjective, {case, "sing", gender}) for adjective in adjectives)
            for adjectives in product(*options)
            for case in _CASES
        }
    nominative = any("NOUN" in p.tag and "nomn" in p.tag for p in _parse(words[-1]))
    if nominative and all(_adjectives(word, {"nomn"}) for word in words[:-1]):
        return _phrase(words)
    return set()


def _adjectives(word: str, grammemes: set[str]) -> list[Any]:
    """At most two readings of the word as an adjective with these grammemes: «большая» is «большой» or «больший»."""
    return [p for p in _parse(word) if _adjective(p) and grammemes <= p.tag.grammemes][:2]


def _number(parse: Any) -> str:
    return "plur" if "plur" in parse.tag else "sing"


def _cases(parse: Any, grammemes: set[str]) -> set[str]:
    return {form for case in _CASES if (form := _inflect(parse, {case} | grammemes))}


def _inflect(parse: Any, grammemes: set[str]) -> str:
    """The form, or empty; of two accusatives the inanimate one, for streets and towns are no animals."""
    inflected = (parse.inflect(grammemes | {"inan"}) if "accs" in grammemes else None) or parse.inflect(grammemes)
    return str(inflected.word).replace("ё", "е") if inflected else ""


def _adjective(parse: Any) -> bool:
    return "ADJF" in parse.tag or "PRTF" in parse.tag


def _proper(parse: Any) -> bool:
    return any(grammeme in parse.tag for grammeme in _PROPER)


def _is(word: str, grammeme: str) -> bool:
    return any(grammeme in p.tag for p in _parse(word))


@lru_cache(maxsize=4_096)
def _parse(word: str) -> list[Any]:
    return list(_analyzer().parse(word))


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    # Imported on first use: only an import of the registry needs the dictionary (some 15 MB).
    import pymorphy3

    return pymorphy3.MorphAnalyzer()
