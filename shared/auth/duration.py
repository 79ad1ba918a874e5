"""How long a key shall live, as people write it."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_PATTERN = re.compile(r"([1-9][0-9]{0,4})([hdw])")


def parse_duration(text: str) -> timedelta:
    """`36h`, `90d` or `4w`; raises ValueError for anything else."""
    match = _PATTERN.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r}: write a number and h, d or w, for example 90d")
    return int(match[1]) * _UNITS[match[2]]
