"""What the classifier says about one comment, and from where on it says so."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shared.events import Flags, Tag, TopicScore

Share = Annotated[float, Meta(ge=0.0, le=1.0)]


# Holds nothing that could hold it: the garbage collector need not look at thousands of them.
class Judgement(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What is said of one comment, in the words of the event comment.tagged."""

    tag: Tag
    scores: dict[Tag, Share]
    """All four tags; they add up to 1 but for rounding to four places."""
    confidence: Share
    """The score of `tag`: how often such a judgement is right, as estimated in cross-validation."""
    unsure: bool
    topic: str
    topics: tuple[TopicScore, ...]
    """The likeliest topics, best first, at most `MAX_TOPICS`; empty for what neither asks nor complains."""
    flags: Flags
    language: str | None = None
    """Code of ISO 639; None for Russian, or where it is not known."""
    spam_precision: Share | None = None
    """At least so many of what reads as clearly as spam is spam, as measured on comments that the model had not seen,
    and nothing in it reads as complaint or question; None below the lowest border."""


class Border(msgspec.Struct, frozen=True, kw_only=True):
    """From the probability `threshold` on, `precision` was reached, with the highest `recall` that was to be had."""

    precision: Share
    threshold: Share
    recall: Share


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Where training put the borders; probabilities."""

    unsure: Share
    """A tag with less confidence than this is `unsure`."""
    toxic: Share
    urgent: Share
    """From this probability on the flag is raised."""
    spam: tuple[Border, ...] = ()
    """What an operator can ask for, the lowest precision first."""


MAX_TOPICS = 3

MAX_APPEAL = 0.1
"""Above this probability of complaint and question together, nothing is clearly spam."""
