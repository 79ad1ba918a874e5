"""A moderator's decision about one version of a comment, on a ground, and what came of it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, cast, get_args

import msgspec

from services.routing.domain.comment import Correction
from services.routing.domain.task import Task, finish_task
from shared.errors import Invalid
from shared.events import Tag
from shared.topics import TOPIC_IDS

DecisionKind = Literal["keep", "delete", "relabel", "case"]
KINDS: tuple[str, ...] = get_args(DecisionKind)
DecisionState = Literal["proposed", "enacted", "failed"]

Ground = Literal["profanity", "insult", "humiliation", "advertising", "personal_data"]
"""What may be deleted, and nothing else: correct criticism is answered, not deleted."""

GROUNDS: tuple[str, ...] = get_args(Ground)

MAX_GROUND = 500
"""Characters of the ground of a decision that is no deletion."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What a person decided about one version of a comment, and on what ground."""

    id: str
    """UUIDv7."""
    task_id: str
    comment_id: str
    version: int
    kind: DecisionKind
    ground: str
    """One of GROUNDS for a deletion, else the moderator's own words."""
    tag: Tag | None = None
    topic: str | None = None
    decided_by: str
    """Id of the key; never a person's name."""
    decided_at: datetime
    state: DecisionState
    """A deletion is `proposed` until its outcome comes; everything else is enacted at once."""
    settled_at: datetime | None = None
    detail: str = ""
    """What the outcome said."""


def decide(
    task: Task,
    *,
    token: int,
    id: str,
    kind: str,
    ground: str,
    tag: str | None = None,
    topic: str | None = None,
    decided_by: str,
    now: datetime,
) -> tuple[Task, Decision]:
    """The task decided, and the decision (`id` is the decision's).

    A relabelling names a tag, a topic or both; a `case` may name a topic; the others neither.
    Raises Invalid naming what is wrong with kind, ground, tag or topic; Conflict for a stale token.
    """
    if kind not in KINDS:
        raise Invalid(f"kind: must be one of {', '.join(KINDS)}.", extra={"field": "kind"})
    ground = ground.strip()
    if kind == "delete":
        if ground not in GROUNDS:
            raise Invalid(
                f"ground: a comment may be deleted only for {', '.join(GROUNDS)}; criticism is answered, not deleted.",
                extra={"field": "ground", "allowed": list(GROUNDS)},
            )
    elif not 1 <= len(ground) <= MAX_GROUND:
        raise Invalid(f"ground: say why in 1 to {MAX_GROUND} characters.", extra={"field": "ground"})
    _check_labels(kind, tag, topic)
    done = finish_task(task, token=token, now=now)
    enacted = kind != "delete"
    decision = Decision(
        id=id,
        task_id=task.id,
        comment_id=task.comment_id,
        version=task.version,
        kind=cast(DecisionKind, kind),
        ground=ground,
        tag=cast("Tag | None", tag),
        topic=topic,
        decided_by=decided_by,
        decided_at=now,
        state="enacted" if enacted else "proposed",
        settled_at=now if enacted else None,
    )
    return done, decision


def settle(decision: Decision, *, enacted: bool, now: datetime, detail: str = "") -> Decision:
    """A proposed decision after its outcome: enacted, or failed and why.

    The same outcome again changes nothing; a failed one that was done in the end (by a person) becomes enacted; what
    is enacted stays so.
    """
    if decision.state == "enacted" or (decision.state == "failed" and not enacted):
        return decision
    state: DecisionState = "enacted" if enacted else "failed"
    return msgspec.structs.replace(decision, state=state, settled_at=now, detail=detail)


def correction_of(decision: Decision) -> Correction | None:
    """What the decision says of its version's content, for the fold; None when it leaves the machine's word."""
    if decision.kind == "relabel":
        return Correction(tag=decision.tag, topic=decision.topic)
    if decision.kind == "case":
        return Correction(topic=decision.topic, case=True)
    return None


def _check_labels(kind: str, tag: str | None, topic: str | None) -> None:
    if tag is not None and (kind != "relabel" or tag not in get_args(Tag)):
        allowed = f"one of {', '.join(get_args(Tag))}" if kind == "relabel" else f"left out with {kind}"
        raise Invalid(f"tag: must be {allowed}.", extra={"field": "tag"})
    if topic is not None and (kind not in ("relabel", "case") or topic not in TOPIC_IDS):
        allowed = "a topic's id" if kind in ("relabel", "case") else f"left out with {kind}"
        raise Invalid(f"topic: must be {allowed}.", extra={"field": "topic"})
    if kind == "relabel" and tag is None and topic is None:
        raise Invalid("tag: a relabelling names the right tag, the right topic or both.", extra={"field": "tag"})
