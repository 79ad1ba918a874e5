"""Which events repeat one that was taken in before, and what the broker recognises each by. Pure.

Every comment has a head: the digest of its last event, and a chain over all of its events. The chain makes an event
that is sent again after a crash the same message to the broker, while the second A of A, B, A, B is another one.
"""

from __future__ import annotations

from datetime import datetime
from hashlib import blake2b

import msgspec


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a comment: 16 bytes each, and since when it stands like that."""

    chain: bytes
    digest: bytes
    seen_at: datetime | None = None
    """None where it is only now being remembered."""

    def since(self, moment: datetime) -> bool:
        """Whether it came after `moment`."""
        return self.seen_at is None or self.seen_at > moment


def next_head(head: Head | None, *, creates: bool, digest: bytes) -> Head | None:
    """The comment's head after an event with `digest`; None when the event only repeats what `head` tells.

    An event that creates (`creates`) repeats once anything at all is known of the comment: what came since is newer.
    """
    if head is None:
        return Head(chain=_link(b"", digest), digest=digest)
    if creates or head.digest == digest:
        return None
    return Head(chain=_link(head.chain, digest), digest=digest)


def message_id(comment: str, head: Head) -> str:
    """What the broker tells a repetition of the event that led to `head` by."""
    return f"{comment}:{head.chain.hex()}"


def _link(chain: bytes, digest: bytes) -> bytes:
    return blake2b(chain + digest, digest_size=16).digest()
