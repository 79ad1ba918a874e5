"""Cursors and versions."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import Invalid
from shared.web import check_version, decode_cursor, encode_cursor, etag


@given(st.lists(st.integers() | st.text()))
def test_a_cursor_comes_back_as_it_was(position: list[int | str]) -> None:
    cursor = encode_cursor(position)
    if len(cursor) <= 1000:
        assert re.fullmatch(r"[A-Za-z0-9_-]+", cursor)
        assert decode_cursor(cursor, list) == position


@given(st.text(max_size=1200))
def test_any_other_text_is_refused_or_of_the_right_type(text: str) -> None:
    try:
        position = decode_cursor(text, int)
    except Invalid as error:
        assert error.status == 400
    else:
        assert isinstance(position, int)


def test_versions() -> None:
    check_version(None, 7)
    check_version("*", 7)
    check_version(etag(7), 7)
    check_version('"6", "7"', 7)
    with pytest.raises(Exception, match="changed it meanwhile") as caught:
        check_version('"6"', 7)
    assert caught.value.headers == {"ETag": '"7"'}  # type: ignore[attr-defined]  # PreconditionFailed
    for wrong in ("7", 'W/"7"', "", '"x"', '"7", x'):
        with pytest.raises(Invalid):
            check_version(wrong, 7)
