"""A comment's text as its reader sees it: mentions by name, line breaks as such. Pure."""

from __future__ import annotations

import re

from shared.events.base import MAX_TEXT

# Bounded everywhere, so that no text takes longer than its length. `bp` is how topics mark the comment replied to.
_MENTION = re.compile(
    r"\[(?:id|club|public|event)[0-9]{0,20}(?::bp(?P<owner>-?[0-9]{1,19})_(?P<comment>[0-9]{1,19}))?"
    r"\|(?P<name>[^\[\]|\n]{1,300})\]"
)
_WRITTEN_MENTION = re.compile(r"[@*](?:id|club|public|event)[0-9]{1,19} ?\(([^()\n]{1,300})\)")
"""As people write them: `@id1 (Name)`, `*club1 (Name)`."""
_LINK = re.compile(r"\[(?P<address>https?://[^\s\[\]|]{1,2000})\|(?P<name>[^\[\]|\n]{1,300})\]")
_BREAK = re.compile(r"<br ?/?>", re.IGNORECASE)
_ESCAPED = re.compile(r"&(?:amp|lt|gt|quot|#39|#33);")
_CHARACTERS = {"&amp;": "&", "&lt;": "<", "&gt;": ">", "&quot;": '"', "&#39;": "'", "&#33;": "!"}


def readable(text: str) -> str:
    """`[id1|Name]` becomes `Name`, `[https://a.b|words]` becomes `words (https://a.b)`, `<br>` of old answers a line
    feed, and the characters that VK escapes are themselves again; at most MAX_TEXT characters."""
    text = _BREAK.sub("\n", text)
    if "[" in text:
        text = _MENTION.sub(lambda found: found["name"], text)
        text = _LINK.sub(lambda found: f"{found['name']} ({found['address']})", text)
    if "&" in text:
        text = _ESCAPED.sub(lambda found: _CHARACTERS[found[0]], text)
    return text[:MAX_TEXT]


def plain(text: str) -> str:
    """A text without what VK may change in it: spaces, escapes, and mentions, which it writes in brackets."""
    return " ".join(readable(_WRITTEN_MENTION.sub(lambda found: found[1], text)).split())


def replied_to(text: str) -> int | None:
    """The comment of a topic that the text's first mention names: topics have no other sign of a reply."""
    found = _MENTION.match(text)
    return int(found["comment"]) if found is not None and found["comment"] else None
