"""Russian comments made comparable: one spelling for what a reader sees as the same.

A whole batch is cleaned as one string and one array of code points, because that is an order of magnitude faster than
text by text; the result of a text never depends on its neighbours. No `str` whatsoever makes it raise.

What changes: NFKC; lower case; accents and ё; zero-width characters go; words spelt letter by letter are joined;
letters of other alphabets and figures that stand for Cyrillic ones inside a word become Cyrillic; three and more equal
letters become one, other marks two; links, e-mail addresses, telephones, mentions and sums of money become one token
each; every other figure becomes 0. `origins` tells where in the text each character of the result came from.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from services.classifier.spelling import letters, patterns
from services.classifier.spelling.folding import Cleaned, code_points, fold
from services.classifier.spelling.letters import BREAK, EMAIL, LINK, MENTION, MONEY, PHONE

__all__ = [
    "DECOMPOSED",
    "REPLACED",
    "RESERVED",
    "TOKEN_OF",
    "Cleaned",
    "clean",
    "clean_batch",
    "normal",
    "normalised",
    "spelt",
]

RESERVED = re.compile(f"[{BREAK}{letters.TOKENS}]")
"""Characters that mean something in a cleaned text, and nothing when somebody writes them."""
REPLACED = (("…", "..."), ("№", "#"), ("\xa0", " "))
"""The commonest reasons for which a Russian text is not NFKC, at a tenth of its price; "№" must not become "No"."""
DECOMPOSED = (("…", "..."), ("№", "No"), ("\xa0", " "))
"""The same, as NFKC has them."""
TOKEN_OF = (
    (patterns.EMAIL, f" {EMAIL} "),
    (patterns.HANDLE, f" {MENTION} "),
    (patterns.LINK, f" {LINK} "),
    (patterns.MENTION, f" {MENTION} "),
    (patterns.PHONE, f" {PHONE} "),
    (patterns.MONEY, f" {MONEY} "),
)
"""What is replaced by what, in this order."""


def clean(text: str) -> str:
    """`text` in its comparable spelling; tokens are the private characters of `letters.TOKENS`."""
    return spelt(clean_batch([text]))


def spelt(cleaned: Cleaned) -> str:
    """What a batch of one text became."""
    return cleaned.codes[1:-1].astype("<u4").tobytes().decode("utf-32-le")


def clean_batch(texts: Sequence[str]) -> Cleaned:
    """All `texts` cleaned; text i's result is that of cleaning it alone."""
    return fold(code_points(_tokenised(_joined(texts))), len(texts)).cleaned


def _joined(texts: Sequence[str]) -> str:
    joined = BREAK + BREAK.join(texts) + BREAK
    if joined.count(BREAK) != len(texts) + 1 + (not texts) or any(token in joined for token in letters.TOKENS):
        joined = BREAK + BREAK.join(RESERVED.sub(" ", text) for text in texts) + BREAK
    for written, read in REPLACED:
        joined = joined.replace(written, read)
    if not unicodedata.is_normalized("NFKC", joined):
        # None of them can yield a private character.
        joined = BREAK.join([normal(part) for part in joined.split(BREAK)])
    return joined if texts else BREAK


def normal(text: str) -> str:
    """`text` in NFKC, with at most `letters.MAX_PILE` combining marks on a letter, in linear time."""
    # Checking is fast, replacing too, normalising is not.
    for written, read in DECOMPOSED:
        text = text.replace(written, read)
    if unicodedata.is_normalized("NFKC", text):
        return text
    return normalised(text)


def normalised(text: str) -> str:
    """As `normal`, piles cut in any case."""
    # It sorts the marks of a letter in quadratic time, if they are out of order: 65,000 of them would take seconds.
    return unicodedata.normalize("NFKC", letters.PILE.sub(lambda pile: pile[0][: letters.MAX_PILE], text))


def _tokenised(joined: str) -> str:
    joined = BREAK.join([_addresses(part) for part in joined.split(BREAK)])
    for pattern, token in TOKEN_OF[3:]:
        joined = pattern.sub(token, joined)
    return joined


def _addresses(part: str) -> str:
    """E-mail addresses, @names and links; most texts have none, which a substring search tells fastest."""
    (email, email_token), (handle, handle_token), (link, link_token) = TOKEN_OF[:3]
    if "@" in part:
        part = email.sub(email_token, part)
        part = handle.sub(handle_token, part)
    if "://" in part or ("." in part and patterns.LINK_HINT.search(part)):
        part = link.sub(link_token, part)
    return part
