"""AsyncAPI 3.0 of the broker, from the events' structs and the table of streams."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from shared.bus.topology import CONSUMERS, DEDUPLICATION_WINDOW, STREAMS, ConsumerSpec, StreamSpec
from shared.events import PLATFORMS, ActionKind, LabelKind, OutcomeKind, Tag
from shared.events.base import BaseEvent
from shared.events.schema import EVENTS, schemas, type_name


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One variable token of a subject; `values` is empty where anything may stand."""

    name: str
    description: str
    values: tuple[str, ...] = ()


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What travels on a stream: `events` are the values of their field `type`."""

    tokens: tuple[Token, ...]
    events: tuple[str, ...]
    written_by: tuple[str, ...]
    about: str


_PLATFORM = Token(name="platform", description="The platform the page is on.", values=PLATFORMS)
_PAGE = Token(
    name="page",
    description="base64url, without padding, of the page id's part after the platform: `-1` of `vk:-1` is `LTE`.",
)
_INSTITUTION = Token(name="institution", description="base64url, without padding, of the institution's id.")
_SERVICES = ("ingest", "classifier", "routing")

TRAFFIC: dict[str, Traffic] = {
    "COMMENTS": Traffic(
        tokens=(
            Token(name="event", description="What happened.", values=("created", "edited", "deleted", "restored")),
            _PLATFORM,
            _PAGE,
        ),
        events=("comment.created", "comment.edited", "comment.deleted", "comment.restored"),
        written_by=("ingest",),
        about="What happens to comments on official pages. A message's sequence is the comment's version.",
    ),
    "TAGGED": Traffic(
        tokens=(Token(name="tag", description="What the comment is.", values=get_args(Tag)), _PLATFORM, _PAGE),
        events=("comment.tagged",),
        written_by=("classifier",),
        about="Each version of a comment as the classifier judged it, once.",
    ),
    "QUEUES": Traffic(
        tokens=(_INSTITUTION,),
        events=("queue.notice",),
        written_by=("routing",),
        about="What enters, changes in and leaves an institution's queue; read by the institution's own system.",
    ),
    "CASES": Traffic(
        tokens=(_INSTITUTION, Token(name="event", description="The transition, as in the event's field `event`.")),
        events=("case.event",),
        written_by=("routing",),
        about="The history of every case.",
    ),
    "ACTIONS": Traffic(
        tokens=(
            _PLATFORM,
            _PAGE,
            Token(name="kind", description="What to do.", values=(*get_args(ActionKind), "cancel")),
        ),
        events=("action", "action.cancelled"),
        written_by=("routing",),
        about="What shall be done on a platform, and what no longer shall. A work queue: what was done is gone.",
    ),
    "OUTCOMES": Traffic(
        tokens=(_PLATFORM, _PAGE, Token(name="result", description="How it ended.", values=get_args(OutcomeKind))),
        events=("outcome",),
        written_by=("ingest",),
        about="What became of each action.",
    ),
    "LABELS": Traffic(
        tokens=(Token(name="kind", description="What was corrected.", values=get_args(LabelKind)),),
        events=("label",),
        written_by=("routing",),
        about="What people said is right, for training.",
    ),
    "DEAD": Traffic(
        tokens=(
            Token(name="service", description="The service that could not handle the message.", values=_SERVICES),
            Token(name="reason", description="Why, in a word: undecodable, invalid, mismatched, exhausted, …"),
        ),
        events=("dead",),
        written_by=_SERVICES,
        about="Messages that could not be handled, whole, until somebody resolves them.",
    ),
    "FINGERPRINTS": Traffic(
        tokens=(Token(name="scheme", description="How the records were made, as in the event's field `scheme`."),),
        events=("comment.fingerprints",),
        written_by=("classifier",),
        about="What lately judged comments looked like, for counting repetitions; every replica of the classifier "
        "reads all of it.",
    ),
}
"""What travels on each stream of the table; the order of tokens is that of the subject."""


def address(stream: StreamSpec) -> str:
    """The stream's subject with its tokens named: `comments.{event}.{platform}.{page}`."""
    stem = stream.subjects[0].partition(".")[0]
    return ".".join([stem, *(f"{{{token.name}}}" for token in TRAFFIC[stream.name].tokens)])


def message_name(event: type[BaseEvent]) -> str:
    """The event's name as a component: `CommentCreated`."""
    return event.__name__


def kept(stream: StreamSpec) -> str:
    """How long the stream keeps a message, in words."""
    if stream.retention == "workqueue":
        return "until it is done"
    if stream.kept is None:
        return "until it is resolved" if stream.name == "DEAD" else "for ever"
    if stream.fading:
        return f"{stream.kept.total_seconds() / 3600:g} hours, or until {stream.max_bytes // 2**20} MiB are newer"
    return f"{stream.kept.days} days, and until every consumer has read it"


def asyncapi(version: str) -> dict[str, Any]:
    """The whole document, for Otklik of that version."""
    _, components = schemas("#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Otklik: events",
            "version": version,
            "description": "Everything that travels between Otklik's services, over NATS JetStream. Delivery is at "
            "least once. Events only ever gain optional fields: ignore those you do not know.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"broker": {"host": "127.0.0.1:4222", "protocol": "nats", "description": "The broker."}},
        "channels": {stream.name: _channel(stream) for stream in STREAMS},
        "operations": {**_writing(), **{_receive(spec): _reading(spec) for spec in CONSUMERS}},
        "components": {
            "messages": {message_name(event): _message(event) for event in EVENTS},
            "schemas": components,
        },
    }


def _channel(stream: StreamSpec) -> dict[str, Any]:
    traffic = TRAFFIC[stream.name]
    return {
        "address": address(stream),
        "title": stream.name,
        "description": traffic.about,
        "messages": {
            message_name(event): {"$ref": f"#/components/messages/{message_name(event)}"} for event in _events(traffic)
        },
        "parameters": {
            token.name: {"description": token.description, **({"enum": list(token.values)} if token.values else {})}
            for token in traffic.tokens
        },
        "x-jetstream": {
            "stream": stream.name,
            "subjects": list(stream.subjects),
            "retention": stream.retention,
            "kept": kept(stream),
            "keptSeconds": int(stream.kept.total_seconds()) if stream.kept else None,
            "maxMessageBytes": stream.max_message_bytes,
            "deduplicationSeconds": int(DEDUPLICATION_WINDOW.total_seconds()),
        },
    }


def _writing() -> dict[str, Any]:
    return {
        f"{service}.send.{stream.name}": {
            "action": "send",
            "title": f"{service} writes {stream.name}",
            "channel": {"$ref": f"#/channels/{stream.name}"},
        }
        for stream in STREAMS
        for service in TRAFFIC[stream.name].written_by
    }


def _receive(spec: ConsumerSpec) -> str:
    return f"{spec.durable}.receive.{spec.stream}"


def _reading(spec: ConsumerSpec) -> dict[str, Any]:
    return {
        "action": "receive",
        "title": f"the durable {spec.durable} reads {spec.stream}",
        "channel": {"$ref": f"#/channels/{spec.stream}"},
        "x-jetstream": {
            "durable": spec.durable,
            "filterSubjects": list(spec.filters),
            "ackWaitSeconds": spec.ack_wait,
            "maxAckPending": spec.max_ack_pending,
        },
    }


def _message(event: type[BaseEvent]) -> dict[str, Any]:
    return {
        "name": type_name(event),
        "title": message_name(event),
        "summary": " ".join((event.__doc__ or "").split()),
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "properties": {"Nats-Msg-Id": {"type": "string", "description": "What a repetition is recognised by."}},
            "required": ["Nats-Msg-Id"],
        },
        "payload": {"$ref": f"#/components/schemas/{message_name(event)}"},
    }


def _events(traffic: Traffic) -> list[type[BaseEvent]]:
    return [event for event in EVENTS if type_name(event) in traffic.events]
