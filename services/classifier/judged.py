"""One version of a comment with what was said about it, on its way to TAGGED."""

from __future__ import annotations

import msgspec

from services.classifier.judgement import Judgement
from services.classifier.model import Model
from shared.bus import Outgoing
from shared.events import CommentCreated, CommentEdited, Embedding, Reader, Repeated, Tagged


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """`model` judged, with `reader`; `repeated` has been weighed already."""

    comment: CommentCreated | CommentEdited
    version: int
    judgement: Judgement
    model: Model
    repeated: Repeated | None = None
    reader: Reader = "fast"
    embedding: Embedding | None = None

    def outgoing(self) -> Outgoing:
        """The event; its message id is the version's, so that whoever says it twice is heard once."""
        comment, judgement = self.comment, self.judgement
        event = Tagged(
            trace=comment.trace,
            comment=comment,
            version=self.version,
            tag=judgement.tag,
            scores=judgement.scores,
            confidence=judgement.confidence,
            unsure=judgement.unsure,
            topic=judgement.topic,
            topics=judgement.topics,
            flags=judgement.flags,
            model=self.model.version,
            reader=self.reader,
            embedding=self.embedding,
            language=judgement.language,
            spam_precision=judgement.spam_precision,
            repeated=self.repeated,
        )
        return Outgoing(event=event, msg_id=f"tagged:{comment.id}:{self.version}")
