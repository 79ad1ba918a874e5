"""A person's word instead of the policy: who shall answer a comment that is made a case by hand."""

from __future__ import annotations

import msgspec

from services.routing.domain.policy import Facts
from services.routing.domain.route import Route, Why
from services.routing.store.snapshot import Snapshot


class NamingSnapshot(Snapshot, frozen=True, kw_only=True):
    """The registry in force, with every route leading to one institution."""

    institution: str

    @classmethod
    def of(cls, snapshot: Snapshot, institution: str) -> NamingSnapshot:
        """`snapshot` with routes that lead to `institution`."""
        fields = {field.name: getattr(snapshot, field.name) for field in msgspec.structs.fields(Snapshot)}
        return cls(**fields, institution=institution)

    def route(self, facts: Facts) -> Route:
        """To the institution that was named, for the territory that the policy found."""
        found = super().route(facts)
        why = Why(kind="hand_on", ids=(self.institution,), words="named by the moderator who made it a case")
        return msgspec.structs.replace(found, institution=self.institution, by="person", why=why)
