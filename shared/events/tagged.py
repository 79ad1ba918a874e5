"""A comment's version as the classifier judged it; published once per version."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from shared.events.base import BaseEvent
from shared.events.comment import CommentCreated, CommentEdited

Tag = Literal["question", "complaint", "spam", "other"]
Reader = Literal["fast", "careful"]
Probability = Annotated[float, Meta(ge=0.0, le=1.0)]


class TopicScore(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One topic's probability."""

    topic: str
    """One of docs/topics.md."""
    score: Probability


class Flags(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What stands beside the tag and needs somebody's attention."""

    toxic: bool = False
    """Insult, obscenity, threat or slur."""
    urgent: bool = False
    """A danger to life, health or property that cannot wait a day."""
    personal_data: bool = False
    """Somebody's phone, e-mail, passport, SNILS, card, or full name with full address."""


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """What a comment is about, as a direction: comments that mean the same have a cosine near 1."""

    name: Annotated[str, Meta(max_length=100)]
    """Which model made it; directions of different models must not be compared."""
    vector: Annotated[bytes, Meta(min_length=1, max_length=4_096)]
    """One signed byte (int8) for each dimension, base64 in JSON: the unit vector divided by its largest magnitude,
    times 127, rounded. The length is not kept, because a cosine does not need it; rounding moves one by less than
    0.01."""


class Repeated(msgspec.Struct, frozen=True, kw_only=True):
    """How often the same was written lately, this comment included. Counts stop at 64: more means "at least 64"."""

    same: Literal["text", "contact"]
    """What repeats: the same or nearly the same text; or a link, telephone or address in different texts."""
    comments: Annotated[int, Meta(ge=2)]
    """Distinct comments; an edit or a second delivery of one comment counts once."""
    pages: Annotated[int, Meta(ge=1)]
    """Distinct pages that they stand under."""
    authors: Annotated[int, Meta(ge=0)]
    """Distinct authors, as far as the platforms name them."""


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
    reader: Reader = "fast"
    """Which of the classifier's readers had the last word."""
    embedding: Embedding | None = None
    """Set by the careful reader, for the search of similar comments."""
    language: Annotated[str, Meta(pattern=r"^[a-z]{2,3}$(?!\n)")] | None = None
    """Code of ISO 639 of the language it is written in; None for Russian, or where it is not known."""
    spam_precision: Probability | None = None
    """Of what reads as clearly as spam at least so many are spam, and nothing in it reads as complaint or question;
    None below the lowest border. What a machine may do with it alone is the page's rule."""
    repeated: Repeated | None = None
    """Set where others wrote the same within the window that the classifier remembers."""
