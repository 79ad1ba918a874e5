"""A model's folder as one file: always the same bytes, and nothing else comes out of it."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.life import archive
from services.classifier.life.archive import pack, unpack
from services.classifier.manifest import ModelError
from services.classifier.model import DEFAULT_MODEL, Model


def test_the_same_folder_gives_the_same_bytes_and_comes_back(tmp_path: Path) -> None:
    content = pack(DEFAULT_MODEL)
    unpack(content, tmp_path)
    os.utime(tmp_path / "manifest.json", (1, 1))
    (tmp_path / "manifest.json").chmod(0o600)
    (tmp_path / "plot.png").write_bytes(b"not needed to judge")

    assert pack(tmp_path) == content
    assert Model.load(tmp_path).version == Model.load().version


def test_what_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no manifest\.json"):
        pack(tmp_path)
    with pytest.raises(ModelError, match="cannot be read"):
        pack(tmp_path / "nowhere")


def test_what_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = pack(DEFAULT_MODEL)
    monkeypatch.setattr(archive, "MAX_ARCHIVE_BYTES", 1_000_000)
    with pytest.raises(ModelError, match="at most 1000000"):
        pack(DEFAULT_MODEL)
    with pytest.raises(ModelError, match="at most 1000000"):
        unpack(content, tmp_path)


def zipped(*entries: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as file:
        for name, content in entries:
            file.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "content",
    [
        zipped(("../manifest.json", b"{}")),
        zipped(("/etc/manifest.json", b"{}")),
        zipped(("folder/", b"")),
        zipped(("model.pkl", b"cos\nsystem\n")),
        zipped(("manifest.json", b"0" * 100_000), compression=zipfile.ZIP_DEFLATED),
        zipped(*((f"a{number}.npy", b"") for number in range(archive.MAX_FILES + 1))),
        zipped(("a.npy", b"12345")).replace(b"12345", b"54321"),
        b"",
        b"PK",
    ],
)
def test_what_pack_would_not_have_made_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        unpack(content, tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.stat().st_size > 100] == []


def test_one_name_twice(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zipped(("a.npy", b"1"), ("a.npy", b"2"))
    with pytest.raises(ModelError, match="twice"):
        unpack(content, tmp_path)


SMALL = zipped(("manifest.json", b"{}" * 50), ("a.npy", bytes(range(100))))


@given(place=st.integers(0, len(SMALL) - 1), value=st.integers(0, 255), cut=st.integers(0, len(SMALL)))
def test_any_damage_is_an_error_or_harmless(
    place: int, value: int, cut: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    damaged = bytearray(SMALL)
    damaged[place] = value
    for content in (bytes(damaged), SMALL[:cut]):
        folder = tmp_path_factory.mktemp("unpacked")
        with contextlib.suppress(ModelError):
            unpack(content, folder)
        for path in folder.iterdir():
            assert archive.FILE_NAME.fullmatch(path.name)
            assert path.stat().st_size <= len(SMALL)
