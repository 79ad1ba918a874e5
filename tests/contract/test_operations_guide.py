"""The operations guide names every setting and every target of the Makefile, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import services.classifier.settings
import services.ingest.settings
import services.routing.settings
from shared.settings import describe_settings

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/operations.md").read_text()
OF_THE_RUN = {
    *("OTKLIK_DATA_DIR", "OTKLIK_RUN_SECONDS", "OTKLIK_NATS_MAX_FILE", "OTKLIK_VERSION", "OTKLIK_IMAGES"),
    *(f"OTKLIK_STANDIN_{platform}_PORT" for platform in ("VK", "TELEGRAM", "MAX", "OK")),
}
"""Read by `make run` or compose, not by a service."""
OF_COMMANDS = {"OTKLIK_NATS_PORT", "OTKLIK_KEY", "OTKLIK_KEY_FILE"}
"""Read by `make run` or by `replay`."""
HANDED_ON = {"HOST", "MONITOR", "STORE", "PASSWORD"}
INTERNAL = {
    *(f"OTKLIK_NATS_{name}" for name in HANDED_ON),
    "OTKLIK_LEASH_PARENT",
    "OTKLIK_SERVICE",
    "OTKLIK_TEST_DOCKER",
}
"""Handed from one of our processes to the next; nobody sets them by hand."""
SETTINGS = {
    variable
    for module in (services.ingest, services.classifier, services.routing)
    for variable, _, _ in describe_settings(module.settings.Settings)
}
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("variable", sorted(SETTINGS | OF_THE_RUN | OF_COMMANDS))
def test_the_guide_names_the_setting(variable: str) -> None:
    assert f"`{variable}" in GUIDE or f" {variable}=" in GUIDE or f"`{variable}=" in GUIDE


def test_the_guide_invents_no_setting() -> None:
    named = set(re.findall(r"OTKLIK_[A-Z_]*[A-Z]\b", GUIDE)) - {"OTKLIK_X", "OTKLIK_X_FILE"}
    assert named <= SETTINGS | OF_THE_RUN | OF_COMMANDS


def test_every_variable_that_the_code_reads_is_known_here() -> None:
    files = [
        path
        for folder in ("services", "shared", "deploy")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in (".py", ".yaml", ".sh", ".conf") or path.name == "Dockerfile"
    ]
    text = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "Makefile", *files])
    read = set(re.findall(r"OTKLIK_[A-Z_]*[A-Z]\b", text)) - {"OTKLIK_X", "OTKLIK_X_FILE"}
    known = SETTINGS | OF_THE_RUN | OF_COMMANDS | INTERNAL
    assert read - known - {f"{variable}_FILE" for variable in SETTINGS} == set()


def test_the_guide_invents_no_target() -> None:
    assert set(re.findall(r"`make (?:-s )?([a-z-]+)", GUIDE)) <= TARGETS


@pytest.mark.parametrize("target", sorted(TARGETS - {"help", "setup"}))
def test_the_guide_names_the_target(target: str) -> None:
    assert re.search(rf"\bmake (-s )?{target}\b", GUIDE)
