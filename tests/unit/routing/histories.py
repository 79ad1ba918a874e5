"""Random histories of one comment, as its platform might tell them."""

from __future__ import annotations

from hypothesis import strategies as st

from services.routing.domain.comment import Content, Version, VersionKind
from shared.events import Flags
from tests.unit.routing.builders import moment

KINDS: tuple[VersionKind, ...] = ("created", "edited", "edited", "deleted", "restored")


def contents() -> st.SearchStrategy[Content]:
    """What a person or community may have said."""
    flags = st.builds(Flags, toxic=st.booleans(), urgent=st.booleans(), personal_data=st.booleans())
    return st.builds(
        Content,
        text=st.sampled_from(["Яма", "Снег", "Спасибо"]),
        tag=st.sampled_from(["question", "complaint", "spam", "other"]),
        unsure=st.booleans(),
        topic=st.sampled_from(["roads", "snow", "schools", "other"]),
        flags=st.one_of(st.just(Flags()), flags),
        author_kind=st.sampled_from(["person", "community"]),
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Version]:
    """One to seven versions with different numbers; moments need not rise with them."""
    numbers = draw(st.lists(st.integers(1, 40), min_size=1, max_size=7, unique=True))
    found = []
    for number in numbers:
        kind = draw(st.sampled_from(KINDS))
        said = draw(contents()) if kind in ("created", "edited") else None
        minute = draw(st.integers(0, 30))
        found.append(Version(version=number, kind=kind, received_at=moment(minute), content=said))
    return found
