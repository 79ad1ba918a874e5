"""Settings: read once from the environment into a frozen struct, then passed explicitly.

A service declares `class Settings(msgspec.Struct, frozen=True, kw_only=True)` whose fields carry a default and a
`Meta(description=...)`; the field `nats_url` is read from the variable `OTKLIK_NATS_URL`. A variable `OTKLIK_X_FILE`
names a file whose content is the value of `OTKLIK_X`, as container secrets want it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from shared.choices import told

PREFIX = "OTKLIK_"
S = TypeVar("S", bound=msgspec.Struct)


class Check(msgspec.Struct, frozen=True):
    """Stands beside `Meta` in a field's annotation where neither type nor pattern can tell."""

    fault: Callable[[Any], str | None]
    """What is wrong with a value and what would be right; None for a good one. It names no secret."""


class SettingsError(Exception):
    """A setting is missing or unusable; the message names the variable and what would be right."""


def variable(field: str) -> str:
    """The environment variable that sets `field`."""
    return PREFIX + field.upper()


def load_settings(kind: type[S], environ: Mapping[str, str] | None = None) -> S:
    """`kind` filled from the environment, defaults elsewhere; raises SettingsError naming all that is wrong at once."""
    env = os.environ if environ is None else environ
    values: dict[str, object] = {}
    wrong: list[str] = []
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        name = variable(field.name)
        raw = env.get(name)
        file = env.get(name + "_FILE")
        if raw is None and file is not None:
            try:
                raw = Path(file).read_text(encoding="utf-8").strip()
            except OSError as error:
                wrong.append(f"{name}_FILE: cannot read {file}: {error.strerror}")
                continue
        if raw is None:
            if field.required:
                wrong.append(f"{name}: not set, and there is no default")
            continue
        try:
            values[field.name] = value = msgspec.convert(raw, hints[field.name], strict=False)
        except msgspec.ValidationError as error:
            wrong.append(f"{name}: {told(str(error), hints[field.name])}")
            continue
        wrong += [f"{name}: {fault}" for fault in _faults(hints[field.name], value)]
    if wrong:
        raise SettingsError("; ".join(wrong))
    return kind(**values)


def _faults(hint: Any, value: object) -> Iterator[str]:
    for item in getattr(hint, "__metadata__", ()):
        if isinstance(item, Check) and (fault := item.fault(value)) is not None:
            yield fault


def describe_settings(kind: type[msgspec.Struct]) -> Iterator[tuple[str, str, str]]:
    """Yields (variable, default, description) for each field, for the documentation and its test."""
    hints = get_type_hints(kind, include_extras=True)
    for field in msgspec.structs.fields(kind):
        default = "required" if field.required else repr(field.default)
        description = ""
        for meta in getattr(hints[field.name], "__metadata__", ()):
            description = getattr(meta, "description", None) or description
        yield variable(field.name), default, description
