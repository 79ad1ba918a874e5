from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.comment import Content, Correction, Standing, fold, makes_case, reasons_of, thread_of
from shared.events import Flags
from tests.unit.routing.builders import content, moment, version
from tests.unit.routing.histories import histories


def standing(*versions: object) -> Standing:
    found = fold(versions)  # type: ignore[arg-type]  # the builder's versions, passed through *args
    assert found is not None
    return found


def test_no_versions_no_standing() -> None:
    assert fold([]) is None


@given(histories(), st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(history: list, random) -> None:  # type: ignore[no-untyped-def, type-arg]  # hypothesis' own types
    shuffled = history + [random.choice(history) for _ in range(3)]
    random.shuffle(shuffled)
    assert fold(shuffled) == fold(history)


def test_the_highest_version_says_whether_it_lives_and_what_it_says() -> None:
    found = standing(version(1), version(2, "edited", tag="other"), version(4, "deleted"), version(3, "edited"))
    assert (found.alive, found.head) == (False, 4)
    assert found.content is not None
    assert found.content.version == 3
    assert standing(version(1), version(2, "deleted"), version(3, "restored")).alive


def test_a_tombstone_alone_makes_nothing() -> None:
    found = standing(version(5, "deleted"))
    assert (found.alive, found.content, found.case, found.reasons) == (False, None, None, ())


def test_an_edit_never_takes_the_case_away() -> None:
    found = standing(version(1, topic="snow"), version(2, "edited", tag="other", topic="roads"))
    assert found.case is not None
    assert found.case.version == 1
    assert found.opened_at == moment(1)


def test_the_case_follows_the_highest_version_that_makes_one_and_opens_with_the_earliest() -> None:
    found = standing(version(1, tag="other", minute=0), version(2, "edited", minute=9), version(3, "edited", minute=4))
    assert found.case is not None
    assert (found.case.version, found.opened_at) == (3, moment(4))


def test_urgency_is_never_edited_away() -> None:
    assert standing(version(1, flags=Flags(urgent=True)), version(2, "edited")).urgent
    assert not standing(version(1), version(2, "edited")).urgent


@pytest.mark.parametrize(
    ("said", "makes"),
    [
        (content(tag="question"), True),
        (content(tag="complaint"), True),
        (content(tag="other"), False),
        (content(tag="spam"), False),
        (content(tag="other", flags=Flags(urgent=True)), True),
        (content(tag="spam", flags=Flags(urgent=True)), False),
        (content(tag="question", author_kind="community"), True),
        (content(tag="question", author_kind="page"), False),
        (content(tag="other", flags=Flags(urgent=True), author_kind="page"), False),
        (content(tag="spam", correction=Correction(tag="complaint")), True),
        (content(tag="spam", correction=Correction(case=True)), True),
        (content(tag="complaint", correction=Correction(tag="spam")), True),
        (content(tag="other", correction=Correction(topic="snow")), False),
        (content(tag="other", flags=Flags(urgent=True), correction=Correction(tag="spam")), False),
    ],
)
def test_what_makes_a_case(said: Content, makes: bool) -> None:
    assert makes_case(said) is makes


def test_a_moderators_word_goes_before_the_machines() -> None:
    corrected = content(tag="spam", topic="roads", correction=Correction(tag="question", topic="snow"))
    assert (corrected.right_tag, corrected.right_topic) == ("question", "snow")
    half = content(tag="spam", topic="roads", correction=Correction(tag="question"))
    assert (half.right_tag, half.right_topic) == ("question", "roads")


@pytest.mark.parametrize(
    ("said", "reasons"),
    [
        (content(), ()),
        (content(tag="spam"), ("spam",)),
        (content(unsure=True), ("unsure",)),
        (content(flags=Flags(toxic=True)), ("toxic",)),
        (content(flags=Flags(urgent=True)), ()),
        (
            content(tag="spam", unsure=True, flags=Flags(toxic=True, personal_data=True)),
            ("personal_data", "toxic", "spam", "unsure"),
        ),
        (content(tag="spam", unsure=True, author_kind="page"), ()),
    ],
)
def test_why_a_person_should_look(said: Content, reasons: tuple[str, ...]) -> None:
    assert reasons_of(said) == reasons


def test_reasons_are_those_of_the_present_content() -> None:
    assert standing(version(1, tag="spam"), version(2, "edited")).reasons == ()
    assert standing(version(1), version(2, "edited", tag="spam")).reasons == ("spam",)


def test_an_official_answer_names_what_it_answers_and_when() -> None:
    answer: dict[str, Any] = {"author_kind": "page", "parent": "vk:1", "tag": "other"}
    found = standing(version(3, "edited", **answer, minute=8), version(2, **answer, minute=5), version(4, "deleted"))
    assert (found.answers, found.answered_at, found.case) == ("vk:1", moment(5), None)
    assert standing(version(1)).answers is None


def test_a_thread_is_named_by_its_first_comment() -> None:
    assert thread_of("vk:1", None, None) == "vk:1"
    assert thread_of("vk:2", "vk:1", "vk:1") == "vk:1"
    assert thread_of("vk:3", "vk:2", "vk:1") == "vk:1"
    assert thread_of("vk:3", "vk:2", None) == "vk:2"
