"""What is sealed opens with the right key under the right name, and shows itself nowhere."""

from __future__ import annotations

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.settings import Settings
from services.ingest.sources.api import ChangedSecrets, GivenSecrets
from services.ingest.sources.change import Change
from services.ingest.sources.instructions import Instructions
from services.ingest.sources.registry import Kept
from services.ingest.sources.source import Secrets
from services.ingest.sources.vault import KEY_PATTERN, SealBroken, Vault, new_key
from shared.settings import SettingsError, load_settings
from tests.unit.ingest.sources.samples import record

SECRETS = Secrets(community_token="community-1", hook_secret="hook-1", confirmation="ab12")


@given(st.text(min_size=1, max_size=300))
def test_what_is_sealed_opens_again(secret: str) -> None:
    vault = Vault(new_key())
    sealed = vault.seal("city", Secrets(bot_token=secret))
    assert vault.open("city", sealed) == Secrets(bot_token=secret)
    assert secret not in sealed or len(secret) < 6


def test_it_opens_under_no_other_source() -> None:
    vault = Vault(new_key())
    with pytest.raises(SealBroken, match="another source"):
        vault.open("other", vault.seal("city", SECRETS))


def test_keys_are_changed_without_losing_anything() -> None:
    old, new = new_key(), new_key()
    sealed = Vault(old).seal("city", SECRETS)
    both = Vault(new, old)
    assert both.open("city", sealed) == SECRETS
    assert not both.fresh(sealed)

    again = both.seal("city", both.open("city", sealed))
    assert both.fresh(again)
    assert Vault(new).open("city", again) == SECRETS
    with pytest.raises(SealBroken, match="OTKLIK_SOURCES_KEY"):
        Vault(old).open("city", again)


@pytest.mark.parametrize("sealed", ["", "x", "ё", "gAAAAA==", "\ud800"])
def test_what_was_never_sealed_does_not_open(sealed: str) -> None:
    vault = Vault(new_key())
    with pytest.raises(SealBroken):
        vault.open("city", sealed)
    assert not vault.fresh(sealed)


def test_a_changed_seal_does_not_open() -> None:
    vault = Vault(new_key())
    sealed = vault.seal("city", SECRETS)
    for at in range(10, len(sealed) - 10, 17):
        with pytest.raises(SealBroken):
            vault.open("city", sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :])


@pytest.mark.parametrize("wrong", ["short", "x" * 44, "k" * 43 + "я"])
def test_what_is_no_key_is_refused_without_quoting_it(wrong: str) -> None:
    with pytest.raises(ValueError, match="44 characters") as caught:
        Vault.of(wrong)
    assert wrong not in str(caught.value)
    with pytest.raises(SettingsError) as told:
        load_settings(Settings, {"OTKLIK_AUTHOR_KEY": "k" * 16, "OTKLIK_SOURCES_KEY": wrong})
    assert "OTKLIK_SOURCES_KEY" in str(told.value)
    assert wrong not in str(told.value)


def test_the_variable_holds_none_one_or_several_keys() -> None:
    one, two = new_key(), new_key()
    for text in ("", None, " , "):
        assert Vault.of(text) is None
    for text in (one, f"{one},{two}", f"{one} , {two}"):
        assert re.search(KEY_PATTERN, text)
        assert Vault.of(text) is not None
    assert re.search(KEY_PATTERN, "")
    with pytest.raises(ValueError, match="at least one"):
        Vault()


def test_nothing_that_holds_a_secret_shows_it() -> None:
    key = new_key()
    vault = Vault(key)
    kept = record("city", vault, SECRETS)
    shown = [
        vault,
        SECRETS,
        kept,
        kept.source(vault),
        Kept(record=kept, revision=1, hook_secret="hook-1"),
        Change(secrets={"bot_token": "community-1"}),
        GivenSecrets(community_token="community-1"),
        ChangedSecrets(community_token="community-1"),
        Instructions(hook=None, secret="hook-1", ru=("hook-1",), en=()),
        Settings(author_key="k" * 16, sources_key=key),
    ]
    for thing in shown:
        for text in (repr(thing), str(thing)):
            assert not [secret for secret in ("community-1", "hook-1", "ab12", key, kept.sealed) if secret in text]
    assert b"community-1" not in msgspec.json.encode(kept)
