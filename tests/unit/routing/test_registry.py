from __future__ import annotations

import pytest

from services.routing.domain.registry import ROOT, ROOT_NAME, Competence, Institution, Page, Registry, Territory


def territory(id: str, parent: str | None = ROOT, coordinator: str | None = None) -> Territory:
    return Territory(id=id, kind="settlement", name=id, parent=parent, coordinator=coordinator)


def institution(id: str, parent: str | None = ROOT) -> Institution:
    return Institution(id=id, name=id, short_name=id, kind="administration", parent=parent)


def test_the_root_always_exists() -> None:
    empty = Registry()
    root = empty.institution(ROOT)
    assert root is not None
    assert root.name == ROOT_NAME
    assert empty.ancestors(ROOT) == (ROOT,)
    assert empty.coordinator_of(ROOT) == ROOT
    assert empty.below(ROOT) == {ROOT}


def test_the_root_can_be_renamed_and_parentless_rows_hang_under_it() -> None:
    renamed = Registry(
        territories=[territory("region", None)],
        institutions=[institution(ROOT, None), institution("town", None)],
    )
    root = renamed.institution(ROOT)
    assert root is not None
    assert root.name == ROOT
    assert renamed.ancestors("region") == ("region", ROOT)
    assert renamed.above("town") == ("town", ROOT)


def test_trees_upwards_and_downwards() -> None:
    tree = Registry(
        territories=[territory("village", "district"), territory("district", "region"), territory("region")],
        institutions=[institution("school", "town"), institution("town"), institution("other")],
    )
    assert tree.ancestors("village") == ("village", "district", "region", ROOT)
    assert set(tree.within("district")) == {"district", "village"}
    assert tree.within("nowhere") == ()
    assert tree.below("town") == {"town", "school"}
    assert tree.below("school") == {"school"}
    assert tree.below("nobody") == frozenset()
    assert (tree.has_below("town"), tree.has_below("school")) == (True, False)
    with pytest.raises(KeyError):
        tree.ancestors("nowhere")


def test_the_coordinator_is_inherited() -> None:
    tree = Registry(
        territories=[
            territory("region"),
            territory("district", "region", "town"),
            territory("village", "district"),
            territory("lost", "district", "nobody"),
        ],
        institutions=[institution("town")],
    )
    found = [tree.coordinator_of(id) for id in ("region", "district", "village", "lost", "nowhere")]
    assert found == [ROOT, "town", "town", "town", ROOT]


def test_competence_at_one_level_by_rank_then_id() -> None:
    tree = Registry(
        competences=[
            Competence("b", "snow", ROOT, 2),
            Competence("c", "snow", ROOT, 1),
            Competence("a", "snow", ROOT, 2),
            Competence("a", "snow", ROOT, 7),
        ]
    )
    assert tree.competent("snow", ROOT) == ("c", "a", "b")
    assert tree.competent("roads", ROOT) == ()


def test_pages() -> None:
    page = Page("vk:-1", ROOT, ROOT, "Страница")
    tree = Registry(pages=[page])
    assert (tree.page("vk:-1"), tree.page("vk:-2")) == (page, None)


def test_broken_trees_are_refused() -> None:
    with pytest.raises(ValueError, match="does not exist"):
        Registry(territories=[territory("village", "nowhere")])
    with pytest.raises(ValueError, match="its own parent"):
        Registry(institutions=[institution("a", "b"), institution("b", "c"), institution("c", "b")])
