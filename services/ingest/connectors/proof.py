"""Whether a call carries the secret that only the platform was told."""

from __future__ import annotations

import hmac


def proves(secret: str | None, given: str | None) -> bool:
    """Compares in constant time; False where there is no secret to compare with."""
    if not secret or given is None:
        return False
    return hmac.compare_digest(secret.encode(errors="replace"), given.encode(errors="replace"))
