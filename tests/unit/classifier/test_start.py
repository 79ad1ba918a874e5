"""A service that was given a model it cannot read does not start, and says which file is wrong with what."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from services.classifier.__main__ import main
from services.classifier.model import DEFAULT_MODEL


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        (None, b"", "manifest.json: cannot be read"),
        ("manifest.json", b"{", "manifest.json: not a manifest"),
        ("tag_weights.npy", b"\x93NUMPY", "tag_weights.npy: damaged"),
        ("reference.json", b"{}", "reference.json: not a reference"),
    ],
)
def test_an_unreadable_model_stops_the_start(tmp_path: Path, file: str | None, content: bytes, complaint: str) -> None:
    if file is not None:
        shutil.copytree(DEFAULT_MODEL, tmp_path, dirs_exist_ok=True)
        (tmp_path / file).write_bytes(content)
    result = CliRunner().invoke(main, ["serve"], env={"OTKLIK_MODEL_PATH": str(tmp_path)})
    assert result.exit_code == 1
    assert f"OTKLIK_MODEL_PATH: {tmp_path}" in result.output
    assert complaint in result.output
