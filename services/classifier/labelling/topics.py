"""A topic chosen by the beginning of one of its words, or by its number."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.topics import TOPICS, Topic

_WORD = re.compile(r"\w+")


def numbered(topics: Sequence[Topic] = TOPICS) -> list[tuple[int, Topic]]:
    """The topics given, each with its number among all."""
    return [(number, topic) for number, topic in enumerate(TOPICS, start=1) if topic in topics]


def matching(typed: str) -> list[Topic]:
    """Topics with that number, else those with that name, else those with a word that begins so, in either language."""
    if typed.isdecimal():
        return [topic for number, topic in numbered() if number == int(typed)]
    wanted = _folded(typed)
    exact = [topic for topic in TOPICS if wanted in (_folded(topic.ru), _folded(topic.en), topic.id)]
    return exact or [topic for topic in TOPICS if _begins(wanted, topic)]


def _begins(wanted: str, topic: Topic) -> bool:
    names = _folded(f"{topic.ru} / {topic.en}")
    return bool(_WORD.search(wanted)) and any(names.startswith(wanted, word.start()) for word in _WORD.finditer(names))


def _folded(text: str) -> str:
    return text.casefold().replace("ё", "е").strip()
