"""Numbers on the command line."""

from __future__ import annotations

from typing import Any

import pytest
from click import ParamType, UsageError
from click.testing import CliRunner

from shared.bus.__main__ import main
from shared.numbers import Number, WholeNumber


@pytest.mark.parametrize(
    ("kind", "given", "told"),
    [
        (Number(min=0.1), "fast", "'fast' is not a valid number"),
        (WholeNumber(min=1), "one", "'one' is not a valid whole number"),
        (WholeNumber(min=1), "1.5", "'1.5' is not a valid whole number"),
        (WholeNumber(min=1), "0", "0 is not in the range x>=1"),
    ],
)
def test_what_is_none_is_told_in_plain_words(kind: ParamType[Any], given: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        kind.convert(given, None, None)
    assert WholeNumber(min=1).convert("2", None, None) == 2  # type: ignore[arg-type]  # click: takes text as well


def test_a_letters_number_is_a_whole_one() -> None:
    assert "'one' is not a valid whole number" in CliRunner().invoke(main, ["dead", "show", "one"]).output
