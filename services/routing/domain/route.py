"""Where a case belongs, and why: a route carries its reason and the candidates that lost."""

from __future__ import annotations

from typing import Literal

import msgspec

By = Literal["rule", "competence", "page_owner", "coordinator", "person"]
"""What decided: an operator's rule, a competence, the page's owner, the territory's coordinator, or a person's word."""

PlaceBy = Literal["text", "page", "ambiguous", "none"]
"""Where the territory came from: named in the text, the page's own, the page's because the text was ambiguous, or
nothing said it (an unknown page and no place in the text)."""


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """A reason that a program can read: `kind` is a fixed word, `ids` what it is about, `words` a short sentence.

    Kinds of a route: rule, own_topic, competence, page_owner, coordinator, hand_on, bounce_limit.
    Kinds of a candidate that lost: farther, owner_preferred, farther_in_tree, later_in_order, no_competence,
    lower_in_order (something earlier in the order of precedence decided).
    """

    kind: str
    ids: tuple[str, ...] = ()
    words: str = ""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """An institution that was considered and lost."""

    institution: str
    by: By
    why: Why


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """The territory a comment is about: its id (null when nothing says it) and where that comes from."""

    territory: str | None
    by: PlaceBy
    mentions: tuple[str, ...] = ()
    """Names of the registry that the text was found to mention, in their order; never other words of the text."""
    words: str = ""


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """The institution responsible and the territory it answers for."""

    institution: str
    territory: str
    by: By
    why: Why
    place: Place | None = None
    lost: tuple[Candidate, ...] = ()
    """The other candidates, nearest first, at most 10."""
