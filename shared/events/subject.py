"""Subjects: built and parsed here and nowhere else."""

from __future__ import annotations

import base64

from shared.events import action, case, comment, dead, fingerprints, label, tagged


def token(local_id: str) -> str:
    """The subject token (and KV key) of an id: base64url without padding, so that no `.`, `*`, `>` or `:` is in it."""
    return base64.urlsafe_b64encode(local_id.encode()).rstrip(b"=").decode()


def untoken(text: str) -> str:
    """The id that `token` made `text` of; raises ValueError when it made none."""
    try:
        local_id = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except ValueError as error:
        raise ValueError(f"{text!r} is not the base64url of an id") from error
    if token(local_id) != text:
        raise ValueError(f"{text!r} is another spelling of {token(local_id)!r}")
    return local_id


def page_token(page: str) -> str:
    """The token of a page id `platform:local`: of its local part, since the platform is a token of its own.

    Raises ValueError when there is no local part: an empty token makes a subject that no stream keeps.
    """
    local = page.partition(":")[2]
    if not local:
        raise ValueError("a page id is <platform>:<the platform's own id>")
    return token(local)


def on_page(stem: str, platform: str, page: str) -> str:
    """`<stem>.<platform>.<page token>`: the shape of COMMENTS, TAGGED and OUTCOMES subjects."""
    return f"{stem}.{platform}.{page_token(page)}"


def subject_of(event: object) -> str:
    """The subject that `event` is published under; raises TypeError for what is no event."""
    match event:
        case tagged.Tagged():
            return on_page(f"tagged.{event.tag}", event.comment.platform, event.comment.page)
        case comment.CommentCreated():
            return on_page("comments.created", event.platform, event.page)
        case comment.CommentEdited():
            return on_page("comments.edited", event.platform, event.page)
        case comment.CommentDeleted():
            return on_page("comments.deleted", event.platform, event.page)
        case comment.CommentRestored():
            return on_page("comments.restored", event.platform, event.page)
        case case.CaseEvent():
            return f"cases.{token(event.institution)}.{event.event}"
        case case.QueueNotice():
            return f"queues.{token(event.institution)}"
        case action.Action():
            return f"actions.{event.platform}.{page_token(event.page)}.{event.kind}"
        case action.ActionCancelled():
            return f"actions.{event.platform}.{page_token(event.page)}.cancel"
        case action.Outcome():
            return f"outcomes.{event.platform}.{page_token(event.page)}.{event.result}"
        case label.Label():
            return f"labels.{event.kind}"
        case dead.DeadLetter():
            return f"dead.{event.service}.{event.reason}"
        case fingerprints.Fingerprints():
            return f"fingerprints.{event.scheme}"
    raise TypeError(f"{type(event).__name__} is not an event")
