"""How replay reads a file: columns, times, rows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path, PurePath
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.reading import read_one
from services.ingest.replay.columns import Column, parse_map, parse_set, settle, to_submission
from services.ingest.replay.fault import ReplayError
from services.ingest.replay.moments import read_moment
from services.ingest.replay.rows import MAX_FIELD, RowFile

MOSCOW = ZoneInfo("Europe/Moscow")
COLUMNS = [
    *("datetime", "post_id", "comment_id", "author_is_community"),
    *("community_name", "author_hash", "text", "likes"),
]
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


# Columns ---------------------------------------------------------------------------------------------------------


def test_well_known_columns_need_no_telling() -> None:
    plan = settle(COLUMNS, {}, {}, PurePath("Admiralteysky Rayon.csv"))
    assert {field: column.name for field, column in plan.columns.items()} == {
        "id": "comment_id",
        "post": "post_id",
        "author": "author_hash",
        "author_kind": "author_is_community",
        "text": "text",
        "posted_at": "datetime",
    }
    assert plan.constants == {"page": "http:admiralteysky-rayon"}
    row = dict(zip(COLUMNS, ["2017.06.05 15:41", "24", "27", "0", "", "479c", "Вода?", "3"], strict=True))
    assert to_submission(plan, row, 2, MOSCOW) == {
        "platform": "http",
        "page": "http:admiralteysky-rayon",
        "id": "27",
        "post": "24",
        "author": "479c",
        "author_kind": "person",
        "text": "Вода?",
        "posted_at": datetime(2017, 6, 5, 15, 41, tzinfo=MOSCOW),
    }
    own = row | {"author_is_community": "1", "community_name": "Район", "author_hash": ""}
    sent = to_submission(plan, own, 3, MOSCOW)
    assert sent["author_kind"] == "page"
    assert "author" not in sent
    assert "Район" not in sent.values()


def test_what_is_told_wins_over_what_is_guessed() -> None:
    plan = settle(
        ["id", "text", "body", "kind"],
        dict([parse_map("text=body"), parse_map("author_kind=kind:o=page, p = person")]),
        dict([parse_set("page=vk:-1"), parse_set("post=wall=7")]),
        PurePath("x.csv"),
    )
    sent = to_submission(plan, {"id": "5", "text": "нет", "body": "да", "kind": "p"}, 1, MOSCOW)
    assert sent == {
        "platform": "vk",
        "page": "vk:-1",
        "post": "wall=7",
        "id": "5",
        "text": "да",
        "author_kind": "person",
    }
    with pytest.raises(ValueError, match="author_kind: the column kind holds a value that --map does not translate"):
        to_submission(plan, {"id": "5", "body": "да", "kind": "?"}, 1, MOSCOW)


@pytest.mark.parametrize(
    ("present", "maps", "words"),
    [
        (
            ["a", "text"],
            [],
            "no column for id: name it with --map id=COLUMN or --map id=@line; the columns there are: a, text",
        ),
        (["id", "b"], [], "no column for text: name it with --map text=COLUMN; the columns there are: id, b"),
        (["id", "text"], ["post=c"], 'post: there is no column "c"; the columns there are: id, text'),
    ],
)
def test_a_missing_column_is_one_line_with_the_columns_there_are(
    present: list[str], maps: list[str], words: str
) -> None:
    with pytest.raises(ReplayError) as caught:
        settle(present, dict(map(parse_map, maps)), {}, PurePath("x.csv"))
    assert str(caught.value) == words


@pytest.mark.parametrize("argument", ["text", "colour=a", "=a", "author_kind=k:1"])
def test_a_wrong_map_is_explained(argument: str) -> None:
    with pytest.raises(ReplayError, match="--map"):
        parse_map(argument)


def test_a_field_is_told_once() -> None:
    with pytest.raises(ReplayError, match="either --map or --set"):
        settle(["id", "text"], {"id": Column(name="id")}, {"id": "1"}, PurePath("x.csv"))


@pytest.mark.parametrize("page", ["demo", "fb:demo", ""])
def test_a_page_without_its_platform_is_told_as_the_mistake_it_is(page: str) -> None:
    columns = ["id", "text"]
    with pytest.raises(ReplayError, match='--set page: must be the page with its platform, as in "http:demo"'):
        settle(columns, {}, {"page": page}, PurePath("x.csv"))
    assert settle(columns, {}, {"page": page, "platform": "vk"}, PurePath("x.csv")).constants["page"] == page
    plan = settle([*columns, "page"], {}, {}, PurePath("x.csv"))
    with pytest.raises(ValueError, match=r"^page: must be the page with its platform"):
        to_submission(plan, {"id": "1", "text": "да", "page": page}, 2, MOSCOW)


def test_lines_can_be_ids() -> None:
    plan = settle(["text"], dict([parse_map("id=@line")]), {}, PurePath("письма.csv"))
    assert plan.constants == {"page": "http:replay"}
    assert to_submission(plan, {"text": "а"}, 17, MOSCOW)["id"] == "17"


@given(
    st.dictionaries(
        st.sampled_from(["id", "post", "author", "text", "attachments", "posted_at"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()),
    )
)
def test_any_row_is_sent_as_json_or_named(row: dict[str, object]) -> None:
    plan = settle(["id", "post", "author", "text", "attachments", "posted_at"], {}, {}, PurePath("x.ndjson"))
    try:
        sent = to_submission(plan, row, 1, MOSCOW)
    except ValueError as error:
        assert ": " in str(error)
    else:
        read_one(msgspec.json.encode(sent))


# Times -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "2017.06.05 15:41",
        "2017.06.05 15:41:00",
        "05.06.2017 15:41",
        "05.06.2017, 15:41",
        "2017-06-05 15:41",
        "2017-06-05T15:41:00",
        "2017-06-05T12:41:00Z",
        "2017-06-05T14:41:00+02:00",
        "2017/06/05 15:41",
        "1496666460",
        "1496666460000",
    ],
)
def test_times_are_read(text: str) -> None:
    assert read_moment(text, MOSCOW) == datetime(2017, 6, 5, 12, 41, tzinfo=UTC)


@pytest.mark.parametrize("text", ["9999-12-31", "31.12.9999 23:59", "0001-01-01T00:00:00+00:00", "2100-01-01"])
def test_a_year_that_ingest_would_refuse_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="posted_at: the year must lie between 1970 and 2099"):
        read_moment(text, MOSCOW)


def test_a_format_of_ones_own() -> None:
    assert read_moment("5 6 17", MOSCOW, "%d %m %y") == datetime(2017, 6, 5, tzinfo=MOSCOW)
    with pytest.raises(ValueError, match="does not fit --date-format") as caught:
        read_moment("чей-то текст", MOSCOW, "%d %m %y")
    assert "текст" not in str(caught.value)


@given(st.text())
def test_any_text_is_a_time_or_is_refused_in_words(text: str) -> None:
    try:
        assert read_moment(text, MOSCOW).tzinfo is not None
    except ValueError as error:
        assert "--date-format" in str(error)


# Rows ------------------------------------------------------------------------------------------------------------


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_csv_rows_know_their_line(tmp_path: Path) -> None:
    content = 'id;text\r\n1;"два\r\nряда"\r\n\r\n2;раз;лишнее\r\n3;да'.encode()
    file = RowFile(write(tmp_path / "a.csv", b"\xef\xbb\xbf" + content))
    assert file.columns() == ["id", "text"]
    rows = list(file.rows())
    assert [row.line for row in rows] == [2, 5, 6]
    assert rows[0].values == {"id": "1", "text": "два\r\nряда"}
    assert rows[1].values is None
    assert rows[1].error == "has 3 fields where the header has 2"
    assert file.share_read == 1.0


def test_ndjson_rows_know_their_line(tmp_path: Path) -> None:
    file = RowFile(write(tmp_path / "a.jsonl", b'{"id": 1}\n\n[]\n{"id": 2, "text": "\\ud800"}\n'))
    assert file.columns() == ["id", "text"]
    rows = list(file.rows())
    assert [(row.line, row.values is None) for row in rows] == [(1, False), (3, True), (4, False)]
    assert rows[2].values == {"id": 2, "text": "\ufffd"}


def test_an_unclosed_quotation_mark_is_named_and_swallows_nothing_silently(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,да\n2,"нет\n3,да\n', encoding="utf-8")
    assert [(row.line, row.values is None, row.error[:36]) for row in RowFile(path).rows()] == [
        (2, False, ""),
        (3, True, "a quotation mark that opens in this "),
    ]
    path.write_text('id,text\n1,"да\n2,"нет"\n3,да\n', encoding="utf-8")
    assert [(row.line, row.values) for row in RowFile(path).rows()] == [(2, None), (4, {"id": "3", "text": "да"})]
    path.write_text('id,text\n1,"да\nи нет"', encoding="utf-8")
    assert [row.values for row in RowFile(path).rows()] == [{"id": "1", "text": "да\nи нет"}]
    path.write_text('id,"text\n1,да\n', encoding="utf-8")
    with pytest.raises(ReplayError, match="line 1: a quotation mark"):
        RowFile(path).columns()


def test_a_header_has_a_limit_too(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,text," + "x" * (MAX_FIELD + 1), encoding="utf-8")
    with pytest.raises(ReplayError, match="line 1: field larger than field limit"):
        RowFile(path).columns()
    path.write_text("id,text," + "x" * 200_000, encoding="utf-8")
    assert len(RowFile(path).columns()) == 3


def test_other_encodings(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", "id,text\n1,вода".encode("windows-1251"))
    with pytest.raises(ReplayError, match=r"not utf-8-sig somewhere in the first .*--encoding windows-1251"):
        list(RowFile(path).rows())
    assert [row.values for row in RowFile(path, encoding="windows-1251").rows()] == [{"id": "1", "text": "вода"}]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="--format csv or --format ndjson"):
        RowFile(write(tmp_path / "a.txt", b"id,text\n"))
    with pytest.raises(ReplayError, match=r"a.xlsx: a spreadsheet's own file; save it as “CSV UTF-8”"):
        RowFile(write(tmp_path / "a.xlsx", b"PK\x03\x04\x14\0"))
    with pytest.raises(ReplayError, match=r"a.csv: a spreadsheet's own file"):
        RowFile(write(tmp_path / "a.csv", b"\xd0\xcf\x11\xe0\xa1"), "csv")
    with pytest.raises(ReplayError, match="No such file"):
        RowFile(tmp_path / "absent.csv")
    with pytest.raises(ReplayError, match="no columns"):
        RowFile(write(tmp_path / "a.csv", b"")).columns()
