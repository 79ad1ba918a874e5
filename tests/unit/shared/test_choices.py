"""The choices, wherever in a value another one stood."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest
from msgspec import Meta

from shared.choices import told

Size = Literal["small", "large"]


class Box(msgspec.Struct):
    size: Annotated[Size | None, Meta(description="How large.")] = None
    sizes: Annotated[list[Size], Meta(max_length=2)] = []
    by_name: dict[str, Size] = {}
    within: Box | None = None
    called: Literal[1, 2] = msgspec.field(default=1, name="number")


@pytest.mark.parametrize(
    ("value", "right"),
    [
        ({"size": "huge"}, "large, small"),
        ({"sizes": ["small", "huge"]}, "large, small"),
        ({"by_name": {"a": "huge"}}, "large, small"),
        ({"within": {"within": {"sizes": ["huge"]}}}, "large, small"),
        ({"number": 3}, "1, 2"),
    ],
)
def test_choices_are_listed(value: Any, right: str) -> None:
    with pytest.raises(msgspec.ValidationError) as wrong:
        msgspec.convert(value, Box)
    message, _, path = str(wrong.value).partition(" - at `")
    assert told(message, Box, path.rstrip("`")) == f"must be one of {right}"


def test_what_is_no_choice_is_told_as_it_is() -> None:
    assert told("Expected `int`, got `str`", Box, "$.number") == "Expected `int`, got `str`"
    assert told("Invalid enum value 'a'", Box, "$.elsewhere") == "Invalid enum value 'a'"
