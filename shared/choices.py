"""Which values a type allows where another one was found: msgspec names the wrong one only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import inspect

_REFUSED = "Invalid enum value "
_STEP = re.compile(r"\.([^.\[\]]+)|\[[^\]]*\]")


def told(message: str, kind: Any, path: str = "$") -> str:
    """msgspec's `message` about what stands at `path` of a `kind`; where it refuses a choice, those that there
    are, in the alphabet's order."""
    if not message.startswith(_REFUSED):
        return message
    found = dict.fromkeys(_values([inspect.type_info(kind)], _STEP.findall(path)))
    return f"must be one of {', '.join(found)}" if found else message


def _values(types: list[inspect.Type], names: list[str]) -> Iterator[str]:
    """Of the literals that one reaches from any of the types by these names of fields; "" goes into a container."""
    for name in names:
        types = [inner for each in types for inner in _inner(each, name)]
    for each in _plain(types):
        if isinstance(each, inspect.LiteralType):
            yield from map(str, each.values)


def _inner(outer: inspect.Type, name: str) -> Iterator[inspect.Type]:
    for each in _plain([outer]):
        match each:
            case inspect.StructType(fields=fields) if name:
                yield from (field.type for field in fields if field.encode_name == name)
            case inspect.ListType() | inspect.SetType() | inspect.FrozenSetType() | inspect.VarTupleType() if not name:
                yield each.item_type
            case inspect.DictType() if not name:
                yield each.value_type


def _plain(types: list[inspect.Type]) -> Iterator[inspect.Type]:
    for each in types:
        match each:
            case inspect.Metadata():
                yield from _plain([each.type])
            case inspect.UnionType():
                yield from _plain(list(each.types))
            case _:
                yield each
