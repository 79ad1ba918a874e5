"""A lease: for a while one person alone works on a thing; the token fences off whoever held it before."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from shared.errors import Conflict

LEASE_SECONDS = 900
"""How long a lease lasts unless renewed: long enough to read a thread and telephone a colleague."""

MAX_LEASE_SECONDS = 3_600
"""The longest a lease may be asked for, so that a forgotten one cannot hide a thing for a day."""


class Lease(msgspec.Struct, frozen=True, kw_only=True):
    """`token` rises with every lease of the same thing and never falls, also after the lease ended.

    A released lease stays on the thing with `expires_at` in the past, so that its token is remembered.
    """

    holder: str
    """Id of the key that holds it; never a person's name."""
    token: int
    expires_at: datetime

    def live(self, now: datetime) -> bool:
        """True while nobody else may take it."""
        return now < self.expires_at


def take(current: Lease | None, *, holder: str, now: datetime, seconds: int = LEASE_SECONDS) -> Lease:
    """A new lease for `holder` with the next token; the holder of a live one gets a new token as well.

    Raises Conflict while somebody else's lease is live (`expires_at` says until when).
    """
    if current is not None and current.live(now) and current.holder != holder:
        raise Conflict(
            "Somebody else is working on this; it becomes free when the lease ends.",
            extra={"why": "leased", "expires_at": current.expires_at.isoformat()},
        )
    token = 1 if current is None else current.token + 1
    return Lease(holder=holder, token=token, expires_at=now + _length(seconds))


def check(current: Lease | None, *, token: int, now: datetime) -> Lease:
    """The lease, if `token` is that of the live one.

    Raises Conflict whose `why` is not_leased, stale_token (somebody took it after you) or expired.
    """
    if current is None or current.token < token:
        raise Conflict("This was never leased under that token; take a lease first.", extra={"why": "not_leased"})
    if current.token != token:
        raise Conflict(
            "This was leased anew after your lease; take a lease again before acting.",
            extra={"why": "stale_token", "token": token, "current": current.token},
        )
    if not current.live(now):
        raise Conflict(
            "Your lease has ended; take a lease again before acting.",
            extra={"why": "expired", "expires_at": current.expires_at.isoformat()},
        )
    return current


def renew(current: Lease | None, *, token: int, now: datetime, seconds: int = LEASE_SECONDS) -> Lease:
    """The same lease with a later end; raises Conflict as `check`."""
    return msgspec.structs.replace(check(current, token=token, now=now), expires_at=now + _length(seconds))


def release(current: Lease | None, *, token: int, now: datetime) -> Lease:
    """The lease ended now, its token remembered; raises Conflict as `check`."""
    return msgspec.structs.replace(check(current, token=token, now=now), expires_at=now)


def revoke(current: Lease | None, *, now: datetime) -> Lease | None:
    """The lease ended without its holder's doing: the next token is higher, so that acts under the old one fail."""
    if current is None:
        return None
    return msgspec.structs.replace(current, holder="", token=current.token + 1, expires_at=now)


def _length(seconds: int) -> timedelta:
    return timedelta(seconds=max(1, min(seconds, MAX_LEASE_SECONDS)))
