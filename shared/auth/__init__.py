"""Keys: who calls, in which role, and for what.

A key is shown once, when it is made; only its hash is kept, in the bucket `api_keys`.
"""

from shared.auth.guard import bearer_of, requires
from shared.auth.keyring import BUCKET, KeyBucket, KeyRing
from shared.auth.record import KeyRecord, Principal, Role, Scope, scope_problem
from shared.auth.secret import hash_of, new_key

__all__ = [
    "BUCKET",
    "KeyBucket",
    "KeyRecord",
    "KeyRing",
    "Principal",
    "Role",
    "Scope",
    "bearer_of",
    "hash_of",
    "new_key",
    "requires",
    "scope_problem",
]
