"""Who should hold which shards: from what everybody sees alike. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

SHARDS = 64


def shard_of(source: str) -> int:
    """The shard that a source is in, for ever."""
    return int.from_bytes(hashlib.blake2b(source.encode(), digest_size=8).digest()) % SHARDS


def shard_key(shard: int) -> str:
    """The shard's key in the bucket `leases`."""
    return f"shard-{shard:02}"


def quota(replica: str, living: Collection[str]) -> int:
    """How many shards `replica` may hold beside the others; 0 when it is none of them."""
    ranked = sorted(living)
    if replica not in ranked:
        return 0
    each, rest = divmod(SHARDS, len(ranked))
    return each + (ranked.index(replica) < rest)


def surplus(replica: str, held: Collection[int], living: Collection[str]) -> list[int]:
    """Those of `held` that are over the quota and must be given up for others."""
    return _ordered(replica, held)[quota(replica, living) :]


def wanted(replica: str, held: Collection[int], holders: Mapping[int, str], living: Collection[str]) -> list[int]:
    """The shards to take: free ones, or held by nobody living, as many as are missing to the quota.

    Before these stand shards that are marked as the replica's own though it does not hold them: it took them or gave
    them up and never heard that it was done. They are taken whatever the quota, since nobody else may.
    """
    others = [shard for shard in range(SHARDS) if shard not in held]
    unsettled = [shard for shard in others if holders.get(shard) == replica]
    free = [shard for shard in others if holders.get(shard) not in living]
    missing = quota(replica, living) - len(held) - len(unsettled)
    return unsettled + _ordered(replica, free)[: max(0, missing)]


def _ordered(replica: str, shards: Collection[int]) -> list[int]:
    """In an order of the replica's own, so that two rarely reach for the same one."""
    return sorted(shards, key=lambda shard: hashlib.blake2b(f"{replica}/{shard}".encode(), digest_size=8).digest())
