"""Values for the tests of the pure core: each builder gives a plain one, its keywords change what a test is about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from services.routing.domain.case import Case, open_case
from services.routing.domain.case_change import Routed
from services.routing.domain.comment import Content, Version, VersionKind
from services.routing.domain.route import Route, Why
from services.routing.domain.task import Task

START = datetime(2026, 1, 12, 9, 0, tzinfo=UTC)


def moment(minutes: float) -> datetime:
    """So many minutes after START."""
    return START + timedelta(minutes=minutes)


def route_to(institution: str, territory: str = "root") -> Route:
    return Route(institution=institution, territory=territory, by="page_owner", why=Why(kind="page_owner"))


def case(**changes: Any) -> Case:
    plain = open_case(
        id="case-1",
        comment_id="vk:1",
        version=1,
        tag="complaint",
        topic="roads",
        urgent=False,
        opened_at=START,
        event=Routed(at=START, route=route_to("town")),
    )
    return msgspec.structs.replace(plain, **changes)


def content(**changes: Any) -> Content:
    return msgspec.structs.replace(Content(text="Яма", tag="complaint", topic="roads"), **changes)


def version(number: int, kind: VersionKind = "created", *, minute: float | None = None, **said: Any) -> Version:
    return Version(
        version=number,
        kind=kind,
        received_at=moment(number if minute is None else minute),
        content=content(**said) if kind in ("created", "edited") else None,
    )


def task(**changes: Any) -> Task:
    plain = Task(id="task-1", comment_id="vk:1", version=1, reasons=("spam",), opened_at=START)
    return msgspec.structs.replace(plain, **changes)
