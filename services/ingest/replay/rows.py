"""The rows of a file, one after the other, each with its line number."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Literal, TextIO

import msgspec

from services.ingest.reading import mend_surrogates
from services.ingest.replay.fault import ReplayError
from shared.csv_rows import SPREADSHEET, SPREADSHEETS, UNCLOSED, CsvError, CsvRow, csv_rows

Format = Literal["csv", "ndjson"]
EXTENSIONS: Mapping[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
}
MAX_FIELD = 4 * 1024 * 1024
"""Characters of one CSV field; what is over ingest's own limit is for ingest to refuse, row by row."""

LOOKED_AT = 100
"""NDJSON rows whose keys count as the file's columns."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row; `values` is None where it cannot be read, and `error` says why. Blank lines are no rows."""

    line: int
    values: Mapping[str, object] | None
    error: str = ""


class RowFile:
    """A file of rows, which may be read several times."""

    def __init__(self, path: Path, form: Format | None = None, encoding: str = "utf-8-sig") -> None:
        """Raises ReplayError for a file that cannot be read or whose format is not known."""
        self._path = path
        self._encoding = encoding
        self._raw: io.BufferedReader | None = None
        try:
            with path.open("rb") as raw:
                if raw.peek(4).startswith(SPREADSHEETS):
                    raise ReplayError(f"{path.name}: {SPREADSHEET}")
                self.digest = hashlib.file_digest(raw, "sha256").hexdigest()
                self._size = raw.tell()
        except OSError as error:
            raise ReplayError(f"cannot read {path}: {error.strerror}") from error
        found = form or EXTENSIONS.get(path.suffix.lower())
        if found is None:
            raise ReplayError(f"{path.name}: say what it is with --format csv or --format ndjson")
        self._form: Format = found

    @property
    def share_read(self) -> float:
        """How much of the file the present pass has read, 0 to 1; 1 after it."""
        return 1.0 if self._raw is None or self._raw.closed else self._raw.tell() / max(1, self._size)

    def columns(self) -> list[str]:
        """The names of the columns, in order; raises ReplayError where there are none."""
        found: dict[str, None] = {}
        if self._form == "csv":
            with self._decoding() as text:
                found = dict.fromkeys(_header(next(self._csv_rows(text), None), self._path.name))
        else:
            for row in islice(self.rows(), LOOKED_AT):
                found.update(dict.fromkeys(row.values or ()))
        if not found:
            raise ReplayError(f"{self._path.name}: there are no columns in it")
        return list(found)

    def rows(self) -> Iterator[Row]:
        """All rows from the beginning; raises ReplayError where the encoding or the quoting is wrong."""
        with self._decoding() as text:
            yield from self._csv(text) if self._form == "csv" else _ndjson(text)

    @contextmanager
    def _decoding(self) -> Iterator[TextIO]:
        with self._path.open("rb") as self._raw, io.TextIOWrapper(self._raw, self._encoding, newline="") as text:
            try:
                yield text
            except UnicodeDecodeError as error:
                raise ReplayError(
                    f"{self._path.name}: not {self._encoding} somewhere in the first {self.share_read:.0%}; "
                    "try --encoding windows-1251"
                ) from error

    def _delimiter(self) -> str:
        with self._path.open(encoding=self._encoding) as text:
            return max(",;\t|", key=text.readline().count)

    def _csv(self, text: TextIO) -> Iterator[Row]:
        rows = self._csv_rows(text)
        header = _header(next(rows, None), self._path.name)
        for row in rows:
            if row.fields:
                yield _row(header, row)

    def _csv_rows(self, text: TextIO) -> Iterator[CsvRow]:
        lines = iter(text.readline, "")
        try:
            yield from csv_rows(lines, delimiter=self._delimiter(), max_field=MAX_FIELD)
        except CsvError as error:
            raise ReplayError(f"{self._path.name}, {error}") from error


def _header(row: CsvRow | None, name: str) -> list[str]:
    if row is None:
        return []
    if row.unclosed:
        raise ReplayError(f"{name}, line {row.line}: {UNCLOSED.format(last=row.last)}")
    return [field.strip() for field in row.fields]


def _row(header: list[str], row: CsvRow) -> Row:
    error = ""
    if row.unclosed:
        error = UNCLOSED.format(last=row.last)
    elif len(row.fields) != len(header):
        error = f"has {len(row.fields)} fields where the header has {len(header)}"
    values = None if error else dict(zip(header, row.fields, strict=True))
    return Row(line=row.line, values=values, error=error)


def _ndjson(text: TextIO) -> Iterator[Row]:
    decoder = msgspec.json.Decoder(dict[str, object])
    for line, value in enumerate(text, start=1):
        if not value.strip():
            continue
        try:
            yield Row(line=line, values=decoder.decode(mend_surrogates(value.encode())))
        except (msgspec.MsgspecError, RecursionError):
            yield Row(line=line, values=None, error="is not a JSON object")
