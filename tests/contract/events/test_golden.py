"""Events that were once written stay readable for ever, and mean what they meant.

A golden file is never changed. When an event gains a field, a further file `<type>.v1.<what>.json` shows it.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner

from shared.bus.__main__ import main
from shared.bus.pages import DIRECTORY, pages
from shared.bus.topology import STREAMS, stream_for
from shared.errors import Poison
from shared.events import decode, encode, subject_of
from shared.events.base import BaseEvent
from shared.events.schema import EVENTS, file_name, json_schema, type_name

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*.json"))
BY_TYPE = {type_name(event): event for event in EVENTS}

Object = dict[str, Any]


def samples() -> Iterator[Any]:
    """(subject, event as an object) of every golden file, full and minimal."""
    for file in FILES:
        for name, sample in json.loads(file.read_text(encoding="utf-8")).items():
            yield pytest.param(sample["subject"], sample["event"], id=f"{file.stem}-{name}")


each_sample = pytest.mark.parametrize(("subject", "event"), list(samples()))


def objects(value: object) -> Iterator[Object]:
    """Every object inside of `value` that stands for a struct; the map of scores stands for none."""
    if isinstance(value, dict):
        yield value
        for name, inner in value.items():
            if name != "scores":
                yield from objects(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from objects(inner)


def test_every_event_has_its_golden_file_and_every_file_its_event() -> None:
    assert {file.name.split(".v1.")[0] for file in FILES} == set(BY_TYPE)


@each_sample
def test_it_is_read_and_means_the_same(subject: str, event: Object) -> None:
    read = decode(subject, json.dumps(event).encode())

    assert type(read) is BY_TYPE[event["type"]]
    assert subject_of(read) == subject
    assert holds(json.loads(encode(read)), event)


def holds(written: object, event: object) -> bool:
    """Whether everything in `event` stands in `written` as well, which may have more fields."""
    match written, event:
        case dict(), dict():
            return all(name in written and holds(written[name], inner) for name, inner in event.items())
        case list(), list():
            return len(written) == len(event) and all(map(holds, written, event))
    return written == event


@each_sample
def test_unknown_fields_are_tolerated_everywhere(subject: str, event: Object) -> None:
    crowded = copy.deepcopy(event)
    for part in list(objects(crowded)):
        part["surprise"] = {"deep": [1, None, "x"]}

    assert decode(subject, json.dumps(crowded).encode()) == decode(subject, json.dumps(event).encode())


@each_sample
def test_it_fits_the_documented_schema(subject: str, event: Object) -> None:
    schema = json.loads((DIRECTORY / file_name(BY_TYPE[event["type"]])).read_text(encoding="utf-8"))

    jsonschema.validate(event, schema, cls=jsonschema.Draft202012Validator)
    jsonschema.validate(json.loads(encode(decode(subject, json.dumps(event).encode()))), schema)


@each_sample
def test_its_subject_is_kept_by_exactly_one_stream(subject: str, event: Object) -> None:
    tokens = subject.split(".")
    kept = [
        stream.name
        for stream in STREAMS
        for pattern in stream.subjects
        if len(parts := pattern.split(".")) == len(tokens)
        and all(part in ("*", token) for part, token in zip(parts, tokens, strict=True))
    ]
    assert kept == [stream_for(subject).name]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_minimal_one_has_nothing_to_spare(file: Path) -> None:
    minimal = json.loads(file.read_text(encoding="utf-8"))["minimal"]
    for name in minimal["event"]:
        lacking = {key: value for key, value in minimal["event"].items() if key != name}
        with pytest.raises(Poison, match="missing"):
            decode(minimal["subject"], json.dumps(lacking).encode())


@pytest.mark.parametrize("event", EVENTS, ids=type_name)
def test_the_full_ones_show_every_field(event: type[BaseEvent]) -> None:
    shown: dict[type, set[str]] = {}
    for file in GOLDEN.glob(f"{type_name(event)}.v1*.json"):
        sample = json.loads(file.read_text(encoding="utf-8"))["full"]
        collect(decode(sample["subject"], json.dumps(sample["event"]).encode()), sample["event"], shown)

    assert shown
    for kind, names in shown.items():
        assert names - {"type"} == set(kind.__struct_fields__), kind.__name__  # type: ignore[attr-defined]  # structs


def collect(struct: object, raw: object, shown: dict[type, set[str]]) -> None:
    """Notes which fields of which structs stand in `raw`."""
    if isinstance(struct, msgspec.Struct) and isinstance(raw, dict):
        shown.setdefault(type(struct), set()).update(raw)
        for name in struct.__struct_fields__:
            collect(getattr(struct, name), raw.get(name), shown)
    elif isinstance(struct, tuple) and isinstance(raw, list):
        for inner, part in zip(struct, raw, strict=True):
            collect(inner, part, shown)


@each_sample
def test_another_version_is_refused(subject: str, event: Object) -> None:
    with pytest.raises(Poison, match=r"\$\.v"):
        decode(subject, json.dumps({**event, "v": 2}).encode())


@each_sample
def test_under_another_subject_it_is_refused(subject: str, event: Object) -> None:
    with pytest.raises(Poison) as caught:
        decode(subject + "x", json.dumps(event).encode())
    assert caught.value.reason == "mismatched"


def test_the_documentation_is_what_is_generated_now() -> None:
    on_disk = {path.name: path.read_text(encoding="utf-8") for path in DIRECTORY.iterdir()}

    assert on_disk == pages(), "run `python -m shared.bus schema`"


@pytest.mark.parametrize("event", EVENTS, ids=type_name)
def test_every_schema_is_a_schema_and_allows_what_is_added_later(event: type[BaseEvent]) -> None:
    schema = json_schema(event)

    jsonschema.Draft202012Validator.check_schema(schema)
    assert "additionalProperties" not in schema
    assert schema["description"]


def test_the_command_writes_every_page_and_removes_what_is_no_more(tmp_path: Path) -> None:
    (tmp_path / "gone.v1.json").write_text("{}", encoding="utf-8")

    first = CliRunner().invoke(main, ["schema", "--directory", str(tmp_path)])
    second = CliRunner().invoke(main, ["schema", "--directory", str(tmp_path)])

    assert first.exit_code == 0
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == pages()
    assert set(first.output.split()) == {*pages(), "gone.v1.json"}
    assert (second.exit_code, second.output) == (0, "")
