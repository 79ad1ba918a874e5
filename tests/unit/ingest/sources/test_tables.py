"""What people read of sources at a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from rich.table import Table

from services.ingest.sources.health import Standing
from services.ingest.sources.pulse import Pulse
from services.ingest.sources.source import Secrets
from services.ingest.sources.tables import list_table, source_table
from services.ingest.sources.vault import Vault, new_key
from services.ingest.sources.view import SourceView, view_of
from shared.events import ActionKind
from tests.unit.ingest.sources.samples import NOW, record

RECORD = record("city", Vault(new_key()), Secrets())
NOTHING = Pulse()
LATER = NOW + timedelta(minutes=5)


def view(can: tuple[ActionKind, ...] | None = (), pulse: Pulse = NOTHING, **fields: Any) -> SourceView:
    standing = Standing(state="working", why="", pulse=pulse)
    return view_of(msgspec.structs.replace(RECORD, **fields), standing, None, can)


def cells(table: Table, column: int = 1) -> list[str]:
    return [str(cell) for cell in table.columns[column].cells]


def rows(table: Table) -> dict[str, str]:
    return dict(zip(cells(table, 0), cells(table), strict=True))


@pytest.mark.parametrize(
    ("can", "listed", "shown"),
    [
        (("reply", "delete"), "reply, delete", "reply, delete"),
        ((), "nothing", "nothing; a person gets a link instead"),
        (None, "not known", "not known"),
    ],
)
def test_what_can_be_done_is_what_the_credentials_are_for(
    can: tuple[ActionKind, ...] | None, listed: str, shown: str
) -> None:
    acting = view(can, acting=True)
    assert _column(list_table([acting], [], NOW), "acting") == [listed]
    assert rows(source_table(acting, NOW))["can do"] == shown
    dry = view(can)
    assert _column(list_table([dry], [], NOW), "acting") == ["dry run"]
    told = rows(source_table(dry, NOW))
    assert told["acting"].startswith("dry run")
    assert told["can do"] == shown


def test_calls_with_a_wrong_secret_are_told_with_their_time() -> None:
    assert "forged" not in rows(source_table(view(), LATER))
    told = rows(source_table(view(pulse=Pulse(forged_at=NOW)), LATER))["forged"]
    assert told == "calls with a wrong secret or none came, the last 5 min ago"


def _column(table: Table, name: str) -> Iterable[str]:
    return cells(table, [column.header for column in table.columns].index(name))
