"""Where a text wants its reader to go: the link, telephone, address or account that an advertiser cannot vary."""

from __future__ import annotations

import re
from collections.abc import Iterator

from services.classifier.spelling import patterns

_PLATFORMS = frozenset(
    {"avito.ru", "instagram.com", "max.ru", "ok.ru", "t.me", "telegram.me", "vk.com", "vk.ru", "wa.me"}
)
"""Hosts that belong to nobody in particular: there the path says whose page it is."""
_COMMON = frozenset(
    {"dzen.ru", "facebook.com", "google.com", "mail.ru", "rutube.ru", "ya.ru", "yandex.ru", "youtu.be", "youtube.com"}
)
"""Hosts that many link to for many reasons, each time to something else."""
_TWO_STEPS = frozenset({"group", "joinchat", "profile", "share"})
"""Steps of a path that say nothing without the next one."""
_NOBODYS = re.compile(r"(?:album|app|audio|away|clip|doc|feed|photo|poll|search|sticker|story|topic|video|wall)")
"""What begins so on a platform is a post or a picture, not a page."""
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
    host, _, path = rest.partition("/")
    host = host.partition("@")[2] or host
    host = host.partition(":")[0].removeprefix("www.").removeprefix("m.").rstrip(".")
    if _OFFICIAL.search(host):
        return ""
    if host in _COMMON:
        return ""
    if host in _PLATFORMS:
        steps = [step for step in re.split(r"[/?#]", path, maxsplit=2)[:2] if step]
        if not steps or _NOBODYS.match(steps[0]):
            return ""
        return "/".join([host, *steps[: 2 if steps[0] in _TWO_STEPS else 1]])
    return host
