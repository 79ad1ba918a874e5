"""What stops `label`, in the language of its screen."""

from __future__ import annotations

import errno
from collections.abc import Mapping
from typing import ClassVar

import click

from services.classifier.comment_file import CommentFileError
from services.classifier.labelling.answers import AnswersError
from services.classifier.labelling.wording import Language
from services.classifier.refusal import Refusal


class LabelError(Refusal):
    """It cannot begin."""

    messages: ClassVar[Mapping[str, str]] = {
        "no_terminal": "a person answers here: start it in a terminal, without pipes",
        "keyboard": "standard input is the keyboard that answers: name a file with the comments",
        "only_blank": "{file}: none of its comments has any text",
        "model": "{reason} (--order random --suggest never does without a model)",
    }


RU: Mapping[type[Refusal], Mapping[str, str]] = {
    LabelError: {
        "no_terminal": "отвечает человек: запустите команду в окне терминала, без перенаправления",
        "keyboard": "стандартный ввод занят клавиатурой, с которой отвечают: назовите файл с комментариями",
        "only_blank": "{file}: ни в одном комментарии нет текста",
        "model": "модель не загружается: {reason} (с --order random --suggest never она не нужна)",
    },
    CommentFileError: {
        "unreadable": "{file}: не читается ({reason})",
        "empty": "{file}: файл пустой",
        "no_comments": "{file}: в файле нет комментариев",
        "spreadsheet": "{file}: это файл самой таблицы; сохраните его в ней как «CSV UTF-8»",
        "encoding": "{file}, строка {line}: не UTF-8; сохраните файл в таблице как «CSV UTF-8»",
        "csv": "{file}, строка {line}: это не CSV: {reason}",
        "unclosed": "{file}, строка {line}: кавычка, которая здесь открывается, не закрыта там, где кончается её поле, "
        "и в эту строку попало всё до строки {last}; закройте её, а если она часть текста, удвойте",
        "json": "{file}, строка {line}: это не объект JSON: {reason}",
        "no_column": "{file}: нет колонки `{column}`; есть {names} (другую назовёт --column)",
        "no_text": "{file}, строка {line}: в `{column}` нет текста (другую колонку назовёт --column)",
    },
    AnswersError: {
        "unwritable": "{file}: сюда нельзя записать ({reason})",
        "unsaved": "{file}: последний ответ не записался ({reason}); все до него сохранены",
        "taken": "{file}: в этот файл уже размечают в другом окне; сначала закройте его",
        "unlockable": "{file}: файл не удаётся занять ({reason}); назовите файл на другом диске",
        "another_person": "{file}: здесь ответы другого человека ({names}); один файл, один человек: назовите другой "
        "через --out или укажите это имя в --by",
        "foreign": "{file}: здесь не ответы, а что-то другое; назовите другой файл через --out",
        "foreign_line": "{file}, строка {line}: это не ответ ({reason}); назовите другой файл через --out",
    },
}
"""The same kinds as in English, filled with the same names."""

REASONS_RU = {
    errno.ENOENT: "нет такого файла или папки",
    errno.EACCES: "нет прав",
    errno.EPERM: "нет прав",
    errno.EISDIR: "это папка",
    errno.ENOTDIR: "это не папка",
    errno.ENOSPC: "на диске нет места",
    errno.EROFS: "диск только для чтения",
}


class Stopped(click.ClickException):
    """Ends the command with the refusal in the language of the screen."""

    def __init__(self, refusal: Refusal, language: Language) -> None:
        super().__init__(in_words(refusal, language))
        self._prefix = "Ошибка" if language == "ru" else "Error"

    def show(self, file: object = None) -> None:
        """On standard error."""
        click.echo(f"{self._prefix}: {self.format_message()}", err=True)


def in_words(refusal: Refusal, language: Language) -> str:
    """The message in that language; what the system says is left as it is where it is not known."""
    if language != "ru":
        return str(refusal)
    told = dict(refusal.told)
    number = told.get("errno")
    if isinstance(number, int) and number in REASONS_RU:
        told["reason"] = REASONS_RU[number]
    return RU[type(refusal)][refusal.kind].format(**told)
