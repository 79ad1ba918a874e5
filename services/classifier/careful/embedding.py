"""What a comment is about, as a direction: the one small interface between the careful reader and what embeds texts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.classifier.spelling.letters import EMAIL, LINK, MENTION, MONEY, PHONE
from services.classifier.text import clean_batch, normal, spelt

MAX_CHARACTERS = 400
"""Of a text that are embedded; three quarters of what citizens write is shorter than 260. The price rises with the
length (docs/adr/careful-reader.md has figures), and what a comment is stands at its beginning or at its end."""
_BEGINNING = 280
_END = MAX_CHARACTERS - _BEGINNING - 1
_LOOKED_AT = 4 * MAX_CHARACTERS
"""Characters at either end that are normalised at all."""

_UNSEEN = re.compile("[\u00ad\u034f\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_INNER_CAPITALS = re.compile("[а-яё][А-ЯЁ]")
_MIN_INNER_CAPITALS = 3
_WORDS = {ord(LINK): "ссылка", ord(EMAIL): "почта", ord(PHONE): "телефон", ord(MENTION): "", ord(MONEY): "деньги"}
"""What stands for an address, a number or a sum in a cleaned text."""


class EmbeddingFailed(Exception):
    """These texts could not be embedded; the next ones may be."""


class Embedder(Protocol):
    """Turns texts into directions. `name` stands for the model and for how texts are prepared: what was trained on one
    name's embeddings cannot read another's."""

    @property
    def name(self) -> str:
        """At most 100 characters."""

    @property
    def size(self) -> int:
        """Dimensions."""

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row of length 1 for each text, n x size. Takes any `str`; a row does not depend on the other texts.

        May take seconds, may be called in any thread, one call at a time; raises EmbeddingFailed.
        """

    def close(self) -> None:
        """Ends what it runs; a call under way fails."""


def excerpt(text: str) -> str:
    """The part of `text` that is embedded: all of it up to MAX_CHARACTERS, else its beginning and its end.

    Disguised words as they are meant: letters that are only drawn like Russian ones are nothing that a language model
    knows. NFKC, without control characters and lone surrogates: what comes out is valid UTF-8 without NUL. The normal
    form is more than cosmetic: a tokeniser that expands characters itself may not have reckoned with U+FDFA, which
    becomes eighteen.
    """
    if len(text) > 2 * _LOOKED_AT:
        text = f"{text[:_LOOKED_AT]} {text[-_LOOKED_AT:]}"
    text = _as_meant(normal(text.encode("utf-8", "replace").decode()))
    text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if len(text) <= MAX_CHARACTERS:
        return text
    return f"{text[:_BEGINNING]} {text[-_END:]}"


def _as_meant(text: str) -> str:
    """Without signs that nobody sees and capitals inside of words; where letters of other alphabets or figures stand
    for Russian ones, the cleaned text."""
    text = _UNSEEN.sub("", text)
    cleaned = clean_batch([text])
    if cleaned.disguised[0]:
        return spelt(cleaned).translate(_WORDS)
    return text.lower() if len(_INNER_CAPITALS.findall(text)) >= _MIN_INNER_CAPITALS else text


def compact(direction: NDArray[np.float32]) -> bytes:
    """As `shared.events.Embedding.vector` has it."""
    largest = float(np.abs(direction).max())
    scaled = np.rint(direction * (127.0 / largest)) if largest > 0 else np.zeros_like(direction)
    return scaled.astype(np.int8).tobytes()
