"""What a person answered, in a file that is safe after every answer.

One JSON object a line, as `train --data` reads it. A line is on the disk when `append` returns; `undo` cuts the last
one off. A file belongs to one person, so that two people's agreement can be counted, and to one process at a time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import ClassVar

import msgspec

from services.classifier.refusal import Refusal
from shared.events import Tag


class AnswersError(Refusal):
    """The file cannot take answers; the message says why, and what to do."""

    messages: ClassVar[Mapping[str, str]] = {
        "unwritable": "{file}: cannot be written ({reason})",
        "unsaved": "{file}: the last answer could not be written ({reason}); all before it are safe",
        "taken": "{file}: another window is labelling into this file; close it first",
        "unlockable": "{file}: cannot be locked ({reason}); name a file on another disk",
        "another_person": "{file}: holds the answers of {names}; one file, one person: name another with --out, or say "
        "--by with that name",
        "foreign": "{file}: holds something else than answers; name another file with --out",
        "foreign_line": "{file}, line {line}: not an answer ({reason}); name another file with --out",
    }


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """One comment labelled; None is what was not asked or not answered."""

    id: str | None
    """What the file of comments calls it."""
    sha256: str
    """Of the text in UTF-8: what two people's answers are matched by."""
    text: str
    tag: Tag
    topic: str | None = None
    toxic: bool | None = None
    urgent: bool | None = None
    personal_data: bool | None = None
    suggested: bool = False
    """Whether the machine's opinion was on the screen before the answer."""
    labelled_by: str
    at: datetime


_BEGINNING = b'{"id":'
"""Of every line."""


def digest(text: str) -> str:
    """Names a text."""
    return hashlib.sha256(text.encode()).hexdigest()


class AnswerFile:
    """The answers of `by` in `path`, which is made where it is missing. A context; raises AnswersError on entering."""

    def __init__(self, path: Path, *, by: str | None) -> None:
        """Without `by` the file goes on under the name it has."""
        self.path = path
        self.by = by or ""
        self.answers: list[Answer] = []
        self.torn = False
        """Whether the last line was broken off in writing, and has been cut off."""
        self._starts: list[int] = []
        self._descriptor = -1

    def __enter__(self) -> AnswerFile:
        try:
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise _failed("unwritable", self.path, error) from error
        try:
            self._take()
        except BaseException:
            os.close(self._descriptor)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)

    def append(self, answer: Answer) -> None:
        """On the disk when this returns; raises AnswersError where it cannot be, with the file as it was before."""
        start = os.lseek(self._descriptor, 0, os.SEEK_END)
        rest = msgspec.json.encode(answer) + b"\n"
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
            os.fsync(self._descriptor)
        except OSError as error:
            self._cut(start)
            raise _failed("unsaved", self.path, error) from error
        self.answers.append(answer)
        self._starts.append(start)

    def undo(self) -> Answer:
        """Takes the last answer back, off the disk too; there must be one."""
        self._cut(self._starts[-1])
        self._starts.pop()
        return self.answers.pop()

    def _take(self) -> None:
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AnswersError("taken", file=self.path) from error
        except OSError as error:
            raise _failed("unlockable", self.path, error) from error
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        start = 0
        for number, line in enumerate(content[:whole].splitlines(keepends=True), start=1):
            self._read(number, line)
            self._starts.append(start)
            start += len(line)
        if whole < len(content):
            self._end(whole, content[whole:])
        others = {answer.labelled_by for answer in self.answers} - {self.by}
        if not self.by and len(others) == 1:
            self.by = others.pop()
        elif others:
            raise AnswersError("another_person", file=self.path, names=", ".join(sorted(others)))

    def _end(self, start: int, last: bytes) -> None:
        """Of a file whose last line has no end: an editor took it off, or the line was broken off in writing."""
        if not last.startswith(_BEGINNING[: len(last)]):
            raise AnswersError("foreign", file=self.path)
        try:
            answer = msgspec.json.decode(last, type=Answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._cut(start)
            self.torn = True
            return
        os.lseek(self._descriptor, 0, os.SEEK_END)
        os.write(self._descriptor, b"\n")
        os.fsync(self._descriptor)
        self.answers.append(answer)
        self._starts.append(start)

    def _read(self, number: int, line: bytes) -> None:
        try:
            self.answers.append(msgspec.json.decode(line, type=Answer))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise AnswersError("foreign_line", file=self.path, line=number, reason=error) from error

    def _cut(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        os.fsync(self._descriptor)


def _failed(kind: str, path: Path, error: OSError) -> AnswersError:
    return AnswersError(kind, file=path, reason=error.strerror, errno=error.errno)
