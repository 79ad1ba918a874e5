"""What the classifier says about one comment, and from where on it says so."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from shared.events import Flags, Tag, TopicScore

Share = Annotated[float, Meta(ge=0.0, le=1.0)]


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """One comment judged; the words are those of the event `Tagged`."""

    tag: Tag
    scores: dict[Tag, Share]
    """All four tags; they add up to 1 but for rounding to four places."""
    confidence: Share
    """The score of `tag`: how often such a judgement is right, as estimated in cross-validation."""
    unsure: bool
    topic: str
    topics: tuple[TopicScore, ...]
    """The likeliest topics, best first, at most `MAX_TOPICS`; empty for spam."""
    flags: Flags


class Thresholds(msgspec.Struct, frozen=True, kw_only=True):
    """Where training put the borders; probabilities."""

    unsure: Share
    """A tag with less confidence than this is `unsure`."""
    toxic: Share
    urgent: Share
    """From this probability on the flag is raised."""


MAX_TOPICS = 3
