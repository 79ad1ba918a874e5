"""The rows of a CSV text, each with the line it begins on. No quotation mark swallows rows in silence."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator

import msgspec

UNCLOSED = (
    "a quotation mark that opens in this row is not closed where its field ends, and everything up to line {last} "
    "became part of it; close it, or double it where it belongs to the text"
)

SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How files of office programs begin, new and old, which people take for CSV."""
SPREADSHEET = "a spreadsheet's own file; save it as “CSV UTF-8” in the spreadsheet"


class CsvRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row; `fields` is empty for a blank line."""

    line: int
    """Where it begins."""
    last: int
    """Where it ends."""
    fields: list[str]
    unclosed: bool = False
    """Whether what it holds are perhaps several rows: `UNCLOSED` says it."""


class CsvError(Exception):
    """Nothing can be read from this line on."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def csv_rows(lines: Iterable[str], *, delimiter: str = ",", max_field: int, first: int = 1) -> Iterator[CsvRow]:
    """The rows, each read when it is asked for; a field has at most `max_field` characters. Raises CsvError.

    `first` is the number of the first line.

    A quotation mark in the middle of a field, or text after a closing one, is taken as it stands within one line. Over
    several lines it is the sign of one that was not closed, as is the end of the text within a field.
    """
    csv.field_size_limit(max_field)
    taken = _Lines(lines, first)
    reader = csv.reader(taken, delimiter=delimiter)
    while True:
        line, taken.row = taken.read + 1, []
        try:
            fields = next(reader, None)
        except csv.Error as error:
            if len(taken.row) > 1:
                reason = f"a quotation mark that opens in this row is not closed within {max_field:,} characters"
                raise CsvError(line, reason) from error
            raise CsvError(line, str(error)) from error
        if fields is None:
            return
        unclosed = taken.ended or (len(taken.row) > 1 and not _proper(taken.row, delimiter))
        yield CsvRow(line=line, last=taken.read, fields=fields, unclosed=unclosed)


def _proper(lines: list[str], delimiter: str) -> bool:
    try:
        next(csv.reader(lines, delimiter=delimiter, strict=True))
    except csv.Error:
        return False
    return True


class _Lines:
    """Lines, counted. `ended` is true once their end was met: a row that only then comes out is not whole."""

    def __init__(self, lines: Iterable[str], first: int) -> None:
        self._lines = iter(lines)
        self.read = first - 1
        """The number of the last line that was taken."""
        self.ended = False
        self.row: list[str] = []
        """Those of the present row."""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except StopIteration:
            self.ended = True
            raise
        self.read += 1
        self.row.append(line)
        return line
