"""Regular expressions for what stands in a comment beside words: addresses, numbers, sums.

Each begins with a literal or a small set of characters, so that the regex engine skips Russian text quickly, and each
repetition is bounded or cannot overlap with what follows, so that no text takes more than linear time.
"""

from __future__ import annotations

import re

from services.classifier.spelling.letters import BREAK

MENTION = re.compile(rf"\[(?:id|club|public)[^|\]\s{BREAK}]{{0,40}}\|[^\]{BREAK}]{{0,100}}\]")
"""VK's `[id123|Name]`."""
HANDLE = re.compile(r"@[A-Za-z][A-Za-z0-9_.]{2,31}")
"""Telegram's `@name`."""
EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[A-Za-zрфРФ]{2,24}")
"""An e-mail address."""
LINK = re.compile(
    rf"(?:[Hh][Tt][Tt][Pp][Ss]?://|[Ww][Ww][Ww]\.)[^\s{BREAK}]+"
    r"|(?<![\w@.-])(?:[\w-]{1,63}\.){1,5}(?:ru|рф|com|me|net|org|su|info|online|site|shop|club|cc|pro|top|xyz|link|gl|ly)"
    rf"(?!\w)(?:/[^\s{BREAK}]*)?"
)
"""A web address, with or without its scheme."""
LINK_HINT = re.compile(r"\.(?:[A-Za-zр]|(?<=[Ww][Ww][Ww]\.))")
"""Found in every text without `://` that LINK matches in, and much faster to look for."""
PHONE = re.compile(
    r"[+78(9](?<![\w+][+789])(?:"
    r"(?<=\+)7[ \-(]{0,3}\d{3,5}[ \-)]{0,3}\d{1,3}[ -]{0,2}\d{2}[ -]{0,2}\d{2}"
    r"|(?<=[78])[ \-(]{0,3}\d{3,5}[ \-)]{0,3}\d{1,3}[ -]{0,2}\d{2}[ -]{0,2}\d{2}"
    r"|(?<=\()\d{3,5}\)[ -]{0,2}\d{1,3}[ -]?\d{2}[ -]?\d{2}"
    r"|(?<=9)\d{2}[ -]?\d{3}[ -]?\d{2}[ -]?\d{2}"
    r")(?!\d)"
)
"""A Russian telephone: +7 or 8 and ten figures, a mobile number without them, or an area code in brackets."""
MONEY = re.compile(
    r"[0-9₽$€](?:"
    r"(?<=[0-9])(?<![0-9][0-9])[0-9 .,]{0,14}(?:[kкКK]\b|тыс\w{0,4}\b\.?|млн\b\.?)? ?"
    r"(?:[₽$€]|(?:руб|РУБ|Руб)\w{0,4}\b\.?|[рР]\b(?!-)\.?|(?:долл|евро)\w{0,6})"
    r"|(?<=[₽$€]) ?[0-9](?:[0-9 .,]{0,13}[0-9])?"
    r")"
)
"""A sum of money, with its amount."""
