"""Where a text wants its reader to go: the link, telephone, address or account that an advertiser cannot vary."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.classifier.spelling import patterns

_PLATFORMS = frozenset(
    {
        "avito.ru", "bit.ly", "clck.ru", "goo.su", "instagram.com", "max.ru", "ok.ru", "t.me", "telegram.me", "vk.cc",
        "vk.com", "vk.me", "vk.ru", "wa.me",
    }
)  # fmt: skip
"""Hosts that belong to nobody in particular: there the path says whose page it is."""
_COMMON = frozenset(
    {"dzen.ru", "facebook.com", "google.com", "mail.ru", "rutube.ru", "ya.ru", "yandex.ru", "youtu.be", "youtube.com"}
)
"""Hosts that many link to for many reasons, each time to something else, and all hosts below them."""
_TWO_STEPS = frozenset({"brands", "c", "group", "join", "joinchat", "message", "profile", "s", "u", "user"})
"""Steps of a path that say nothing without the next one."""
_NOBODYS = re.compile(
    r"(?:album|app|audio|away|clip|doc|feed|photo|poll|search|share|sticker|story|topic|video|wall)"
    r"|(?:explore|im|p|reels?|stories|tv)$"
)
"""What begins so, or is called so, on a platform is a post or a picture, not a page."""
_ONLY_PAGES = {"avito.ru": frozenset({"brands", "user"})}
"""Where everything but this is an offer or a town."""
_HOST = re.compile(r"[\w.-]*")
_STEP = re.compile(r"[\w.+-]*")
"""What follows, such as the comma or bracket after a link, is no part of it."""
_OFFICIAL = re.compile(r"(?:^|\.)(?:gosuslugi\.ru|gov\.ru|mos\.ru|kremlin\.ru|госуслуги\.рф)$")
"""Links that citizens pass to one another."""
_FREE_CALL = "800"
"""Hotlines, which citizens pass to one another too."""
_FIGURES = re.compile(r"\d")
_MANY_FIGURES = re.compile(r"\d(?:[\d \-()+]{0,3}\d){6}")
"""Told faster than a telephone's shape; seven, because the gaps may be figures too."""


def contacts(text: str) -> tuple[str, ...]:
    """Every contact in `text` once, in order, in one spelling each: `host:example.ru`, `phone:9000000000`, …"""
    return tuple(dict.fromkeys(_contacts(text)))


def _contacts(text: str) -> Iterator[str]:
    # A substring search tells fastest that a text has none.
    if "@" in text:
        for found in patterns.EMAIL.finditer(text):
            yield f"mail:{found[0].lower()}"
        text = patterns.EMAIL.sub(" ", text)
    if "://" in text or patterns.LINK_HINT.search(text):
        for found in patterns.LINK.finditer(text):
            if host := _host(found[0]):
                yield f"host:{host}"
        text = patterns.LINK.sub(" ", text)
    if "@" in text:
        for found in patterns.HANDLE.finditer(text):
            yield f"account:{found[0].lower()}"
    for found in patterns.PHONE.finditer(text) if _MANY_FIGURES.search(text) else ():
        figures = "".join(_FIGURES.findall(found[0]))[-10:]
        if len(figures) == 10 and not figures.startswith(_FREE_CALL):
            yield f"phone:{figures}"


def _host(link: str) -> str:
    """What the link leads to; empty for what citizens share for good reason, and for the front page of a platform."""
    rest = link.lower().partition("://")[2] or link.lower()
    place, *path = re.split(r"[?#]", rest, maxsplit=1)[0].split("/")
    host = _leading(_HOST, place.partition("@")[2] or place).removeprefix("www.").removeprefix("m.")
    if _OFFICIAL.search(host) or any(host == common or host.endswith(f".{common}") for common in _COMMON):
        return ""
    if host not in _PLATFORMS:
        return host
    steps = [step for step in (_leading(_STEP, part) for part in path) if step]
    if not steps or _NOBODYS.match(steps[0]) or steps[0] not in _ONLY_PAGES.get(host, steps):
        return ""
    needed = 2 if steps[0] in _TWO_STEPS else 1
    return "/".join([host, *steps[:needed]]) if len(steps) >= needed else ""


def _leading(pattern: re.Pattern[str], text: str) -> str:
    found = pattern.match(text)
    return found[0].rstrip(".-") if found else ""
