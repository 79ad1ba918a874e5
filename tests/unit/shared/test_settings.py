"""Settings come from the environment, and everything that is wrong is said at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from shared.settings import Check, SettingsError, describe_settings, load_settings


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    author_key: Annotated[str, Meta(min_length=4, description="Secret.")]
    ingest_port: Annotated[int, Meta(ge=1, le=65535, description="Port.")] = 8001
    migrate: Annotated[bool, Meta(description="Migrate at start.")] = True
    log_format: Annotated[Literal["auto", "json"], Meta(description="Form.")] = "auto"
    even: Annotated[int, Meta(description="Even."), Check(lambda value: f"{value} is odd" if value % 2 else None)] = 0


def test_defaults_hold_where_nothing_is_set() -> None:
    settings = load_settings(Settings, {"OTKLIK_AUTHOR_KEY": "abcd"})
    assert settings == Settings(author_key="abcd")


def test_values_take_the_field_s_type() -> None:
    settings = load_settings(
        Settings, {"OTKLIK_AUTHOR_KEY": "abcd", "OTKLIK_INGEST_PORT": "9000", "OTKLIK_MIGRATE": "0"}
    )
    assert (settings.ingest_port, settings.migrate) == (9000, False)


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "author_key"
    file.write_text("from-file\n", encoding="utf-8")
    assert load_settings(Settings, {"OTKLIK_AUTHOR_KEY_FILE": str(file)}).author_key == "from-file"


def test_the_variable_wins_over_its_file(tmp_path: Path) -> None:
    file = tmp_path / "author_key"
    file.write_text("from-file", encoding="utf-8")
    env = {"OTKLIK_AUTHOR_KEY": "direct", "OTKLIK_AUTHOR_KEY_FILE": str(file)}
    assert load_settings(Settings, env).author_key == "direct"


def test_everything_wrong_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(Settings, {"OTKLIK_INGEST_PORT": "many", "OTKLIK_LOG_FORMAT": "xml", "OTKLIK_EVEN": "3"})
    message = str(caught.value)
    assert "OTKLIK_EVEN: 3 is odd" in message
    assert "OTKLIK_AUTHOR_KEY: not set" in message
    assert "OTKLIK_INGEST_PORT" in message
    assert "OTKLIK_LOG_FORMAT: must be one of auto, json" in message


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SettingsError, match="OTKLIK_AUTHOR_KEY_FILE: cannot read /nowhere"):
        load_settings(Settings, {"OTKLIK_AUTHOR_KEY_FILE": "/nowhere/key"})


def test_a_wrong_value_is_not_repeated_when_it_is_secret() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(Settings, {"OTKLIK_AUTHOR_KEY": "xyz"})
    assert "xyz" not in str(caught.value)


def test_fields_describe_themselves() -> None:
    described = list(describe_settings(Settings))
    assert described[0] == ("OTKLIK_AUTHOR_KEY", "required", "Secret.")
    assert described[1] == ("OTKLIK_INGEST_PORT", "8001", "Port.")
