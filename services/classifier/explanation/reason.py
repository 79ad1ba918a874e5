"""What an explanation says."""

from __future__ import annotations

from typing import Literal

import msgspec

from services.classifier.judgement import Judgement
from services.classifier.personal import Datum

HeadName = Literal["spam", "tag", "topic", "toxic", "urgent"]


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of the text as it was written, from one code point up to another, and what it added to an output."""

    start: int
    stop: int
    text: str
    weight: float


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """A measure of how the text is written, and what it added to an output."""

    name: str
    """One of `features.SIGNALS`."""
    weight: float


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """Why one output of a head is what it is.

    `output` = `intercept` + `rest` + all weights, but for rounding. Spam and the flags have one output, whose logistic
    is the probability. Tags that are no spam, and topics, have one each, whose softmax are the probabilities (of the
    tags among what is no spam), so that what speaks for one speaks against the others.
    """

    name: str
    """The tag, the topic or the flag that it speaks for."""
    output: float
    intercept: float
    towards: tuple[Span, ...]
    """The spans that spoke for it, strongest first."""
    against: tuple[Span, ...]
    """The spans that spoke against it, strongest first."""
    signals: tuple[Signal, ...]
    """Strongest first, those of no weight left out."""
    rest: float
    """Of all spans that are not named."""


class Disguised(msgspec.Struct, frozen=True, kw_only=True):
    """A word that was written to slip past filters."""

    start: int
    stop: int
    text: str
    read_as: str
    how: Literal["letters", "spacing"]
    """With letters of another alphabet or figures; or letter by letter."""


class PersonalDatum(msgspec.Struct, frozen=True, kw_only=True):
    """Where personal data stands."""

    start: int
    stop: int
    datum: Datum


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """One comment explained. All places are code points of the text as it was sent (not UTF-16 units)."""

    judgement: Judgement
    reasons: dict[HeadName, tuple[Reason, ...]]
    """For each head that was asked for: spam, the other tags, the likeliest topics (none where no topic is told), or
    the flag."""
    disguised: tuple[Disguised, ...]
    personal_data: tuple[PersonalDatum, ...]
