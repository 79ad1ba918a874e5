"""Everything that travels between services: typed, versioned, with its subject.

Events only ever gain optional fields; readers ignore what they do not know. `decode` is the one way in and `encode`
the one way out, so that a subject and its payload can never disagree silently.
"""

from shared.events.action import Action, ActionCancelled, ActionKind, Outcome, OutcomeKind
from shared.events.base import PLATFORMS, Platform
from shared.events.case import CaseEvent, QueueNotice, QueueNoticeKind
from shared.events.codec import MAX_EVENT_BYTES, Event, decode, encode
from shared.events.comment import (
    Attachment,
    AuthorKind,
    CommentCreated,
    CommentDeleted,
    CommentEdited,
    CommentEvent,
    CommentRestored,
)
from shared.events.dead import DeadLetter
from shared.events.fingerprints import Fingerprints
from shared.events.label import Label, LabelKind
from shared.events.subject import page_token, subject_of, token, untoken
from shared.events.tagged import Embedding, Flags, Reader, Repeated, Tag, Tagged, TopicScore

__all__ = [
    "MAX_EVENT_BYTES",
    "PLATFORMS",
    "Action",
    "ActionCancelled",
    "ActionKind",
    "Attachment",
    "AuthorKind",
    "CaseEvent",
    "CommentCreated",
    "CommentDeleted",
    "CommentEdited",
    "CommentEvent",
    "CommentRestored",
    "DeadLetter",
    "Embedding",
    "Event",
    "Fingerprints",
    "Flags",
    "Label",
    "LabelKind",
    "Outcome",
    "OutcomeKind",
    "Platform",
    "QueueNotice",
    "QueueNoticeKind",
    "Reader",
    "Repeated",
    "Tag",
    "Tagged",
    "TopicScore",
    "decode",
    "encode",
    "page_token",
    "subject_of",
    "token",
    "untoken",
]
