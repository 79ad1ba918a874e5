"""Embeddings that are kept between trainings."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray

from services.classifier.careful.embedding import EmbeddingFailed
from services.classifier.training.embedded import KEPT_EVERY, Embedded
from tests.fixtures.careful import Words

TEXTS = ["Нет воды", "Спасибо", "\ud800", ""]


class Other(Words):
    """Makes other directions, under another name."""

    name = "other/1"

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return -super().embed(texts)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """In a folder that is not there yet."""
    return tmp_path / "kept" / "embeddings.npz"


def test_it_remembers(file: Path) -> None:
    first = Words()
    rows = Embedded(first, file).embed(TEXTS)
    np.testing.assert_array_equal(rows, Words().embed(TEXTS))
    assert first.read == TEXTS
    second = Words()
    embedded = Embedded(second, file)
    np.testing.assert_array_equal(
        embedded.embed([*TEXTS[::-1], "Новое", TEXTS[0]]), Words().embed([*TEXTS[::-1], "Новое", TEXTS[0]])
    )
    assert second.read == ["Новое"]
    third = Words()
    Embedded(third, file).embed(["Новое", *TEXTS])
    assert third.read == []


def test_what_is_asked_for_twice_is_embedded_once() -> None:
    words = Words()
    embedded = Embedded(words)
    assert embedded.embed(["а", "б", "а"]).shape == (3, 16)
    embedded.embed(["б"])
    assert words.read == ["а", "б"]
    assert embedded.embed([]).shape == (0, 16)


def test_the_file_of_another_embedder_is_made_anew(file: Path) -> None:
    Embedded(Words(), file).embed(TEXTS)
    other = Other()
    np.testing.assert_array_equal(Embedded(other, file).embed(TEXTS), -Words().embed(TEXTS))
    assert other.read == TEXTS
    again = Words()
    Embedded(again, file).embed(TEXTS[:1])
    assert again.read == TEXTS[:1]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"\x93NUMPY", b"{}", None])
def test_a_damaged_file_is_made_anew(file: Path, content: bytes | None) -> None:
    Embedded(Words(), file).embed(TEXTS)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] if content is None else content)
    words = Words()
    np.testing.assert_array_equal(Embedded(words, file).embed(TEXTS), Words().embed(TEXTS))
    assert words.read == TEXTS
    assert file.read_bytes() == whole


def test_a_bit_that_was_turned_is_noticed(file: Path) -> None:
    Embedded(Words(), file).embed(TEXTS)
    content = bytearray(file.read_bytes())
    place = content.index(Words().embed(TEXTS[:1]).tobytes())
    content[place + 2] ^= 0x40
    file.write_bytes(content)
    np.testing.assert_array_equal(Embedded(Words(), file).embed(TEXTS), Words().embed(TEXTS))


@pytest.mark.parametrize(("place", "bit"), [(6, 0x40), (8, 0x01), (8, 0x40), (10, 0x40)])
def test_an_entry_that_seems_compressed_or_encrypted_is_made_anew(file: Path, place: int, bit: int) -> None:
    Embedded(Words(), file).embed(TEXTS)
    content = bytearray(file.read_bytes())
    content[content.index(b"PK\x01\x02") + place] ^= bit
    file.write_bytes(content)
    words = Words()
    Embedded(words, file).embed(TEXTS)
    assert words.read == TEXTS


def test_what_is_there_and_cannot_be_read_is_said_before_anything_is_embedded(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        Embedded(Words(), tmp_path)


def test_embeddings_of_another_length_are_made_anew(file: Path) -> None:
    class Longer(Words):
        size = 32

    Embedded(Words(), file).embed(TEXTS)
    assert Embedded(Longer(), file).embed(TEXTS).shape == (len(TEXTS), 32)


def test_it_tells_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    embedded = Embedded(Words())
    embedded.embed([f"текст {number}" for number in range(150)], lambda done, of: told.append((done, of)))
    assert told == [(64, 150), (128, 150), (150, 150)]
    told.clear()
    embedded.embed(["текст 1"], lambda done, of: told.append((done, of)))
    assert told == []


def test_what_fails_fails(file: Path) -> None:
    class Failing(Words):
        def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
            raise EmbeddingFailed("no")

    with pytest.raises(EmbeddingFailed):
        Embedded(Failing(), file).embed(TEXTS)
    assert not file.exists()


class Dying(Words):
    """Fails as soon as it has read so many texts."""

    def __init__(self, after: int, error: type[BaseException]) -> None:
        super().__init__()
        self.after = after
        self.error = error

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if len(self.read) >= self.after:
            raise self.error("no")
        return super().embed(texts)


@pytest.mark.parametrize("error", [EmbeddingFailed, KeyboardInterrupt])
def test_what_was_embedded_before_it_failed_is_kept(file: Path, error: type[BaseException]) -> None:
    texts = [f"текст {number}" for number in range(150)]
    dying = Dying(128, error)
    with pytest.raises(error):
        Embedded(dying, file).embed(texts)
    words = Words()
    np.testing.assert_array_equal(Embedded(words, file).embed(texts), Words().embed(texts))
    assert words.read == [text for text in texts if text not in dying.read]
    assert len(words.read) == 150 - 128
    assert list(file.parent.iterdir()) == [file]


def test_the_file_is_whole_while_it_goes_on(file: Path) -> None:
    """As who kills the process would find it."""
    texts = [f"текст {number}" for number in range(2 * KEPT_EVERY + 100)]
    found: set[int] = set()

    def look(_done: int, _of: int) -> None:
        if file.exists():
            with np.load(file) as stored:
                found.add(len(stored["keys"]))

    Embedded(Words(), file).embed(texts, look)
    assert found == {KEPT_EVERY, 2 * KEPT_EVERY}


def test_a_file_that_cannot_be_written_leaves_nothing_behind(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Embedded(Words(), file).embed(TEXTS)
    whole = file.read_bytes()

    def full(out: BinaryIO, **_arrays: object) -> None:
        out.write(b"PK")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        Embedded(Words(), file).embed([*TEXTS, "Новое"])
    assert (file.read_bytes(), list(file.parent.iterdir())) == (whole, [file])


def test_it_closes_its_embedder() -> None:
    words = Words()
    embedded = Embedded(words)
    assert (embedded.name, embedded.size) == ("words/1", 16)
    embedded.close()
    assert words.closed
