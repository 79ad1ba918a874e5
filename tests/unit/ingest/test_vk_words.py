"""VK's numbers as errors, its ids as places and links."""

from __future__ import annotations

import pytest

from services.ingest.connectors.failure import (
    BadCredential,
    Gone,
    NotAllowed,
    NotSent,
    PlatformError,
    Refused,
    Unclear,
)
from services.ingest.connectors.vk.place import find_comment, owner_of, page_link
from services.ingest.connectors.vk.refusal import failure

MEANING: dict[int, tuple[type[PlatformError], type[PlatformError]]] = {
    5: (BadCredential, BadCredential),
    6: (NotSent, NotSent),
    9: (NotSent, NotSent),
    10: (NotSent, Unclear),
    1: (NotSent, Unclear),
    14: (NotAllowed, NotAllowed),
    15: (NotAllowed, NotAllowed),
    27: (NotAllowed, NotAllowed),
    28: (NotAllowed, NotAllowed),
    29: (NotSent, NotSent),
    100: (Refused, Refused),
    18: (Gone, NotAllowed),
    40: (Gone, NotAllowed),
    104: (Gone, Gone),
    210: (NotAllowed, NotAllowed),
    211: (NotAllowed, NotAllowed),
    212: (Refused, Refused),
    213: (NotAllowed, NotAllowed),
    214: (NotAllowed, NotAllowed),
    222: (Refused, Refused),
    223: (NotSent, NotSent),
    801: (Refused, Refused),
    1117: (BadCredential, BadCredential),
    987_654: (Refused, Refused),
    -1: (Refused, Refused),
}


@pytest.mark.parametrize(("code", "meaning"), MEANING.items())
def test_each_number_has_its_error_in_reading_and_in_writing(
    code: int, meaning: tuple[type[PlatformError], type[PlatformError]]
) -> None:
    reading, writing = failure(code, writing=False), failure(code, writing=True)
    assert (type(reading), type(writing)) == meaning
    assert f"VK error {code}" in reading.detail


@pytest.mark.parametrize(("code", "seconds"), [(6, 1.0), (9, 60.0), (29, 3_600.0), (223, 600.0)])
def test_what_passes_says_when_to_come_again(code: int, seconds: float) -> None:
    error = failure(code, writing=True)
    assert isinstance(error, NotSent)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("comment", "link"),
    [
        ("vk:wall:-1:2:3", "https://vk.com/wall-1_2?reply=3"),
        ("wall:-1:2:3", "https://vk.com/wall-1_2?reply=3"),
        ("vk:photo:-1:2:3", "https://vk.com/photo-1_2?reply=3"),
        ("vk:video:-1:2:3", "https://vk.com/video-1_2?reply=3"),
        ("vk:market:-1:2:3", "https://vk.com/product-1_2"),
        ("vk:board:-1:2:3", "https://vk.com/topic-1_2?post=3"),
    ],
)
def test_every_comment_has_an_address(comment: str, link: str) -> None:
    found = find_comment(comment)
    assert found is not None
    assert found[0].link(found[1]) == link


@pytest.mark.parametrize("comment", ["", "vk:wall:-1:2", "vk:poem:-1:2:3", "wall:-1:2:x", "wall:-1:2:3\n", "a:1:2:3"])
def test_what_is_no_comments_id_is_none(comment: str) -> None:
    assert find_comment(comment) is None


def test_pages_have_owners_and_addresses() -> None:
    assert (owner_of("vk:-5"), owner_of("vk:5"), owner_of("max:5"), owner_of("vk:x")) == (-5, 5, None, None)
    assert page_link("vk:-5") == "https://vk.com/club5"
    assert page_link("vk:5") == "https://vk.com/id5"
    assert page_link("vk:") == "https://vk.com"
