"""The registry's five CSV files, read into rows and a list of what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from sys import intern
from typing import Literal

import msgspec

from services.routing.domain.csv_lines import Record, RowError, records
from services.routing.domain.registry import (
    ROOT,
    Competence,
    Institution,
    Page,
    Registry,
    Street,
    Territory,
)
from shared.events import PLATFORMS
from shared.events.base import ID_PATTERN
from shared.topics import OTHER, TOPIC_IDS

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

MAX_NAME = 500
"""Characters of a name."""

_OWN_ID = re.compile(r"[a-z0-9-]{1,60}")
_KIND = re.compile(r"[a-z0-9_]{1,40}")
_PAGE_ID = re.compile(ID_PATTERN)


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
    and institutions come parents first. A territory or institution without a parent hangs under `root`; only the row
    `root` itself has no parent. The same street or competence twice counts once.
    Raises nothing about the content: everything wrong is in `errors`, in the order of COLUMNS and lines.
    """
    return _Reading(files, existing or Registry()).rows()


class _Reading:
    """One reading of the files: what is known so far, and what was found wrong."""

    def __init__(self, files: Mapping[FileName, Iterable[bytes] | Iterable[str]], existing: Registry) -> None:
        self._existing = existing
        self._errors: list[RowError] = []
        self._count = 0
        self._records: dict[FileName, list[Record]] = {
            name: list(records(name, files[name], COLUMNS[name], self._wrong)) if name in files else []
            for name in COLUMNS
        }
        self._territory_ids = set(existing.territories) | self._ids("territories")
        self._institution_ids = set(existing.institutions) | self._ids("institutions")

    def rows(self) -> Rows:
        territories = self._tree("territories", self._territory_ids)
        streets = dict.fromkeys(self._street(record) for record in self._records["streets"])
        institutions = self._tree("institutions", self._institution_ids)
        pages = [self._page(record) for record in self._unique("pages")]
        competences: dict[tuple[str, str, str], Competence] = {}
        for rank, record in enumerate(self._records["competences"]):
            row = self._competence(record, rank)
            competences.setdefault((row.institution, row.topic, row.territory), row)
        return Rows(
            territories=[self._territory(record) for record in territories],
            streets=list(streets),
            institutions=[self._institution(record) for record in institutions],
            pages=pages,
            competences=list(competences.values()),
            errors=sorted(self._errors, key=_place_in_files),
            error_count=self._count,
        )

    def _wrong(self, error: RowError) -> None:
        self._count += 1
        if len(self._errors) < MAX_ERRORS:
            self._errors.append(error)

    def _say(self, record: Record, column: str, error: str) -> None:
        self._wrong(RowError(file=record.file, line=record.line, column=column, error=error))

    def _ids(self, file: FileName) -> set[str]:
        return {record.fields["id"] for record in self._records[file]}

    def _unique(self, file: FileName) -> list[Record]:
        """The file's records; every repetition of an id is an error."""
        first: dict[str, int] = {}
        kept: list[Record] = []
        for record in self._records[file]:
            id = record.fields["id"]
            if id in first:
                self._say(record, "id", f"{_short(id)} stands on line {first[id]} already; every id only once")
                continue
            first[id] = record.line
            kept.append(record)
        return kept

    def _tree(self, file: FileName, known: set[str]) -> list[Record]:
        """The records of territories or institutions, parents first; unknown parents and cycles are errors."""
        rows = {record.fields["id"]: record for record in self._unique(file)}
        before: Mapping[str, Territory] | Mapping[str, Institution] = (
            self._existing.territories if file == "territories" else self._existing.institutions
        )
        for id, record in rows.items():
            parent = record.fields["parent"]
            if id == ROOT and parent:
                self._say(record, "parent", "root is the top of the tree; leave its parent empty")
            elif parent and parent not in known:
                self._say(record, "parent", self._unknown(parent, file))

        def parent_of(id: str) -> str | None:
            if id in rows:
                return rows[id].fields["parent"] or None
            return before[id].parent if id in before else None

        ordered: dict[str, Record] = {ROOT: rows[ROOT]} if ROOT in rows else {}
        sound: set[str] = {ROOT}
        for id, record in rows.items():
            way: dict[str, None] = {}
            at: str | None = id
            while at is not None and at not in sound and at not in way:
                way[at] = None
                at = parent_of(at)
            if at is not None and at in way:
                if at == id:
                    self._say(record, "parent", f"{_short(id)} hangs, over its parents, below itself; break the circle")
                ordered.setdefault(id, record)
                continue
            sound.update(way)
            ordered.update({step: rows[step] for step in reversed(way) if step in rows and step not in ordered})
        return list(ordered.values())

    def _territory(self, record: Record) -> Territory:
        fields = record.fields
        self._check(record, "id", _OWN_ID, "1 to 60 characters of a-z, 0-9 and -, for example an OKTMO code")
        self._check(record, "kind", _KIND, "one word of a-z, 0-9 and _, for example settlement")
        self._name(record, "name")
        if fields["coordinator"]:
            self._refer(record, "coordinator", self._institution_ids, "institutions")
        return Territory(
            id=intern(fields["id"]),
            kind=intern(fields["kind"]),
            name=fields["name"],
            parent=None if fields["id"] == ROOT else intern(fields["parent"] or ROOT),
            coordinator=intern(fields["coordinator"]) or None,
        )

    def _street(self, record: Record) -> Street:
        self._refer(record, "territory", self._territory_ids, "territories")
        self._name(record, "name")
        return Street(territory=intern(record.fields["territory"]), name=intern(record.fields["name"]))

    def _institution(self, record: Record) -> Institution:
        fields = record.fields
        self._check(record, "id", _OWN_ID, "1 to 60 characters of a-z, 0-9 and -")
        self._name(record, "name")
        self._name(record, "short_name")
        self._check(record, "kind", _KIND, "one word of a-z, 0-9 and _, for example school")
        self._refer(record, "territory", self._territory_ids, "territories")
        return Institution(
            id=intern(fields["id"]),
            name=fields["name"],
            short_name=fields["short_name"],
            kind=intern(fields["kind"]),
            parent=None if fields["id"] == ROOT else intern(fields["parent"] or ROOT),
            territory=intern(fields["territory"]),
        )

    def _page(self, record: Record) -> Page:
        fields = record.fields
        platform, colon, local = fields["id"].partition(":")
        if not (_PAGE_ID.fullmatch(fields["id"]) and colon and local and platform in PLATFORMS):
            self._say(
                record,
                "id",
                f"{_short(fields['id'])} is no page id; write the platform ({', '.join(PLATFORMS)}), a colon and "
                "its own id, for example vk:-123, at most 200 characters of A-Z, a-z, 0-9 and ._:=+/-",
            )
        self._refer(record, "institution", self._institution_ids, "institutions")
        self._refer(record, "territory", self._territory_ids, "territories")
        self._name(record, "name")
        return Page(
            id=fields["id"],
            institution=intern(fields["institution"]),
            territory=intern(fields["territory"]),
            name=fields["name"],
        )

    def _competence(self, record: Record, rank: int) -> Competence:
        fields = record.fields
        topic = fields["topic"]
        self._refer(record, "institution", self._institution_ids, "institutions")
        if topic == OTHER:
            self._say(record, "topic", "nobody is competent for other; leave this line out")
        elif topic not in TOPIC_IDS:
            self._say(
                record, "topic", f"{_short(topic)} is no topic; the topics are {', '.join(sorted(TOPIC_IDS - {OTHER}))}"
            )
        self._refer(record, "territory", self._territory_ids, "territories")
        return Competence(
            institution=intern(fields["institution"]),
            topic=intern(topic),
            territory=intern(fields["territory"]),
            rank=rank,
        )

    def _check(self, record: Record, column: str, pattern: re.Pattern[str], right: str) -> None:
        value = record.fields[column]
        if not pattern.fullmatch(value):
            self._say(record, column, f"{_short(value)} will not do; write {right}")

    def _name(self, record: Record, column: str) -> None:
        value = record.fields[column]
        if not 1 <= len(value) <= MAX_NAME:
            self._say(record, column, f"a name of 1 to {MAX_NAME} characters is needed, here are {len(value)}")
        if "\0" in value:
            # PostgreSQL keeps any character but this one.
            self._say(record, column, "the character NUL stands in it; write the name anew")

    def _refer(self, record: Record, column: str, known: set[str], file: FileName) -> None:
        value = record.fields[column]
        if value not in known:
            self._say(record, column, self._unknown(value, file))

    @staticmethod
    def _unknown(value: str, file: FileName) -> str:
        one = "territory" if file == "territories" else "institution"
        if not value:
            return f"nothing stands here; write an id from {file}.csv"
        return f"there is no {one} {_short(value)}, neither in {file}.csv nor stored; add it there or correct the id"


def _short(value: str) -> str:
    """The value as an error quotes it."""
    return repr(value if len(value) <= 60 else value[:57] + "...")


def _place_in_files(error: RowError) -> tuple[int, int]:
    return (list(COLUMNS).index(error.file), error.line)  # type: ignore[arg-type]
