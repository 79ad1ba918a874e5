"""The language of a comment: named where it can be told, never where the comment is Russian."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.classifier.language import languages
from services.classifier.text import clean_batch
from services.classifier.tongues import CYRILLIC, LATIN, SCRIPTS
from services.classifier.training.rows import read_corpus

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=200)


def named(*texts: str) -> list[str | None]:
    return languages(texts, clean_batch(texts).counts)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("tt", "Безнең урамда өченче көн су юк, кайчан төзәтәсез?"),
        ("tt", "Табибка язылу өчен нинди номерга шалтыратырга?"),
        ("ba", "Беҙҙең урамда өсөнсө көн һыу юҡ, ҡасан төҙәтәһегеҙ?"),
        ("tt", "Безнең урамда су юк, карагыз: https://example.com/photo?id=1 яки a@example.com, кайчан төзәтәсез?"),
        ("cv", "Пирӗн урамра виҫҫӗмӗш кун шыв ҫук, хӑҫан юсатӑр?"),
        ("cv", "Тавтапуҫ, питĕ килĕшрĕ концерт"),
        ("ce", "Тхан урамехь кхоалгӀа де ду хи доцуш, маца тодо аша?"),
        ("ce", "Тхан урамехь кхоалг1а де ду хи доцуш, маца тодо аша?"),
        ("kk", "Біздің көшеде үшінші күн су жоқ, қашан жөндейсіздер?"),
        ("ky", "Биздин көчөдө үчүнчү күн суу жок, качан оңдойсуздар?"),
        ("uk", "На нашій вулиці вже третій день немає води, коли полагодите?"),
        ("be", "На нашай вуліцы трэці дзень няма вады, калі адрамантуеце?"),
        ("uz", "Кўчамизда уч кундан бери сув йўқ, қачон тузатасизлар?"),
        ("uz", "Ko‘chamizda uch kundan beri suv yo‘q, qachon tuzatasiz?"),
        ("tg", "Дар кӯчаи мо се рӯз боз об нест, кай таъмир мекунед?"),
        ("os", "Нӕ уынджы ӕртыккаг бон дон нӕй, кӕд ӕй сараздзыстут?"),
        ("sah", "Биһиги уулуссабытыгар үһүс күнүн уу суох, хаһан оҥороҕут?"),
        ("hy", "Մեր փողոցում երրորդ օրը ջուր չկա"),
        ("ka", "ჩვენს ქუჩაზე მესამე დღეა წყალი არ არის"),
        ("az", "Küçəmizdə üç gündür su yoxdur, nə vaxt düzəldəcəksiniz?"),
        ("en", "There has been no water in our street for three days"),
        ("de", "Seit drei Tagen gibt es in unserer Straße kein Wasser"),
        ("fr", "Il n'y a pas d'eau dans notre rue depuis trois jours"),
        ("tr", "Sokağımızda üç gündür su yok, ne zaman tamir edeceksiniz?"),
        ("zh", "我们街上三天没水了"),
        ("ja", "三日間水が出ません"),
        ("ar", "لا يوجد ماء في شارعنا"),
        ("fa", "سه روز است که در خیابان ما آب نیست"),
        ("he", "אין מים ברחוב שלנו"),
    ],
)
def test_named(language: str, text: str) -> None:
    assert named(text) == [language]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "🙂🙂🙂",
        "123 456",
        "Спасибо!",
        "На нашей улице третий день нет воды, когда почините?",
        "Улица Бабаева, Уфимская, лифт, подъезд",
        "Бла бла эээээ",
        "Пишіть в лічку, дохід от 500 рублей, я всё расскажу, это не скам, ответы на все вопросы тут",  # look-alikes
        "Ищу σт 18 λет, ραбота на дому",
        "Паpень ищeт paбoтy нa нeдeлю",
        "Kogda pochinyat lift, uzhe tretiy den ne rabotaet i nikto ne otvechaet",
        "Windows XP",
        "iPhone 15 Pro Max",
        "Концерт группы Rammstein отменили, что с билетами?",
        "Рәхмәт всем, кто помог, очень хорошие люди и праздник на пять с плюсом",
        "ok",
    ],
)
def test_not_named(text: str) -> None:
    assert named(text) == [None]


def test_the_corpus() -> None:
    rows = {row.text for source in read_corpus() for row in source.rows if row.tag != "spam"}
    found = [code for code in named(*sorted(rows)) if code]
    # Sixty comments of it are foreign; those that are named must not be many more, nor much fewer.
    assert 45 <= len(found) <= 62


@given(st.lists(ANY_TEXT, max_size=4))
def test_any_text(texts: list[str]) -> None:
    known = {tongue.code for tongue in CYRILLIC + LATIN} | {script[0] for script in SCRIPTS} | {"fa", None}
    assert set(named(*texts)) <= known
    assert named(*texts) == [code for text in texts for code in named(text)]
