"""Which column of a file becomes which field of a submission. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from pathlib import PurePath

import msgspec

from services.ingest.reading import RIGHT
from services.ingest.replay.fault import ReplayError
from services.ingest.replay.moments import read_moment
from services.ingest.submission import Submission
from shared.events import PLATFORMS

FIELDS = tuple(field.name for field in msgspec.structs.fields(Submission))
REQUIRED = ("id", "text")
LINE = "@line"
"""In place of a column: the line's number in the file."""

GUESSES: Mapping[str, tuple[str, ...]] = {
    "platform": ("platform",),
    "page": ("page", "page_id"),
    "id": ("id", "comment_id", "message_id"),
    "event": ("event",),
    "post": ("post", "post_id", "topic_id"),
    "parent": ("parent", "parent_id", "reply_to", "reply_to_comment", "in_reply_to"),
    "author": ("author", "author_hash", "author_id", "from_id", "user_id", "user"),
    "author_kind": ("author_kind",),
    "text": ("text", "comment_text", "comment", "message", "body", "content", "текст", "комментарий", "сообщение"),
    "attachments": ("attachments",),
    "posted_at": ("posted_at", "datetime", "created_at", "published_at", "date", "timestamp", "time", "дата"),
}
"""Names by which a column is known without being told; columns of persons' names are not among them."""

PAGE_WROTE = "author_is_community"
"""A well-known column: 1 where the page itself wrote."""
_PAGE_WROTE_VALUES = {"1": "page", "true": "page", "True": "page", "0": "person", "false": "person", "False": "person"}

_PAGE = f"page: must be {RIGHT['page']}; platforms are {', '.join(PLATFORMS)}"

_SLUG = re.compile(r"[^a-z0-9]+")


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """Where a field comes from. `values` translates what stands there; what it does not know is an error."""

    name: str
    values: Mapping[str, str] = {}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Field by field: a column, or a constant for every row."""

    columns: Mapping[str, Column]
    constants: Mapping[str, str]

    def describe(self) -> str:
        """In one line, for the person who watches."""
        parts = [f"{field}={column.name}" for field, column in self.columns.items()]
        return ", ".join(parts + [f'{field}="{value}"' for field, value in self.constants.items()])


def parse_map(argument: str) -> tuple[str, Column]:
    """`FIELD=COLUMN` or `FIELD=COLUMN:value=meaning,value=meaning`; raises ReplayError."""
    field, equals, rest = argument.partition("=")
    _check_field(field, equals, f"--map {argument}: must be FIELD=COLUMN")
    name, colon, table = rest.partition(":")
    if not colon:
        return field, Column(name=name)
    values: dict[str, str] = {}
    for pair in table.split(","):
        value, equals, meaning = pair.partition("=")
        if not equals:
            raise ReplayError(f"--map {argument}: after the colon must stand value=meaning, separated by commas")
        values[value.strip()] = meaning.strip()
    return field, Column(name=name, values=values)


def parse_set(argument: str) -> tuple[str, str]:
    """`FIELD=CONSTANT`; raises ReplayError."""
    field, equals, value = argument.partition("=")
    _check_field(field, equals, f"--set {argument}: must be FIELD=VALUE")
    return field, value


def _check_field(field: str, equals: str, usage: str) -> None:
    if not equals or field not in FIELDS:
        raise ReplayError(f"{usage}, where FIELD is one of {', '.join(FIELDS)}")


def settle(present: Sequence[str], maps: Mapping[str, Column], constants: Mapping[str, str], file: PurePath) -> Plan:
    """The plan for a file with the columns `present`: what was told, else well-known names, else the file's name.

    Raises ReplayError that lists the columns there are when one is missing.
    """
    there = f"the columns there are: {', '.join(present)}"
    columns: dict[str, Column] = {}
    settled = dict(constants)
    known = {_plain(name): name for name in reversed(present)}
    for field in FIELDS:
        if field in maps and field in settled:
            raise ReplayError(f"{field}: give either --map or --set, not both")
        if field in maps:
            if maps[field].name not in (*present, LINE):
                raise ReplayError(f'{field}: there is no column "{maps[field].name}"; {there}')
            columns[field] = maps[field]
        elif field not in settled:
            found = next((known[name] for name in GUESSES[field] if name in known), None)
            if found is not None:
                columns[field] = Column(name=found)
            elif field == "author_kind" and PAGE_WROTE in known:
                columns[field] = Column(name=known[PAGE_WROTE], values=_PAGE_WROTE_VALUES)
    for field in REQUIRED:
        if field not in columns and field not in settled:
            hint = f" or --map id={LINE}" if field == "id" else ""
            raise ReplayError(f"no column for {field}: name it with --map {field}=COLUMN{hint}; {there}")
    if "page" in settled and "platform" not in {*columns, *settled} and _platform_of(settled["page"]) is None:
        raise ReplayError(f"--set {_PAGE}")
    if "page" not in columns and "page" not in settled:
        slug = _SLUG.sub("-", file.stem.lower()).strip("-") or "replay"
        settled["page"] = f"{settled.get('platform', 'http')}:{slug}"
    return Plan(columns=columns, constants=settled)


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def to_submission(
    plan: Plan, row: Mapping[str, object], line: int, zone: tzinfo, date_format: str | None = None
) -> dict[str, object]:
    """What is sent for one row; ingest judges it. Raises ValueError naming the field that cannot even be sent."""
    fields: dict[str, object] = dict(plan.constants)
    for field, column in plan.columns.items():
        raw = line if column.name == LINE else row.get(column.name)
        if field == "attachments" and not isinstance(raw, str):
            value: object = raw or None
        else:
            value = _text(field, raw)
            if field != "text" and isinstance(value, str):
                value = value.strip() or None
            if column.values and isinstance(value, str):
                if value not in column.values:
                    raise ValueError(f"{field}: the column {column.name} holds a value that --map does not translate")
                value = column.values[value]
        if value is not None:
            fields[field] = value
    posted_at = fields.get("posted_at")
    if isinstance(posted_at, str):
        fields["posted_at"] = read_moment(posted_at, zone, date_format)
    if "platform" not in fields:
        platform = _platform_of(fields.get("page"))
        if platform is None:
            raise ValueError(_PAGE)
        fields["platform"] = platform
    return fields


def _platform_of(page: object) -> str | None:
    platform, colon, _ = str(page).partition(":")
    return platform if colon and platform in PLATFORMS else None


def _text(field: str, raw: object) -> str | None:
    match raw:
        case None:
            return None
        case str():
            return raw
        case bool():
            return "true" if raw else "false"
        case float() if raw.is_integer():
            return str(int(raw))
        case int() | float():
            return str(raw)
    raise ValueError(f"{field}: must be a string or a number")
