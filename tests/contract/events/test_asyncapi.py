"""The AsyncAPI document names every stream, subject, event and consumer, and each of its references leads somewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.bus import CONSUMERS, STREAMS
from shared.bus.asyncapi import TRAFFIC, asyncapi
from shared.events.schema import EVENTS, type_name

DOCUMENT = asyncapi("0")
GOLDEN = sorted((Path(__file__).parent / "golden").glob("*.json"))


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == "$ref":
                yield inner
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        target: Any = DOCUMENT
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        assert target


def test_every_stream_is_a_channel_whose_tokens_are_its_parameters() -> None:
    assert set(DOCUMENT["channels"]) == {stream.name for stream in STREAMS} == set(TRAFFIC)
    for stream in STREAMS:
        channel = DOCUMENT["channels"][stream.name]
        tokens = [part for part in channel["address"].split(".") if part.startswith("{")]
        assert stream.subjects[0].count("*") == len(tokens)
        assert {token.strip("{}") for token in tokens} == set(channel["parameters"])
        assert channel["x-jetstream"]["subjects"] == list(stream.subjects)


def test_every_event_travels_on_exactly_one_stream() -> None:
    travelling = [name for traffic in TRAFFIC.values() for name in traffic.events]
    assert sorted(travelling) == sorted(type_name(event) for event in EVENTS)


def test_every_durable_is_an_operation() -> None:
    read = {
        (body["x-jetstream"]["durable"], body["channel"]["$ref"].rpartition("/")[2])
        for body in DOCUMENT["operations"].values()
        if body["action"] == "receive"
    }
    assert read == {(spec.durable, spec.stream) for spec in CONSUMERS}


def test_every_stream_has_a_writer() -> None:
    written = {
        body["channel"]["$ref"].rpartition("/")[2]
        for body in DOCUMENT["operations"].values()
        if body["action"] == "send"
    }
    assert written == {stream.name for stream in STREAMS}


@pytest.mark.parametrize("file", GOLDEN, ids=lambda file: file.stem)
def test_the_golden_subjects_are_of_their_channels_address(file: Path) -> None:
    sample = json.loads(file.read_text(encoding="utf-8"))["full"]
    (channel,) = [
        DOCUMENT["channels"][name] for name, traffic in TRAFFIC.items() if sample["event"]["type"] in traffic.events
    ]
    parts, tokens = channel["address"].split("."), sample["subject"].split(".")
    assert len(parts) == len(tokens)
    for part, token in zip(parts, tokens, strict=True):
        if part.startswith("{"):
            allowed = channel["parameters"][part.strip("{}")].get("enum")
            assert allowed is None or token in allowed
        else:
            assert token == part
