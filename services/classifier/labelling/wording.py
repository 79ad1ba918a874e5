"""Every word on the screen of `label`, in Russian and English, and the keys."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Literal

import msgspec

from shared.events import Tag
from shared.topics import Topic

Language = Literal["ru", "en"]
Flag = Literal["toxic", "urgent", "personal_data"]
TAG_KEYS: dict[str, Tag] = {"1": "complaint", "2": "question", "3": "spam", "4": "other"}
FLAG_KEYS: dict[str, Flag] = {"5": "toxic", "6": "urgent", "7": "personal_data"}
"""Figures lie in the same place on a Russian and an English keyboard."""


class Act(Enum):
    """What a letter does."""

    SKIP = "skip"
    UNDO = "undo"
    MACHINE = "machine"
    GUIDE = "guide"
    QUIT = "quit"


class Wording(msgspec.Struct, frozen=True, kw_only=True):
    """One language."""

    language: Language
    tags: Mapping[Tag, str]
    flags: Mapping[Flag, str]
    keys: Mapping[str, Act]
    """Each with the sign on the same place of the other keyboard."""
    acts: str
    welcome: str
    resumed: str
    progress: str
    comment: str
    choose: str
    marks: str
    yes: str
    no: str
    no_such_key: str
    topic: str
    topic_prompt: str
    topic_none: str
    topic_many: str
    topic_list: str
    topic_unsaved: str
    stored: str
    skipped: str
    skipped_again: str
    undone: str
    nothing_to_undo: str
    not_of_this_file: str
    machine: str
    machine_same: str
    machine_else: str
    no_machine: str
    finished: str
    at_the_end: str
    goodbye: str
    more: str
    torn: str
    guide: str

    def name(self, topic: Topic) -> str:
        """The topic's name in this language."""
        return topic.ru if self.language == "ru" else topic.en


def _paragraphs(text: str) -> str:
    """One line each, which the terminal breaks where it must; indented lines belong to the one before."""
    return text.replace("\n  ", " ")


RU = Wording(
    language="ru",
    tags={"complaint": "жалоба", "question": "вопрос", "spam": "спам", "other": "другое"},
    flags={"toxic": "грубость", "urgent": "срочно", "personal_data": "личные данные"},
    keys={
        "п": Act.SKIP,
        "g": Act.SKIP,
        "н": Act.UNDO,
        "y": Act.UNDO,
        "м": Act.MACHINE,
        "v": Act.MACHINE,
        "с": Act.GUIDE,
        "c": Act.GUIDE,
        "?": Act.GUIDE,
        "в": Act.QUIT,
        "d": Act.QUIT,
    },
    acts="п пропустить   н назад   м мнение машины   с справка   в выход",
    welcome="Разметка комментариев. Каждый ответ сразу сохраняется (у жалоб и вопросов вместе с темой), "
    "закончить можно когда угодно.\n"
    "Комментарии: {file}\nОтветы: {out}\nОтвечает: {by}",
    resumed="Продолжаем с того места, где остановились.",
    progress="Размечено {done} из {all}.",
    comment="Комментарий:",
    choose="Что это?  1 жалоба   2 вопрос   3 спам   4 другое",
    marks="Если нужно, сначала отметьте:  5 {toxic}   6 {urgent}   7 {personal_data}",
    yes="да",
    no="нет",
    no_such_key="Эта клавиша здесь ничего не делает.",
    topic="Какая тема? С ней ответ сохранится. Наберите начало слова или номер и нажмите Enter.\n"
    "Просто Enter: не указывать. ? и Enter: список тем. - и Enter: назад.",
    topic_prompt="Тема: ",
    topic_none="Такой темы нет. Попробуйте другое слово или посмотрите список: ?",
    topic_many="Подходят несколько, введите номер:",
    topic_list="Темы:",
    topic_unsaved="Этот последний ответ не сохранён: тема осталась не выбрана.",
    stored="Сохранено: {answer}.",
    skipped="Пропущено, вернёмся к нему в конце.",
    skipped_again="Остались только пропущенные: {count}.",
    undone="Ответ «{answer}» отменён. Ответьте ещё раз.",
    nothing_to_undo="Отменять нечего.",
    not_of_this_file="Последний ответ относится к другому файлу комментариев; отменить его здесь нельзя.",
    machine="Машина думает: {scores}. Тема: {topic}. Отметки: {flags}.",
    machine_same="Машина ответила бы так же.",
    machine_else="Машина ответила бы: {tag} ({share}).",
    no_machine="Мнение машины выключено.",
    finished="Всё размечено, спасибо!",
    at_the_end="н отменить последний ответ   в закончить",
    goodbye="Ответы сохранены: {out}",
    more="Чтобы продолжить, запустите ту же команду.",
    torn="Последняя запись прошлого раза оборвалась и удалена; этот комментарий появится снова.",
    guide=_paragraphs("""\
Как отвечать. Читайте комментарий отдельно, как дежурный редактор страницы, и выберите одно:
1 жалоба: что-то сломано, плохо, не сделано, или человек требует это исправить. Вопрос с упрёком
  («Когда уже уберёте снег?») и предложение исправить плохое тоже жалоба.
2 вопрос: человек хочет узнать, где, когда, как, сколько, можно ли; хватит ответа словами.
3 спам: реклама, обман, заработок, кредиты, чужие страницы, сборы денег, бессмысленные повторы.
  Искреннее мнение не по теме не спам. Потерянная собака не спам.
4 другое: спасибо, поздравления, мнения, шутки, споры, советы, ответы учреждений, новости.
Подходит несколько? Сначала спам, потом жалоба, потом вопрос.
Отметки не зависят от ответа:
5 грубость: оскорбление, мат (и со звёздочками), угроза. Злость и сарказм сами по себе нет.
6 срочно: опасность для жизни, здоровья или имущества, которая не ждёт до завтра.
7 личные данные: телефон, почта, номер карты или документа; чужое полное имя вместе с адресом.
Тема: то, что надо исправить или о чём спрашивают, а не место. Не уверены: просто Enter."""),
)

EN = Wording(
    language="en",
    tags={"complaint": "complaint", "question": "question", "spam": "spam", "other": "other"},
    flags={"toxic": "rude", "urgent": "urgent", "personal_data": "personal data"},
    keys={
        "s": Act.SKIP,
        "ы": Act.SKIP,
        "u": Act.UNDO,
        "г": Act.UNDO,
        "m": Act.MACHINE,
        "ь": Act.MACHINE,
        "g": Act.GUIDE,
        "п": Act.GUIDE,
        "?": Act.GUIDE,
        "q": Act.QUIT,
        "й": Act.QUIT,
    },
    acts="s skip   u undo   m machine's opinion   g guide   q quit",
    welcome="Labelling comments. Each answer is stored at once (of complaints and questions together with the topic); "
    "stop whenever you like.\n"
    "Comments: {file}\nAnswers: {out}\nAnswered by: {by}",
    resumed="Going on where you stopped.",
    progress="{done} of {all} labelled.",
    comment="Comment:",
    choose="What is it?  1 complaint   2 question   3 spam   4 other",
    marks="If it applies, mark first:  5 {toxic}   6 {urgent}   7 {personal_data}",
    yes="yes",
    no="no",
    no_such_key="This key does nothing here.",
    topic="Which topic? With it the answer is stored. Type the beginning of a word or a number, then Enter.\n"
    "Enter alone: leave it open. ? and Enter: list of topics. - and Enter: back.",
    topic_prompt="Topic: ",
    topic_none="There is no such topic. Try another word, or see the list: ?",
    topic_many="Several fit, type the number:",
    topic_list="Topics:",
    topic_unsaved="This last answer is not stored: its topic was still open.",
    stored="Stored: {answer}.",
    skipped="Skipped; it comes again at the end.",
    skipped_again="Only skipped ones are left: {count}.",
    undone="The answer “{answer}” is taken back. Answer again.",
    nothing_to_undo="There is nothing to undo.",
    not_of_this_file="The last answer belongs to another file of comments; it cannot be undone here.",
    machine="The machine thinks: {scores}. Topic: {topic}. Marks: {flags}.",
    machine_same="The machine would have said the same.",
    machine_else="The machine would have said: {tag} ({share}).",
    no_machine="The machine's opinion is switched off.",
    finished="Everything is labelled, thank you!",
    at_the_end="u undo the last answer   q end",
    goodbye="Answers stored: {out}",
    more="To go on, start the same command again.",
    torn="The last record of the previous time was broken off and is removed; its comment comes again.",
    guide=_paragraphs("""\
How to answer. Read the comment by itself, as the page's duty editor, and choose one:
1 complaint: something is broken, bad, not done, or its mending is demanded. A question that blames
  ("When will you finally clear the snow?") and a proposal to mend something bad are complaints too.
2 question: the author wants to know where, when, how, how much, whether; words would satisfy.
3 spam: advertising, scams, jobs, loans, other pages, collecting money, meaningless repetition.
  A sincere opinion off the subject is not spam. A lost dog is not spam.
4 other: thanks, congratulations, opinions, jokes, quarrels, advice, institutions' replies, news.
Several fit? Spam first, then complaint, then question.
The marks do not depend on the answer:
5 rude: an insult, an obscenity (starred too), a threat. Anger and sarcasm alone are not.
6 urgent: a danger to life, health or property that cannot wait until tomorrow.
7 personal data: telephone, mail, number of a card or document; another's full name with the address.
Topic: what is to be mended or asked about, not the place. Not sure: Enter alone."""),
)

WORDINGS: dict[Language, Wording] = {"ru": RU, "en": EN}
