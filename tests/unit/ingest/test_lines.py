"""Cutting a stream into lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from services.ingest.lines import MAX_GROUP_BYTES, MAX_GROUP_LINES, MAX_LINE, LineCutter, groups


def cut(chunks: list[bytes], limit: int = MAX_LINE) -> list[bytes | None]:
    cutter = LineCutter(limit)
    lines = [line for chunk in chunks for line in cutter.feed(chunk)]
    return lines + cutter.finish()


@given(st.lists(st.text(alphabet="ab ", max_size=6).map(str.encode)), st.data())
def test_lines_do_not_depend_on_where_chunks_end(lines: list[bytes], data: st.DataObject) -> None:
    body = b"\n".join(lines)
    places = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    chunks = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]
    limit = data.draw(st.integers(1, 6))
    expected = [line.strip() if len(line) <= limit else None for line in body.split(b"\n")]
    if body.split(b"\n")[-1] == b"":
        expected.pop()
    assert cut(chunks, limit) == expected


def test_carriage_returns_and_blank_lines_keep_their_places() -> None:
    assert cut([b"a\r\n\r\nb\n"]) == [b"a", b"", b"b"]


def test_a_line_at_the_limit_passes_and_one_over_it_does_not_spoil_the_next() -> None:
    assert cut([b"a" * MAX_LINE, b"\nb\n"]) == [b"a" * MAX_LINE, b"b"]
    assert cut([b"a" * MAX_LINE, b"a", b"a" * MAX_LINE, b"\nb\n"]) == [None, b"b"]
    assert cut([b"a\n" + b"b" * (MAX_LINE + 1) + b"\nc"]) == [b"a", None, b"c"]


def test_an_over_long_line_is_not_kept_while_it_comes() -> None:
    cutter = LineCutter(10)
    for _ in range(1_000):
        assert cutter.feed(b"x" * 100) == []
    assert len(cutter._begun) == 0
    assert cutter.finish() == [None]


@given(st.lists(st.none() | st.integers(0, MAX_LINE).map(bytes), max_size=30))
def test_groups_keep_order_and_stay_below_their_bound(lines: list[bytes | None]) -> None:
    found = list(groups(lines))
    assert [line for group in found for line in group] == lines
    for group in found:
        assert len(group) == 1 or sum(len(line or b"") for line in group) <= MAX_GROUP_BYTES


def test_groups_have_a_bounded_number_of_lines() -> None:
    assert [len(group) for group in groups([b"x"] * (2 * MAX_GROUP_LINES + 1))] == [MAX_GROUP_LINES, MAX_GROUP_LINES, 1]
