"""Where commands take secrets from: the environment, standard input, or a prompt that shows nothing. Never arguments,
which every user of the machine can see."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import TextIO

import click

PREFIX = "OTKLIK_SECRET_"
"""Before a secret's name in capitals."""
MAX_INPUT = 64 * 1024
"""Characters of standard input."""


def ask_secrets(possible: Iterable[str], asked: Iterable[str], *, stdin: bool) -> dict[str, str]:
    """Secrets by their names: those of `possible` that the environment has; with `stdin`, lines `name=value`; the rest
    of `asked` at the prompt, where there is a terminal. Raises ClickException."""
    possible = tuple(possible)
    found = {name: value for name in possible if (value := os.environ.get(PREFIX + name.upper()))}
    if stdin:
        found |= dict(read_lines(sys.stdin, possible))
    for name in asked:
        if name in found:
            continue
        if stdin or not sys.stdin.isatty():
            raise click.ClickException(
                f"{name} is missing: set {PREFIX}{name.upper()}, or give lines {name}=… to --stdin"
            )
        found[name] = click.prompt(name, hide_input=True).strip()
    return found


def read_lines(stream: TextIO, possible: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """The pairs of lines `name=value`; raises ClickException for any other line, without quoting it."""
    for number, line in enumerate(stream.read(MAX_INPUT).splitlines(), 1):
        if not line.strip():
            continue
        name, equals, value = line.partition("=")
        if not equals or name.strip() not in possible:
            raise click.ClickException(f"line {number} is not name=value with a name of: {', '.join(possible)}")
        yield name.strip(), value.strip()
