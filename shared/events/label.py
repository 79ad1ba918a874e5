"""A person's correction of what the machine said: what training learns from."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from shared.events.base import BaseEvent, Id, Moment, Text, UuidText

LabelKind = Literal["tag", "topic", "institution"]


class Label(BaseEvent, frozen=True, kw_only=True, tag="label"):
    """For version `version` of `comment`, the right `kind` is `value`; the machine had said `previous`."""

    id: UuidText
    kind: LabelKind
    comment: Id
    version: Annotated[int, Meta(ge=1)]
    text: Text
    value: Annotated[str, Meta(max_length=100)]
    previous: Annotated[str, Meta(max_length=100)] | None = None
    model: Annotated[str, Meta(max_length=100)]
    labelled_by: Annotated[str, Meta(max_length=200)]
    at: Moment
