"""One person at a terminal, comment after comment."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Literal

from services.classifier.comment_file import Comment
from services.classifier.judgement import Judgement
from services.classifier.labelling.answers import Answer, AnswerFile, digest
from services.classifier.labelling.terminal import Left, Terminal
from services.classifier.labelling.topics import matching, numbered
from services.classifier.labelling.wording import FLAG_KEYS, TAG_KEYS, Act, Flag, Wording
from services.classifier.visible import visible
from shared.events import Tag
from shared.topics import TOPICS, Topic

Suggest = Literal["before", "after", "never"]
"""When the machine's opinion is told: before the answer, after it (before, when asked for), or never."""
Judge = Callable[[str], Judgement]
BACK = "-"
APPEALS: tuple[Tag, ...] = ("complaint", "question")
"""What is about something, so that its topic is asked for."""


class Session:
    """Asks until everything is labelled or the person leaves; what was answered is in `answers` at every moment."""

    def __init__(
        self,
        comments: Sequence[Comment],
        answers: AnswerFile,
        terminal: Terminal,
        wording: Wording,
        *,
        clock: Callable[[], datetime],
        judge: Judge | None = None,
        suggest: Suggest = "after",
        topics: bool = True,
    ) -> None:
        """`comments` are distinct and in the order in which they are shown; without `judge` there is no opinion."""
        self._known = {digest(comment.text): comment for comment in comments}
        self._answers = answers
        done = {answer.sha256 for answer in answers.answers}
        self._left = deque(comment for sha, comment in self._known.items() if sha not in done)
        self._skipped = 0
        self._terminal = terminal
        self._wording = wording
        self._clock = clock
        self._judge = judge if suggest != "never" else None
        self._suggest = suggest
        self._topics = topics

    def run(self) -> int:
        """Returns when the person has left, or nothing is left and the last answer shall stay: how many are left."""
        try:
            while self._left or self._reconsider():
                if self._skipped == len(self._left):
                    self._terminal.show(self._wording.skipped_again.format(count=self._skipped))
                    self._skipped = 0
                self._one(self._left[0])
        except Left:
            self._terminal.show()
        return len(self._left)

    @property
    def _done(self) -> int:
        return len(self._known) - len(self._left)

    def _reconsider(self) -> bool:
        """Whether an answer was taken back after the last one."""
        self._terminal.show()
        self._terminal.show(self._wording.finished)
        while True:
            self._terminal.show(self._wording.at_the_end)
            act = self._wording.keys.get(self._terminal.key())
            if act is Act.UNDO and self._undo():
                return True
            if act is Act.QUIT:
                return False
            if act is not Act.UNDO:
                self._terminal.show(self._wording.no_such_key)

    def _one(self, comment: Comment) -> None:
        """Until it is answered, skipped, or an earlier one is taken back."""
        terminal, wording = self._terminal, self._wording
        flags: dict[Flag, bool] = dict.fromkeys(FLAG_KEYS.values(), False)
        seen = self._suggest == "before" and self._judge is not None
        terminal.show()
        terminal.show(wording.progress.format(done=self._done, all=len(self._known)))
        terminal.show(wording.comment, bold=True)
        terminal.show(visible(comment.text))
        terminal.show()
        if seen:
            self._tell_opinion(comment)
        self._tell_keys(flags)
        while True:
            key = terminal.key()
            if key in TAG_KEYS:
                topic = self._topic(TAG_KEYS[key])
                if topic != BACK:
                    self._store(comment, TAG_KEYS[key], topic, flags, seen)
                    return
                self._tell_keys(flags)
            elif key in FLAG_KEYS:
                flag = FLAG_KEYS[key]
                flags[flag] = not flags[flag]
                terminal.show(f"{wording.flags[flag]}: {self._yes_no(flags[flag])}")
            elif (act := wording.keys.get(key)) is Act.SKIP:
                self._left.rotate(-1)
                self._skipped += 1
                terminal.show(wording.skipped)
                return
            elif act is Act.QUIT:
                raise Left
            elif act is Act.UNDO:
                if self._undo():
                    return
            elif act is Act.GUIDE:
                terminal.show(wording.guide)
                self._tell_keys(flags)
            elif act is Act.MACHINE:
                seen = self._tell_opinion(comment) or seen
            else:
                terminal.show(wording.no_such_key)
                self._tell_keys(flags)

    def _store(self, comment: Comment, tag: Tag, topic: str | None, flags: dict[Flag, bool], seen: bool) -> None:
        self._answers.append(
            Answer(
                id=comment.id,
                sha256=digest(comment.text),
                text=comment.text,
                tag=tag,
                topic=topic,
                **flags,
                suggested=seen,
                labelled_by=self._answers.by,
                at=self._clock(),
            )
        )
        self._left.popleft()
        self._terminal.show(self._wording.stored.format(answer=self._in_words(tag, topic, flags)))
        if self._suggest == "after" and self._judge and not seen:
            judgement = self._judge(comment.text)
            share = f"{judgement.confidence:.0%}"
            same, other = self._wording.machine_same, self._wording.machine_else
            said = other.format(tag=self._wording.tags[judgement.tag], share=share)
            self._terminal.show(same if judgement.tag == tag else said)

    def _undo(self) -> bool:
        """Whether an answer was taken back; its comment is the next one then."""
        if not self._answers.answers:
            self._terminal.show(self._wording.nothing_to_undo)
            return False
        last = self._answers.answers[-1]
        comment = self._known.get(last.sha256)
        if comment is None:
            self._terminal.show(self._wording.not_of_this_file)
            return False
        self._answers.undo()
        self._left.appendleft(comment)
        words = self._in_words(last.tag, last.topic, {flag: bool(getattr(last, flag)) for flag in FLAG_KEYS.values()})
        self._terminal.show(self._wording.undone.format(answer=words))
        return True

    def _topic(self, tag: Tag) -> str | None:
        """An id, None where it stays open, or BACK."""
        if tag not in APPEALS or not self._topics:
            return None
        terminal, wording = self._terminal, self._wording
        terminal.show(wording.topic)
        while True:
            try:
                typed = terminal.line(wording.topic_prompt)
            except Left:
                terminal.show(wording.topic_unsaved)
                raise
            if typed in ("", BACK):
                return typed or None
            found = TOPICS if typed == "?" else matching(typed)
            if len(found) == 1:
                return found[0].id
            terminal.show(wording.topic_list if typed == "?" else wording.topic_many if found else wording.topic_none)
            for number, topic in numbered(found):
                terminal.show(f"{number} {wording.name(topic)}")

    def _tell_keys(self, flags: dict[Flag, bool]) -> None:
        shown = {flag: f"{self._wording.flags[flag]}: {self._yes_no(value)}" for flag, value in flags.items()}
        self._terminal.show(self._wording.choose, bold=True)
        self._terminal.show(self._wording.marks.format(**shown))
        self._terminal.show(self._wording.acts)

    def _tell_opinion(self, comment: Comment) -> bool:
        """Whether there is one to tell."""
        if self._judge is None:
            self._terminal.show(self._wording.no_machine)
            return False
        judgement, wording = self._judge(comment.text), self._wording
        ranked = sorted(judgement.scores.items(), key=lambda item: -item[1])
        raised = [name for flag, name in wording.flags.items() if getattr(judgement.flags, flag)]
        self._terminal.show(
            wording.machine.format(
                scores=", ".join(f"{wording.tags[tag]} {score:.0%}" for tag, score in ranked),
                topic=wording.name(_topic_of(judgement.topic)),
                flags=", ".join(raised) or wording.no,
            )
        )
        return True

    def _in_words(self, tag: Tag, topic: str | None, flags: dict[Flag, bool]) -> str:
        words = [self._wording.tags[tag]]
        if topic is not None and tag in APPEALS:
            words.append(self._wording.name(_topic_of(topic)))
        words += [self._wording.flags[flag] for flag, raised in flags.items() if raised]
        return ", ".join(words)

    def _yes_no(self, value: bool) -> str:
        return self._wording.yes if value else self._wording.no


def _topic_of(id: str) -> Topic:
    return next(topic for topic in TOPICS if topic.id == id)
