"""An error that people are told in words of their own language."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class Refusal(Exception):
    """`kind` names the message and `told` fills it; as a string it is in English. Other languages have the same kinds
    with the same names to fill."""

    messages: ClassVar[Mapping[str, str]] = {}

    def __init__(self, kind: str, **told: object) -> None:
        super().__init__(self.messages[kind].format(**told))
        self.kind = kind
        self.told = told
