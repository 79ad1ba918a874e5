"""The guide to the life of a model names every command, path and bucket, and invents none."""

from __future__ import annotations

import re
from pathlib import Path

from services.classifier.life.versions import ModelController
from services.classifier.life.versions_command import models

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/models.md").read_text(encoding="utf-8")
API = (ROOT / "docs/api.md").read_text(encoding="utf-8")


def test_it_names_exactly_the_commands_there_are() -> None:
    named = set(re.findall(r"services\.classifier models ([a-z]+)", GUIDE))
    assert named == set(models.commands)


def test_the_api_guide_names_exactly_the_paths_there_are() -> None:
    handlers = [getattr(ModelController, name) for name in dir(ModelController) if not name.startswith("_")]
    paths = {f"/v1/models{path}".rstrip("/") for one in handlers for path in getattr(one, "paths", ())}
    assert set(re.findall(r"`(?:GET|POST) (/v1/models[a-z/]*)", API)) == paths
