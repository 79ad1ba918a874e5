"""The key itself: how it looks, how it is made, how it is recognised."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Callable

PREFIX = "otk_"
"""Lets secret scanners, and people, see what it is."""

_PATTERN = re.compile(r"otk_[A-Za-z0-9_-]{43}")

RandomBytes = Callable[[int], bytes]


def new_key(random_bytes: RandomBytes = secrets.token_bytes) -> str:
    """A fresh key: `otk_` and 43 characters that carry 256 random bits."""
    return PREFIX + base64.urlsafe_b64encode(random_bytes(32)).rstrip(b"=").decode()


def is_key(text: str) -> bool:
    """Whether `text` has the shape of a key."""
    return _PATTERN.fullmatch(text) is not None


def hash_of(key: str) -> str:
    """What is stored instead of the key: SHA-256 in hex.

    A plain fast hash is right here, unlike for passwords: 256 random bits cannot be guessed, whatever a guess costs,
    and every request has to be checked in microseconds.
    """
    return hashlib.sha256(key.encode()).hexdigest()
