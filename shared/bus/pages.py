"""The pages of docs/events, generated: written by `python -m shared.bus schema` and compared by a test."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import msgspec

from shared.bus.asyncapi import TRAFFIC, address, asyncapi, kept
from shared.bus.topology import CONSUMERS, STREAMS
from shared.events.schema import EVENTS, file_name, json_schema, type_name

ROOT = Path(__file__).parents[2]
DIRECTORY = ROOT / "docs/events"

_INTRODUCTION = """\
# Events

Everything that travels between Otklik's services, over NATS JetStream. These pages are generated from the code by
`python -m shared.bus schema`; do not edit them.

- [asyncapi.json](asyncapi.json): streams, subjects, messages and consumers, in AsyncAPI 3.0.
- One JSON Schema for each event, below.

## Rules

1. An event is a JSON object. `type` names it, `v` is its version. A new version is a new `type` and subject for its
   readers: within a version, fields are only ever added, and they are optional.
2. Ignore fields that you do not know. Do not rely on the order of fields.
3. Delivery is at least once and order across comments means nothing. The version of a comment is its sequence in
   COMMENTS; the highest version of a comment wins, in whatever order versions come.
4. Every message carries `Nats-Msg-Id`; the broker drops a repetition within two minutes. Later ones are yours to
   recognise.
5. A subject names ids as base64url without padding, since ids hold characters that subjects cannot: `-1` is `LTE`. A
   page is named without its platform, which is a token of its own.
6. An event comes under the subject that its content says. What does not is put aside as `mismatched`.
"""


def pages() -> dict[str, str]:
    """The content of every page by its file name."""
    found = {file_name(event): _json(json_schema(event)) for event in EVENTS}
    found["asyncapi.json"] = _json(asyncapi(_version()))
    found["README.md"] = _readme()
    return found


def write(directory: Path) -> list[str]:
    """Writes every page, removes those of events that are no more; returns the names of the files that changed."""
    directory.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    changed = []
    for name, content in wanted.items():
        path = directory / name
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
            changed.append(name)
    for path in directory.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
            changed.append(path.name)
    return changed


def _version() -> str:
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def _json(value: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"


def _readme() -> str:
    streams = ["| stream | subject | kept | written by | read by | events |", "|---|---|---|---|---|---|"]
    for stream in STREAMS:
        traffic = TRAFFIC[stream.name]
        readers = ", ".join(f"`{spec.durable}`" for spec in CONSUMERS if spec.stream == stream.name)
        events = ", ".join(f"`{name}`" for name in traffic.events)
        streams.append(
            f"| {stream.name} | `{address(stream)}` | {kept(stream)} | {', '.join(traffic.written_by)} "
            f"| {readers or '–'} | {events} |"
        )
    events_table = ["| event | schema | what it says |", "|---|---|---|"]
    for event in EVENTS:
        about = " ".join((event.__doc__ or "").split())
        events_table.append(f"| `{type_name(event)}` | [{file_name(event)}]({file_name(event)}) | {about} |")
    return "\n".join(
        [
            _INTRODUCTION,
            "## Streams\n",
            "`read by` names the durables that our own services read with; others may have theirs.\n",
            *streams,
            "\n## Schemas\n",
            *events_table,
            "",
        ]
    )
