"""The registry's five CSV files, read into rows and a list of what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from services.routing.domain.registry import Competence, Institution, Page, Registry, Street, Territory

FileName = Literal["territories", "streets", "institutions", "pages", "competences"]

COLUMNS: Mapping[FileName, tuple[str, ...]] = {
    "territories": ("id", "kind", "name", "parent", "coordinator"),
    "streets": ("territory", "name"),
    "institutions": ("id", "name", "short_name", "kind", "parent", "territory"),
    "pages": ("id", "institution", "territory", "name"),
    "competences": ("institution", "topic", "territory"),
}
"""The columns of each file; their order in a file is free, all must be there and no others."""

MAX_ERRORS = 200
"""Errors that are listed; the rest are only counted."""


class RowError(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: in which file, on which physical line (the first is 1), in which column if in one."""

    file: str
    line: int
    column: str | None
    error: str
    """What is wrong and what would be right, in plain words."""


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What the files say. Import them only when `error_count` is 0."""

    territories: list[Territory]
    streets: list[Street]
    institutions: list[Institution]
    pages: list[Page]
    competences: list[Competence]
    errors: list[RowError]
    error_count: int
    """All errors, also those beyond MAX_ERRORS."""


def read(files: Mapping[FileName, Iterable[bytes] | Iterable[str]], existing: Registry | None = None) -> Rows:
    """The rows of the files given (each an open file or any iterable of its lines; bytes preferred, so that a wrong
    encoding is named with its line); a file left out has no rows.

    References may point to rows of the files or of `existing`; a row whose id exists already replaces it. Territories
    and institutions come parents first. Raises nothing about the content: everything wrong is in `errors`.
    """
    raise NotImplementedError
