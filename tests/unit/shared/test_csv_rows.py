"""Rows of CSV: where they begin, and quotation marks that are not closed."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.csv_rows import CsvError, CsvRow, csv_rows

LIMIT = 1000


def rows(text: str, delimiter: str = ",") -> list[CsvRow]:
    return list(csv_rows(io.StringIO(text, newline=""), delimiter=delimiter, max_field=LIMIT))


def test_rows_know_where_they_begin_and_end() -> None:
    found = rows('a;b\r\n1;"two\r\nlines"\r\n\r\n2;"said ""no"""', ";")
    assert [(row.line, row.last, row.fields, row.unclosed) for row in found] == [
        (1, 1, ["a", "b"], False),
        (2, 3, ["1", "two\r\nlines"], False),
        (4, 4, [], False),
        (5, 5, ["2", 'said "no"'], False),
    ]


@pytest.mark.parametrize(
    ("text", "unclosed"),
    [
        ('1,"a\n2,b\n3,c\n', [(1, 3)]),
        ('1,"a\n2,"b"\n3,c\n', [(1, 2)]),
        ('1,a\n2,"b', [(2, 2)]),
        ('1,"a" b\n2,c "d"\n3,"e\nf"', []),
    ],
)
def test_a_quotation_mark_that_swallows_lines_is_told(text: str, unclosed: list[tuple[int, int]]) -> None:
    assert [(row.line, row.last) for row in rows(text) if row.unclosed] == unclosed


@given(st.lists(st.lists(st.text(st.sampled_from('ab",;\n\r ')), min_size=1)))
def test_what_was_written_as_csv_is_read_back(table: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(table)
    found = rows(text.getvalue())
    assert [row.fields for row in found] == table
    assert not any(row.unclosed for row in found)


def test_a_field_has_a_limit() -> None:
    with pytest.raises(CsvError, match=r"^line 2: field larger than field limit"):
        rows("a\n" + "x" * (LIMIT + 1))
    with pytest.raises(CsvError, match=r"^line 2: a quotation mark that opens in this row is not closed within 1,000"):
        rows('a\n"b\n' + "x\n" * LIMIT)
