"""Times as files write them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, tzinfo

from services.ingest.submission import FIRST_YEAR, LAST_YEAR

FORMATS = (
    "%Y.%m.%d %H:%M",
    "%Y.%m.%d %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y, %H:%M",
    "%d.%m.%Y",
    "%Y.%m.%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
)
"""Tried after ISO 8601 and seconds since 1970; days stand before months, as in Russia."""

_SECONDS = re.compile(r"\d{9,10}(\.\d+)?")
_MILLISECONDS = re.compile(r"\d{12,13}")


def read_moment(text: str, zone: tzinfo, form: str | None = None) -> datetime:
    """The moment in `text`; one without an offset is in `zone`. `form` (strptime's letters) is the only one tried.

    Raises ValueError, which quotes nothing, for anything else, and for a year that ingest would refuse: one such row
    (many exports write 9999-12-31 for "unknown") must not decide how far all the others are moved.
    """
    moment = _read(text, zone, form)
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ValueError(f"posted_at: the year must lie between {FIRST_YEAR} and {LAST_YEAR}")
    return moment


def _read(text: str, zone: tzinfo, form: str | None) -> datetime:
    if form is not None:
        try:
            return _in(zone, datetime.strptime(text, form))  # noqa: DTZ007 - the zone is added by _in
        except ValueError as error:
            # strptime's own words would quote what stands there.
            raise ValueError("posted_at: does not fit --date-format") from error
    try:
        if _SECONDS.fullmatch(text):
            return datetime.fromtimestamp(float(text), UTC)
        if _MILLISECONDS.fullmatch(text):
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        return _in(zone, datetime.fromisoformat(text))
    except (ValueError, OverflowError, OSError):
        pass
    for known in FORMATS:
        try:
            return _in(zone, datetime.strptime(text, known))  # noqa: DTZ007 - as above
        except ValueError:
            continue
    raise ValueError("posted_at: the time is in none of the known formats; name it with --date-format")


def _in(zone: tzinfo, moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
