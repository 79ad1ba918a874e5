"""What repetition says about a comment: advertisers repeat themselves, and so do two hundred parents of one school.

Pure: a judgement and the counts in, a judgement out. docs/adr/repetition.md says why these numbers.
"""

from __future__ import annotations

import msgspec

from services.classifier.judgement import Judgement
from services.classifier.language import NEAR
from shared.events import Repeated, Tag

READS_AS_CITIZEN = 0.3
"""Question and complaint together from which on a comment reads as one of them, whatever its tag; repetition then says
nothing about spam."""

WEIGHTS: tuple[tuple[int, int, float], ...] = ((30, 40, 30.0), (10, 15, 10.0), (3, 5, 3.0))
"""From so many pages, or from so many authors, the odds of spam are multiplied by so much; the first line that fits."""

MOST = 0.98
"""Spam's score that repetition can raise to; above it only words do."""


def weight(repeated: Repeated | None) -> float:
    """What the odds of spam are multiplied by; 1 where repetition says nothing."""
    if repeated is None:
        return 1.0
    return next(
        (factor for pages, authors, factor in WEIGHTS if repeated.pages >= pages or repeated.authors >= authors), 1.0
    )


def reads_as_citizen(judgement: Judgement) -> bool:
    """Whether it is, or may well be, a question or a complaint."""
    concern = judgement.scores.get("question", 0.0) + judgement.scores.get("complaint", 0.0)
    return judgement.tag in ("question", "complaint") or concern >= READS_AS_CITIZEN


def _is_unread(judgement: Judgement, repeated: Repeated | None) -> bool:
    """Whether two hundred parents may have pasted it in their own language. A contact says something in any language,
    as does what is spam already: it carries one."""
    same_text = repeated is not None and repeated.same == "text"
    return same_text and judgement.tag != "spam" and judgement.language not in (None, *NEAR)


def weigh(judgement: Judgement, repeated: Repeated | None, *, border: float) -> Judgement:
    """The judgement with repetition taken into account; itself where that changes nothing.

    Never makes spam of what reads as question or complaint, nor, for its text alone, of what is in a language that the
    model does not read: it may be either. What only repetition makes spam is `unsure`, so that a
    person looks; of what was spam by its words it may raise the confidence over `border`, the model's own threshold of
    `unsure`, unless it is in another language, which stays `unsure`. Scores stay a distribution.
    """
    factor = weight(repeated)
    scores = judgement.scores
    spam = scores.get("spam", 0.0)
    if factor == 1.0 or reads_as_citizen(judgement) or _is_unread(judgement, repeated) or not 0.0 < spam < MOST:
        return judgement
    raised = min(MOST, spam * factor / (spam * factor + 1.0 - spam))
    share = (1.0 - raised) / (1.0 - spam)
    after: dict[Tag, float] = {
        tag: round(raised if tag == "spam" else score * share, 4) for tag, score in scores.items()
    }
    if judgement.tag == "spam":
        unsure = judgement.unsure and (raised < border or judgement.language is not None)
        return msgspec.structs.replace(judgement, scores=after, confidence=after["spam"], unsure=unsure)
    if after["spam"] > max(score for tag, score in after.items() if tag != "spam"):
        return msgspec.structs.replace(
            judgement, tag="spam", scores=after, confidence=after["spam"], unsure=True, topic="other", topics=()
        )
    confidence = after[judgement.tag]
    return msgspec.structs.replace(
        judgement, scores=after, confidence=confidence, unsure=judgement.unsure or confidence < border
    )
