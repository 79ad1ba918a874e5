"""A citizen's text on an operator's terminal."""

from __future__ import annotations

import unicodedata

_HIDING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""They turn the direction of what follows."""


def visible(text: str) -> str:
    """Without what would steer the terminal; such signs show as a replacement mark."""
    return "".join(
        sign if sign in "\n\t" or not (unicodedata.category(sign) in ("Cc", "Cs") or sign in _HIDING) else "�"
        for sign in text.replace("\r\n", "\n")
    )
