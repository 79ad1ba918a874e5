"""What is like what: against counting every pair."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.similarity import Similarity, grams, jaccard, plain

TEXTS = st.lists(st.text(alphabet="абв 1!", max_size=14), max_size=12)


@given(texts=TEXTS, limit=st.sampled_from([0.2, 0.5, 0.8]))
def test_finds_exactly_the_pairs_over_the_limit(texts: list[str], limit: float) -> None:
    found = {(other.place, place): other.score for place, other in Similarity(texts, limit=limit).pairs()}
    expected = {}
    for (one, first), (two, second) in combinations(enumerate(texts), 2):
        score = jaccard(grams(first), grams(second))
        if score > limit:
            expected[one, two] = score
    assert found == expected


@given(texts=TEXTS, text=st.text(alphabet="абв 1!", max_size=14))
def test_looks_up_a_text_that_is_not_among_them(texts: list[str], text: str) -> None:
    near = Similarity(texts, limit=0.5).near(text)
    assert sorted(other.place for other in near) == [
        place for place, one in enumerate(texts) if jaccard(grams(one), grams(text)) > 0.5
    ]
    assert [other.score for other in near] == sorted((other.score for other in near), reverse=True)


def test_sees_letters_and_figures_alone() -> None:
    assert plain("Ёлка, 5 шт.! 🌲") == "ёлка5шт"
    assert grams("Когда уберут снег?") == grams("когда  УБЕРУТ снег!!!")
    assert grams("да") == {"да"}
    assert grams(" 🌷🌷 ") == {"🌷🌷"}
    assert jaccard(grams("🌷"), grams("🎂")) == 0.0


def test_a_limit_that_says_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        Similarity([], limit=1.0)
