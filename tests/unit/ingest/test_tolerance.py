"""Fields of another type, and text that is hardly text."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.ingest.connectors.proof import proves
from services.ingest.connectors.tolerance import MAX_FAULTS, Unreadable, Whole, fit, is_id, parse


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    """Within Outer."""

    url: str | None = None


class Outer(msgspec.Struct, frozen=True, kw_only=True):
    """A shape as connectors have them."""

    id: Whole | None = None
    inner: Inner | None = None
    many: list[Inner] = []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"id": "x"}, Outer()),
        ({"id": 2**63}, Outer()),
        ({"id": True}, Outer()),
        ({"id": 1, "inner": 3, "more": []}, Outer(id=1)),
        ({"many": [{"url": 1}, {"url": "a"}, 7]}, Outer(many=[Inner(), Inner(url="a")])),
        ({"many": {"url": "a"}}, Outer()),
    ],
)
def test_a_field_of_another_type_counts_as_missing(value: Any, expected: Outer) -> None:
    """And only it."""
    assert fit(value, Outer) == expected


@pytest.mark.parametrize("value", [None, 5, "x", [], [{"id": 1}], {"many": [1] * (MAX_FAULTS + 1)}])
def test_what_is_no_such_object(value: Any) -> None:
    """Or is wrong almost everywhere."""
    with pytest.raises(Unreadable):
        fit(value, Outer)


def test_broken_text_is_mended() -> None:
    """Half a surrogate pair, and bytes that are none of UTF-8, cost their character only."""
    assert parse(rb'{"a": "x\ud83d", "b": "\ud83d\ude00"}') == {"a": "x�", "b": "😀"}
    assert parse(b'{"a": "\xff"}') == {"a": "�"}
    assert parse(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    assert parse(b'{"a": "\\ud800", "b": ' + b"9" * 99 + b', "c": NaN}') == {"a": "�", "b": None, "c": None}


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (b"", "no JSON: Expecting value (line 1, column 1)"),
        ('{"a": "да",\n}'.encode(), "no JSON: Expecting property name enclosed in double quotes (line 2, column 1)"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_json_is_told_with_its_place(payload: bytes, told: str) -> None:
    """Of what the patient reader makes of it."""
    with pytest.raises(Unreadable) as wrong:
        parse(payload)
    assert str(wrong.value) == told


def test_ids() -> None:
    """With their platform in front they fit an event."""
    assert is_id("mid.0a")
    for text in (None, "", "a b", "x\n", "ё", "x" * 181):
        assert not is_id(text)


def test_a_secret_proves_only_itself() -> None:
    """None never does."""
    assert proves("s", "s")
    for secret, given in ((None, None), ("", ""), ("s", None), ("s", "S"), ("s", "ё"), (None, "s")):
        assert not proves(secret, given)
