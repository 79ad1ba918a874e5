"""Characters drawn like a letter of the Russian or the English alphabet, and that letter: what look-alikes are made of.

Folded characters only (`letters.FOLD_OF`): lower case, no accents. What NFKC resolves (full width, mathematical, most
circled letters) and Cyrillic letters of other languages are not here; `letters` folds them.
"""

from __future__ import annotations

GREEK_CAPITALS = {"Γ": "ᴦ"}
"""Greek capitals that look unlike their small letter; folded to a small capital, so that both can be told apart."""
ENCLOSED = range(0x1F130, 0x1F18A)
"""Letters in squares and circles that NFKC leaves alone: A to Z every 32 places, followed by other signs."""


def _pairs(characters: str, shapes: str) -> dict[str, str]:
    return dict(zip(characters, shapes, strict=True))


_GREEK = _pairs("αβγδεζηθικλμνοπρσςτυφχω", "abyдezhoikлmyoпpoctyфxш")
_ARMENIAN = _pairs("աօսոհցփտ", "uouпhgфs")
_EXTENDED_LATIN = _pairs("øɑɡłđħŧıəɛɔʋƨƙ", "oaglдhtieecvsk")
_SMALL_CAPITALS = _pairs("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnoprstuvwyz")
_CYRILLIC_SHAPES = _pairs("ᴦᴧᴨᴩᴫᴎᴙʁɜᴈᴣɯʍɸƃƅꚍ", "глпрлияязззшмфбьт")
_COPTIC = _pairs("ⲁⲃⲅⲇⲉⲏⲓⲕⲗⲙⲛⲟⲡⲣⲥⲧⲩⲫⲭⲱ", "abгдehikлmnoпpctyфxш")
_CHEROKEE = {
    chr(code + (0x97D0 if code < 0x13F0 else 8)): shape  # the place of its small letter, which folding yields
    for code, shape in {
        0x13A0: "d", 0x13A1: "r", 0x13A2: "t", 0x13A5: "i", 0x13A9: "у", 0x13AA: "a", 0x13AB: "j", 0x13AC: "e",
        0x13B1: "г", 0x13B3: "w", 0x13B7: "m", 0x13BB: "h", 0x13BD: "y", 0x13BE: "o", 0x13C0: "g", 0x13C1: "n",
        0x13C2: "h", 0x13C3: "z", 0x13CE: "ч", 0x13CF: "ь", 0x13D2: "r", 0x13D4: "w", 0x13D9: "v", 0x13DA: "s",
        0x13DE: "l", 0x13DF: "c", 0x13E2: "p", 0x13E6: "k", 0x13E7: "d", 0x13EE: "б", 0x13F0: "в", 0x13F3: "g",
        0x13F4: "b",
    }.items()
}  # fmt: skip
_LISU = _pairs("ꓐꓑꓓꓔꓖꓗꓙꓚꓜꓝꓟꓠꓡꓢꓣꓥꓦꓧꓪꓫꓬꓮꓰꓲꓳꓴ", "bpdtgkjczfmnlsrлvhwxyaeiou")
_SYLLABICS = _pairs("ᗩᗷᑕᗪᕮᖴᕼᗰᑎᑭᖇᔕᑌᐯᗯᒪᐱ", "abcdefhmпprsuvшlл")

SHAPE_OF: dict[str, str] = (
    _GREEK | _ARMENIAN | _EXTENDED_LATIN | _SMALL_CAPITALS | _CYRILLIC_SHAPES | _COPTIC | _CHEROKEE | _LISU | _SYLLABICS
)
"""The Latin letter, or where there is none the Russian one, that a character looks like."""
GREEK = frozenset(_GREEK)
LIVING = frozenset(_GREEK) | frozenset(_ARMENIAN) | frozenset(_EXTENDED_LATIN)
"""Those of SHAPE_OF in which people write their language; the others stand in comments for their shape alone."""

TWINS = frozenset("abcehkmoptxy")
"""Latin letters whose capital or small letter is drawn like a Russian one."""
TO_CYRILLIC = _pairs("abcehikmnoprtuxy", "авсеникмпоргтиху")
"""Latin letters that look like a Russian one, upright or in italics, or are typed for it."""
TO_LATIN = _pairs("авсенкмортху", "abcehkmoptxy")
"""Russian letters that look like a Latin one."""
BY_SOUND = _pairs("dlszw", "длсзш")
"""Latin letters that are typed for a Russian one of another shape, in words whose other letters are disguised."""

_WORDS = (
    "все", "всем", "всех", "на", "не", "тут", "как", "кто", "мне", "нас", "вас", "нет", "от", "там", "номер", "место",
    "месте", "вместе", "товар", "срок", "кроме", "касса", "москва", "москве", "совет", "свет", "сумма", "сумму",
    "смена", "рост", "сервер", "секретно", "охрана", "охране",
)  # fmt: skip
RUSSIAN_IN_TWINS = {"".join(TO_LATIN[char] for char in word): word for word in _WORDS}
"""Russian words that can be written in TWINS alone and mean nothing that a Russian text would say in Latin letters."""
