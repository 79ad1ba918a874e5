"""What comments stand under: posts, photos, videos, goods and topics; their ids and addresses. Pure."""

from __future__ import annotations

import re
from typing import Literal, get_args

import msgspec

Kind = Literal["wall", "photo", "video", "market", "board"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SITE = "https://vk.com"

_COMMENT = re.compile(r"(?:vk:)?(wall|photo|video|market|board):(-?[0-9]{1,19}):([0-9]{1,19}):([0-9]{1,19})", re.ASCII)
_NOTATION: dict[Kind, str] = {"wall": "wall", "photo": "photo", "video": "video", "market": "market", "board": "topic"}
_ADDRESS: dict[Kind, str] = {"wall": "wall", "photo": "photo", "video": "video", "market": "product", "board": "topic"}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """One post, photo, video, item or topic."""

    kind: Kind
    owner: int
    """Negative for a community."""
    object: int

    @property
    def post(self) -> str:
        """VK's own notation: `wall-123_45`."""
        return f"{_NOTATION[self.kind]}{self.owner}_{self.object}"

    def comment(self, number: int) -> str:
        """Id of a comment here, without the platform in front. Photos, videos and goods each number from 1."""
        return f"{self.kind}:{self.owner}:{self.object}:{number}"

    def link(self, number: int | None = None) -> str:
        """Where a person sees it, scrolled to a comment."""
        address = f"{SITE}/{_ADDRESS[self.kind]}{self.owner}_{self.object}"
        if number is None or self.kind == "market":
            return address
        return f"{address}?{'post' if self.kind == 'board' else 'reply'}={number}"


def find_comment(comment: str) -> tuple[Place, int] | None:
    """Place and number of a comment's id, with or without `vk:` in front; None for what is no such id."""
    found = _COMMENT.fullmatch(comment)
    if found is None:
        return None
    for kind in KINDS:
        if kind == found[1]:
            return Place(kind=kind, owner=int(found[2]), object=int(found[3])), int(found[4])
    return None


def owner_of(page: str) -> int | None:
    """The number in `vk:-123`; None for what is no page of VK."""
    local = page.removeprefix("vk:")
    digits = local.removeprefix("-")
    return int(local) if local != page and digits.isascii() and digits.isdecimal() and len(digits) < 20 else None


def page_link(page: str) -> str:
    """The page itself; `club` leads to public pages too."""
    owner = owner_of(page)
    if owner is None:
        return SITE
    return f"{SITE}/{'club' if owner < 0 else 'id'}{abs(owner)}"
