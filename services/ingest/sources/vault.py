"""Keeps credentials unreadable wherever they lie: sealed under keys that stand in the environment alone. Pure."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from services.ingest.sources.source import Secrets

VARIABLE = "OTKLIK_SOURCES_KEY"
KEY_PATTERN = r"^(|[A-Za-z0-9_-]{43}=( *, *[A-Za-z0-9_-]{43}=)*)$(?!\n)"
"""One key or several, separated by commas; nothing at all counts as not set."""
MAX_SECRET = 2_000
"""Characters of one secret."""
HOW_TO_SET = (
    f"set {VARIABLE} (`python -m services.ingest source key new` prints one) and start ingest again: without it no "
    "credentials can be kept"
)


class SealBroken(Exception):
    """What was sealed cannot be opened here; the message says why, and holds nothing of what is inside."""


class _Sealed(msgspec.Struct, frozen=True, kw_only=True):
    """What is encrypted: the secrets, and whose they are, so that they open under no other source's name."""

    source: str
    secrets: Secrets

    def __repr__(self) -> str:
        return "_Sealed(…)"


class Vault:
    """Seals with its first key and opens with any: a key is changed by putting a new one first, sealing everything
    anew (`source key reseal`), and taking the old one away."""

    def __init__(self, *keys: str) -> None:
        """Raises ValueError for what is no key, without quoting it."""
        if not keys:
            raise ValueError("a vault needs at least one key")
        try:
            opened = [Fernet(key) for key in keys]
        except ValueError:
            raise ValueError("a key is 44 characters: the URL-safe base64 of 32 random bytes") from None
        self._first = opened[0]
        self._all = MultiFernet(opened)

    @classmethod
    def of(cls, setting: str | None) -> Vault | None:
        """The vault that the variable's value makes; None where it is empty or not set. Raises ValueError."""
        keys = [part.strip() for part in (setting or "").split(",") if part.strip()]
        return cls(*keys) if keys else None

    def seal(self, source: str, secrets: Secrets) -> str:
        """`secrets` as they may lie anywhere; they open as those of `source` only."""
        return self._first.encrypt(msgspec.json.encode(_Sealed(source=source, secrets=secrets))).decode()

    def open(self, source: str, sealed: str) -> Secrets:
        """The secrets of `source`; raises SealBroken."""
        try:
            found = msgspec.json.decode(self._all.decrypt(sealed.encode()), type=_Sealed)
        except (InvalidToken, UnicodeError):
            raise SealBroken(
                f"no key in {VARIABLE} opens its credentials: bring the old key back, or give them anew"
            ) from None
        except msgspec.MsgspecError:
            raise SealBroken("its credentials were sealed by another release: give them anew") from None
        if found.source != source:
            raise SealBroken("its credentials were sealed for another source: give them anew")
        return found.secrets

    def fresh(self, sealed: str) -> bool:
        """Whether the first key sealed it, so that the others are not needed for it."""
        try:
            self._first.decrypt(sealed.encode())
        except (InvalidToken, UnicodeError):
            return False
        return True

    def __repr__(self) -> str:
        """Names no key."""
        return "Vault(…)"


def new_key(random_bytes: Callable[[int], bytes] = os.urandom) -> str:
    """A key for the variable: 256 random bits."""
    return base64.urlsafe_b64encode(random_bytes(32)).decode()
