from __future__ import annotations

import pytest

from services.routing.domain.registry import ROOT, Registry
from services.routing.domain.registry_csv import COLUMNS, MAX_ERRORS, FileName, Rows, read

TERRITORIES = "id,kind,name,parent,coordinator"
INSTITUTIONS = "id,name,short_name,kind,parent,territory"
PAGES = "id,institution,territory,name"
COMPETENCES = "institution,topic,territory"
STREETS = "territory,name"


def lines(*rows: str) -> list[bytes]:
    return [f"{row}\n".encode() for row in rows]


def read_one(name: FileName, *rows: str, existing: Registry | None = None) -> Rows:
    return read({name: lines(*rows)}, existing)


def test_the_sample_region_is_clean(sample_rows: Rows) -> None:
    counts = {name: len(getattr(sample_rows, name)) for name in COLUMNS}
    assert counts == {"territories": 41, "streets": 401, "institutions": 74, "pages": 150, "competences": 192}
    assert sample_rows.error_count == 0
    assert sample_rows.territories[0].parent == ROOT
    assert sample_rows.institutions[0].id == ROOT
    assert [row.rank for row in sample_rows.competences[:3]] == [0, 1, 2]


def test_columns_in_another_order_a_byte_order_mark_blank_lines_and_windows_line_ends() -> None:
    rows = read({"streets": ["\ufeffname,territory\r\n".encode(), b"\r\n", " улица Ленина , root \r\n".encode()]})
    assert rows.errors == []
    assert [(street.territory, street.name) for street in rows.streets] == [(ROOT, "улица Ленина")]


def test_text_lines_are_as_good_as_bytes() -> None:
    assert read({"streets": ["territory,name\n", "root,улица Ленина\n"]}).error_count == 0


def test_parents_come_first_whatever_the_order() -> None:
    rows = read_one(
        "territories", TERRITORIES, "c,settlement,В,b,", "a,region,А,,", "b,district,Б,a,root", "root,root,Страна,,"
    )
    order = [row.id for row in rows.territories]
    assert rows.errors == []
    assert order.index("a") < order.index("b") < order.index("c")
    assert {row.id: row.parent for row in rows.territories} == {"a": ROOT, "b": "a", "c": "b", ROOT: None}


@pytest.mark.parametrize(
    ("name", "rows", "line", "column", "words"),
    [
        ("territories", [TERRITORIES, "a,region,А,,", "a,region,А,,"], 3, "id", "line 2 already"),
        ("territories", [TERRITORIES, "Село,settlement,А,,"], 2, "id", "a-z"),
        ("territories", [TERRITORIES, "a,Село,А,,"], 2, "kind", "settlement"),
        ("territories", [TERRITORIES, "a,settlement,,,"], 2, "name", "1 to 500"),
        ("territories", [TERRITORIES, "a,settlement,А,b,"], 2, "parent", "no territory 'b'"),
        ("territories", [TERRITORIES, "root,root,А,root,"], 2, "parent", "leave its parent empty"),
        ("territories", [TERRITORIES, "a,settlement,А,,mayor"], 2, "coordinator", "no institution 'mayor'"),
        ("territories", [TERRITORIES, "a,settlement,А,"], 2, None, "4 fields, the header has 5"),
        ("territories", [TERRITORIES, "a,settlement,А, б,,"], 2, None, "quotation marks"),
        ("streets", [STREETS, "nowhere,улица Ленина"], 2, "territory", "no territory 'nowhere'"),
        ("streets", [STREETS, ",улица Ленина"], 2, "territory", "nothing stands here"),
        ("streets", [STREETS, "root," + "я" * 501], 2, "name", "501"),
        ("streets", [STREETS, "root,улица\0Ленина"], 2, "name", "NUL"),
        ("institutions", [INSTITUTIONS, "a,А,А,school,b,root"], 2, "parent", "no institution 'b'"),
        ("institutions", [INSTITUTIONS, "a,А,А,school,,nowhere"], 2, "territory", "no territory"),
        ("institutions", [INSTITUTIONS, "a_b,А,А,school,,root"], 2, "id", "a-z"),
        ("pages", [PAGES, "vk-1,root,root,П"], 2, "id", "vk:-123"),
        ("pages", [PAGES, "fax:1,root,root,П"], 2, "id", "telegram"),
        ("pages", [PAGES, "vk:,root,root,П"], 2, "id", "vk:-123"),
        ("pages", [PAGES, "vk:-1,nobody,root,П"], 2, "institution", "no institution 'nobody'"),
        ("pages", [PAGES, "vk:-1,root,root,П", "", "vk:-1,root,root,П"], 4, "id", "line 2 already"),
        ("competences", [COMPETENCES, "root,snows,root"], 2, "topic", "roads, safety, schools, services, snow"),
        ("competences", [COMPETENCES, "root,other,root"], 2, "topic", "leave this line out"),
        ("competences", [COMPETENCES, "root,snow,nowhere"], 2, "territory", "no territory"),
        ("competences", ["institution;topic;territory"], 1, None, "not separated by commas"),
        ("competences", ["institution,topic"], 1, None, "the column territory is missing; the first line must be"),
        ("competences", ["topic"], 1, None, "columns institution, territory are missing"),
        ("competences", ["institution,topics"], 1, None, "territory, in any order"),
        ("competences", [COMPETENCES + ",boss"], 1, None, "unknown column 'boss'"),
        ("competences", ["institution,topic,territory,topic"], 1, None, "twice"),
        ("competences", [], 1, None, "empty"),
        ("streets", [STREETS, 'root,"улица'], 2, None, "quotation marks"),
        ("streets", [STREETS, 'root,"улица" Ленина'], 2, None, "quotation marks"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    name: FileName, rows: list[str], line: int, column: str | None, words: str
) -> None:
    found = read_one(name, *rows)
    assert found.error_count == 1
    (error,) = found.errors
    assert (error.file, error.line, error.column) == (name, line, column)
    assert words in error.error


def test_a_line_is_the_physical_one_also_after_a_name_of_two_lines() -> None:
    found = read_one("streets", STREETS, 'root,"улица', 'Ленина"', "nowhere,улица Мира")
    assert [error.line for error in found.errors] == [4]


def test_a_bad_line_does_not_hide_the_next() -> None:
    found = read_one("streets", STREETS, 'root,"улица" Ленина', "nowhere,улица Мира", "root,улица Мира")
    assert [error.line for error in found.errors] == [2, 3]


def test_another_encoding_is_named_with_its_line() -> None:
    found = read({"streets": [*lines(STREETS, "root,улица Ленина"), "root,улица Мира\n".encode("cp1251")]})
    assert [(error.line, "UTF-8" in error.error) for error in found.errors] == [(3, True)]


def test_a_circle_is_named_at_each_of_its_members_and_only_there() -> None:
    found = read_one(
        "institutions",
        INSTITUTIONS,
        "a,А,А,school,b,root",
        "b,Б,Б,school,c,root",
        "c,В,В,school,a,root",
        "d,Г,Г,school,a,root",
    )
    assert [(error.line, error.column) for error in found.errors] == [(2, "parent"), (3, "parent"), (4, "parent")]
    assert len(found.institutions) == 4


def test_a_circle_through_stored_rows_is_seen() -> None:
    stored = read_one("territories", TERRITORIES, "a,region,А,,", "b,district,Б,a,")
    existing = Registry(territories=stored.territories)
    found = read_one("territories", TERRITORIES, "a,region,А,b,", existing=existing)
    assert [error.column for error in found.errors] == ["parent"]


def test_references_may_point_to_what_is_stored(sample: Registry) -> None:
    found = read_one("pages", PAGES, "vk:-5,school-12-sv,72701310,Школа", existing=sample)
    assert found.errors == []


def test_the_same_street_or_competence_twice_counts_once() -> None:
    assert len(read_one("streets", STREETS, "root,улица Мира", "root,улица Мира").streets) == 1
    assert len(read_one("competences", COMPETENCES, "root,snow,root", "root,snow,root").competences) == 1


def test_errors_beyond_the_limit_are_counted() -> None:
    found = read_one("streets", STREETS, *["nowhere,улица Мира"] * (MAX_ERRORS + 50))
    assert (len(found.errors), found.error_count) == (MAX_ERRORS, MAX_ERRORS + 50)
