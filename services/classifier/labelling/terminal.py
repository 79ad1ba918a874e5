"""The plainest terminal there is: lines one after another, one key at a time.

Nothing is drawn over, so that a screen reader reads what is new and a scrollback keeps what was; nothing is told by
colour. Bold marks headings alone, not where NO_COLOR is set (no-color.org) or the terminal is dumb.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from typing import Protocol

import click

MAX_WIDTH = 100
"""Columns; longer lines are hard to read."""


class Left(Exception):
    """The person closed the terminal, or pressed Ctrl-C or Ctrl-D."""


class Terminal(Protocol):
    """Where a person reads and presses keys; both methods that wait raise Left."""

    def show(self, text: str = "", *, bold: bool = False) -> None:
        """Ends the line."""

    def key(self) -> str:
        """One key, in lower case; a key that is no sign gives several or an unprintable one."""

    def line(self, prompt: str) -> str:
        """What was typed until Enter, without space around it."""


class PlainTerminal:
    """Standard input and output; they must be a terminal."""

    def __init__(self) -> None:
        self._bold = not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"

    def show(self, text: str = "", *, bold: bool = False) -> None:
        """As Terminal.show."""
        for line in text.split("\n"):
            wrapped = textwrap.fill(line, _width(), replace_whitespace=False, break_on_hyphens=False)
            click.echo(click.style(wrapped, bold=True) if bold and self._bold else wrapped)

    def key(self) -> str:
        """As Terminal.key."""
        try:
            pressed = click.getchar()
        except (KeyboardInterrupt, EOFError, OSError) as error:
            raise Left from error
        if not pressed:
            raise Left
        return pressed.lower()

    def line(self, prompt: str) -> str:
        """As Terminal.line."""
        try:
            return input(prompt).strip()
        except UnicodeDecodeError:
            return "\N{REPLACEMENT CHARACTER}"
        except (KeyboardInterrupt, EOFError, OSError) as error:
            click.echo()
            raise Left from error


def is_terminal() -> bool:
    """Whether a person can be reached over standard input and output."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def _width() -> int:
    return max(20, min(MAX_WIDTH, shutil.get_terminal_size().columns - 1))
