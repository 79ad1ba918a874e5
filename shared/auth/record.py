"""What is known about a key and about the one who calls with it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from shared.events.base import ID_PATTERN, Moment

Role = Literal["admin", "coordinator", "moderator", "agent", "auditor", "ingest", "service"]
ROLES: tuple[str, ...] = get_args(Role)

ALL_SOURCES = "*"
ROOT = "root"
"""The territory of a coordinator who answers for all of them."""

_INSTITUTION = re.compile(r"[a-z0-9-]{1,60}")
_TERRITORY = re.compile(r"[A-Za-z0-9_-]{1,60}")
_PAGE = re.compile(ID_PATTERN)


class Scope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key is good for, beside its role."""

    institution: str | None = None
    """Of an agent: this institution and those below it."""
    territory: str | None = None
    """Of a coordinator (needed) or a moderator (optional): this territory and those below it; `root` is all."""
    sources: tuple[str, ...] = ()
    """Of an ingest key: the ids of the pages it may bring comments for; `*` is all."""


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One key as the bucket keeps it, under the hash of the key."""

    id: str
    """Names the key in logs and in `revoke`; no secret."""
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    """Whom it was given to, in the operator's words."""
    role: Role
    scope: Scope
    created_at: Moment
    expires_at: Moment | None = None

    def expired(self, now: datetime) -> bool:
        """Whether the key is past its time at `now`."""
        return self.expires_at is not None and now >= self.expires_at

    def principal(self) -> Principal:
        """The caller this key stands for."""
        return Principal(key_id=self.id, name=self.name, role=self.role, scope=self.scope)


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls: `request.user` of every handler that is not public."""

    key_id: str
    name: str
    role: Role
    scope: Scope

    def may_ingest(self, page: str) -> bool:
        """Whether it may bring comments of the page with this id."""
        if self.role == "admin":
            return True
        return self.role == "ingest" and (ALL_SOURCES in self.scope.sources or page in self.scope.sources)


def scope_problem(role: Role, scope: Scope) -> str | None:
    """What is wrong with this scope for this role, in words; None when nothing is."""
    if (scope.institution is not None) != (role == "agent"):
        return f"role {role} needs an institution" if role == "agent" else f"role {role} takes no institution"
    if scope.institution is not None and _INSTITUTION.fullmatch(scope.institution) is None:
        return f"institution {scope.institution!r}: use a-z, 0-9 and -, at most 60 characters"
    if scope.territory is None and role == "coordinator":
        return f"role coordinator needs a territory ({ROOT!r} for all)"
    if scope.territory is not None:
        if role not in ("coordinator", "moderator"):
            return f"role {role} takes no territory"
        if _TERRITORY.fullmatch(scope.territory) is None:
            return f"territory {scope.territory!r}: use letters, digits, - and _, at most 60 characters"
    if bool(scope.sources) != (role == "ingest"):
        return f"role {role} needs sources (page ids, or *)" if role == "ingest" else f"role {role} takes no sources"
    for page in scope.sources:
        if page != ALL_SOURCES and (":" not in page or _PAGE.fullmatch(page) is None):
            return f"source {page!r} is no page id such as vk:-123 or http:demo"
    return None
