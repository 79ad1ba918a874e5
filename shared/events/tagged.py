"""A comment's version as the classifier judged it; published once per version."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.events.base import BaseEvent
from shared.events.comment import CommentCreated, CommentEdited

Tag = Literal["question", "complaint", "spam", "other"]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]


class TopicScore(msgspec.Struct, frozen=True, kw_only=True):
    """One topic's probability; topics are those of `shared.topics`."""

    topic: str
    score: Probability


class Flags(msgspec.Struct, frozen=True, kw_only=True):
    """What stands beside the tag and needs somebody's attention."""

    toxic: bool = False
    """Insult, obscenity, threat or slur."""
    urgent: bool = False
    """A danger to life, health or property that cannot wait a day."""
    personal_data: bool = False
    """Somebody's phone, e-mail, passport, SNILS, card, or full name with full address."""


class Tagged(BaseEvent, frozen=True, kw_only=True, tag="comment.tagged"):
    """`comment` judged: `version` is its sequence in COMMENTS, the highest version of a comment wins."""

    comment: CommentCreated | CommentEdited
    version: Annotated[int, Meta(ge=1)]
    tag: Tag
    scores: dict[Tag, Probability]
    confidence: Probability
    """The probability of `tag`."""
    unsure: bool
    """True where the classifier's own threshold says that a person should look."""
    topic: str
    topics: tuple[TopicScore, ...] = ()
    """The likeliest topics, best first."""
    flags: Flags = Flags()
    model: Annotated[str, Meta(max_length=100)]
    """Version of the model that judged."""
