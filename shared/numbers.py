"""Numbers as arguments of a command, named so that a refusal says what was wanted."""

from __future__ import annotations

import click


class Number(click.FloatRange):
    """One that may have a fraction."""

    name = "number"


class WholeNumber(click.IntRange):
    """One without."""

    name = "whole number"
