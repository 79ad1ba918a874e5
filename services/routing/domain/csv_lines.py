"""CSV records with the physical line each begins on, and plain words for what is wrong with a file's shape."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence

import msgspec


class RowError(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: in which file, on which physical line (the first is 1), in which column if in one."""

    file: str
    line: int
    column: str | None
    error: str
    """What is wrong and what would be right, in plain words."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record: its fields by column, without surrounding blanks, and the physical line it begins on."""

    file: str
    line: int
    fields: dict[str, str]


class _NotUtf8(Exception):
    """A line whose bytes are no UTF-8; the line is the reader's present one."""


def records(
    file: str,
    lines: Iterable[bytes] | Iterable[str],
    columns: Sequence[str],
    wrong: Callable[[RowError], None],
) -> Iterator[Record]:
    """The records of a CSV file with a header, separated by commas; blank lines are skipped.

    A record of the wrong shape is reported and left out; a file that is not UTF-8 is given up at its first bad line,
    one with a wrong header at once.
    """
    counted = _Lines(lines)
    reader = csv.reader(counted, strict=True)
    header: list[str] | None = None
    while True:
        line = counted.number + 1
        try:
            fields = [field.strip() for field in next(reader)]
        except StopIteration:
            break
        except (UnicodeDecodeError, _NotUtf8):
            wrong(_error(file, counted.number, "this line is not UTF-8; save the file as CSV in the encoding UTF-8"))
            return
        except csv.Error as error:
            wrong(_error(file, line, f"this line is no proper CSV ({error}); check its quotation marks"))
            if counted.number > line:
                # An open quotation mark swallowed lines: where a record begins is no longer known.
                return
            continue
        if not any(fields):
            continue
        if header is None:
            header = fields
            problem = _header_problem(header, columns)
            if problem:
                wrong(_error(file, line, problem))
                return
        elif len(fields) != len(header):
            wrong(
                _error(
                    file,
                    line,
                    f"{len(fields)} fields, the header has {len(header)}; put a field that contains a comma in "
                    "quotation marks, and leave an empty field empty between its commas",
                )
            )
        else:
            yield Record(file, line, dict(zip(header, fields, strict=True)))
    if header is None:
        wrong(_error(file, 1, f"the file is empty; its first line must be {','.join(columns)}, in any order"))


def _header_problem(header: Sequence[str], columns: Sequence[str]) -> str | None:
    right = f"the first line must be {','.join(columns)}, in any order"
    if len(header) == 1 and (";" in header[0] or "\t" in header[0]):
        return f"the columns are not separated by commas; {right}"
    unknown = [column for column in header if column not in columns]
    if unknown:
        return f"unknown column {', '.join(repr(column[:60]) for column in unknown[:5])}; {right}"
    missing = [column for column in columns if column not in header]
    if missing:
        what = f"the column {missing[0]} is" if len(missing) == 1 else f"the columns {', '.join(missing)} are"
        return f"{what} missing; {right}"
    if len(set(header)) != len(header):
        return f"a column stands there twice; {right}"
    return None


def _error(file: str, line: int, error: str) -> RowError:
    return RowError(file=file, line=line, column=None, error=error)


class _Lines:
    """Decoded lines, counted as they are handed out; a byte order mark before the first is dropped."""

    def __init__(self, lines: Iterable[bytes] | Iterable[str]) -> None:
        self._lines: Iterator[bytes | str] = iter(lines)
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.number += 1
        try:
            line = next(self._lines)
        except StopIteration:
            self.number -= 1
            raise
        try:
            text = line.decode("utf-8") if isinstance(line, bytes) else line
        except UnicodeDecodeError as error:
            raise _NotUtf8 from error
        return text.removeprefix("\ufeff") if self.number == 1 else text
