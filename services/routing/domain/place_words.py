"""Words of addresses: a text cut into tokens, and the closed lists that tell a place from an ordinary word."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

MAX_SEARCHED = 8_000
"""Characters of a text that are searched for places; whoever writes more has named the place by then."""


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


class Token(msgspec.Struct, frozen=True, gc=False):
    """A word or number: lower case with ё as е, whether it was written with a capital, and what stands before it."""

    word: str
    capital: bool
    """A capital letter followed by small ones (a text all in capitals says nothing)."""
    first: bool
    """True at the beginning of a sentence or line, where the capital means nothing."""
    apart: bool
    """True when punctuation separates it from the token before."""
    dot: bool
    """True when a dot follows at once: «с. Троицкое» is a village, «с горки» is not."""


_TOKEN = re.compile(
    r"(?:пр-к?т|пр-д|б-р|м-о?н|мк-н|кв-л|р-н[аеу]?)(?![а-яё])|\d+[а-яё]?(?![а-яё\d])|[a-zа-яё]+|\d+", re.IGNORECASE
)
_SENTENCE = frozenset(".!?\n…")
_ABBREVIATED = _set("г д ж им кв корп м мкр мкрн наб п пгт пер пл пос пр просп с ст стр туп ул ш х дер")
"""After these a dot is no end of a sentence."""


def tokens(text: str) -> list[Token]:
    """The tokens of the first MAX_SEARCHED characters."""
    found: list[Token] = []
    end = 0
    word = ""
    for match in _TOKEN.finditer(text[:MAX_SEARCHED]):
        start = match.start()
        raw = match.group()
        between = text[end:start]
        blank = start - end <= 1 and between in (" ", "-", "")
        first = not found or (
            not blank and not _SENTENCE.isdisjoint(between) and not (word in _ABBREVIATED and "\n" not in between)
        )
        apart = not blank and bool(between.strip()) and not (word in _ABBREVIATED and between.strip() == ".")
        word = raw.lower().replace("ё", "е")
        end = match.end()
        capital = raw[0].isupper() and (len(raw) == 1 or not raw.isupper())
        found.append(Token(word, capital, first, apart, text[end : end + 1] == "."))
    return found


def words_of(name: str) -> list[str]:
    """The words of a registry's name, as `tokens` would cut them."""
    return [token.word for token in tokens(name)]


def _inflected(table: Mapping[str, str]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for kind, words in table.items():
        for word in words.split():
            found.setdefault(word, set()).add(kind)
    return {word: frozenset(kinds) for word, kinds in found.items()}


STREET_KINDS: Mapping[str, frozenset[str]] = _inflected(
    {
        "улица": "ул улица улицы улице улицу улицей улиц",
        "проспект": "пр пр-т пр-кт просп проспект проспекта проспекту проспектом проспекте",
        "переулок": "пер переулок переулка переулку переулком переулке",
        "бульвар": "б-р бул бульвар бульвара бульвару бульваром бульваре",
        "площадь": "пл площадь площади площадью",
        "проезд": "пр пр-д проезд проезда проезду проездом проезде",
        "шоссе": "ш шоссе",
        "тупик": "туп тупик тупика тупику тупиком тупике",
        "тракт": "тракт тракта тракту трактом тракте",
        "набережная": "наб набережная набережной набережную",
        "аллея": "аллея аллеи аллее аллею аллеей",
        "микрорайон": "мкр мкрн м-н м-он мк-н микрорайон микрорайона микрорайону микрорайоном микрорайоне",
        "квартал": "кв-л квартал квартала кварталу кварталом квартале",
        "линия": "линия линии линию линией",
        "спуск": "спуск спуска спуску спуском спуске",
        "просека": "просека просеки просеке просеку",
        "территория": "тер территория территории территорию",
    }
)
"""Every form of a street's kind, and the kinds it may stand for."""

STREET_GENDER: Mapping[str, str] = {
    "улица": "femn",
    "проспект": "masc",
    "переулок": "masc",
    "бульвар": "masc",
    "площадь": "femn",
    "проезд": "masc",
    "шоссе": "neut",
    "тупик": "masc",
    "тракт": "masc",
    "набережная": "femn",
    "аллея": "femn",
    "микрорайон": "masc",
    "квартал": "masc",
    "линия": "femn",
    "спуск": "masc",
    "просека": "femn",
    "территория": "femn",
}

AREA_KINDS: frozenset[str] = frozenset({"микрорайон", "квартал", "территория"})
"""Kinds of street one lives *in* rather than *on*."""

SETTLEMENT_KINDS: frozenset[str] = _set(
    "г гор город города городу городом городе городок "
    "с село села селу селом селе д дер деревня деревни деревне деревню деревней "
    "п пос поселок поселка поселку поселком поселке пгт рп "
    "х хутор хутора хуторе станица станицы станице станицу ст аул аула ауле"
)
"""Every form of what a settlement may be called."""

AREA_HEADS: frozenset[str] = _set("район округ область край республика улус поселение")
"""The last (or first) word of the names of larger territories."""

AREA_FORMS: frozenset[str] = _set(
    "район района району районом районе р-н р-на р-не округ округа округу округом округе область области областью "
    "край края краю краем крае республика республики республике республику поселение поселения поселению поселении"
)
"""Every form of AREA_HEADS: after an adjective they make it another name than a settlement's."""

ON: frozenset[str] = frozenset({"на", "по"})
IN: frozenset[str] = frozenset({"в", "во", "из", "до", "под", "около", "возле", "близ"})
BESIDE: frozenset[str] = _set("с со от до угол углу пересечение пересечении перекресток перекрестке и у")
"""Before a street's name with a capital these show that it is one: «угол Ленина и Мира»."""

CLOSED: frozenset[str] = _set(
    "в во на по из от до с со у к ко за под над около возле при без для про о об и а но или что чтобы как так "
    "когда "
    "где куда кто это эта этот же ли бы не ни нет нету есть был была было были будет уже еще опять снова все "
    "там тут здесь вообще просто постоянно вчера сегодня завтра ночью утром днем вечером зимой летом который "
    "которая второй третий четвертый пятый вторую третью четвертую пятую дом дома д возле напротив между после "
    "перед почему зачем сколько каждый каждую до сих пор всю весь мы вы они он она я нам вам никто ничего кругом"
)
"""Words that cannot be the noun of an adjective before them: after «на садовой» they leave the street alone."""

CONJUNCTIONS: frozenset[str] = _set("и а но или что чтобы как так когда")
"""Those of CLOSED that may go on with the same thought."""

UNITS: frozenset[str] = _set(
    "раз раза дня дней день сутки суток недели недель неделю месяц месяца месяцев лет год года годов час часа "
    "часов "
    "минут минуты мин руб рублей рубля р тыс тысяч тысячи млн км м метров метра процентов человек чел класс класса "
    "классов этаж этажа этаже номер января февраля марта апреля мая июня июля августа сентября октября ноября "
    "декабря поликлиника поликлиники поликлинике школа школы школе школу сад садик больница больницы литров кг "
    "градусов градуса квартир квартиры подъезд подъезда подъезде"
)
"""After these a number is no house's."""

MONTHS: frozenset[str] = _set("января февраля марта апреля мая июня июля августа сентября октября ноября декабря")

TITLES: frozenset[str] = _set(
    "академика маршала генерала адмирала героя летчика космонавта профессора братьев сестер капитана лейтенанта "
    "полковника майора сержанта доктора архитектора художника композитора писателя поэта инженера святителя князя"
)
"""What people leave out of a street's name: «на Вавилова» for «улица Академика Вавилова»."""

HOUSE: frozenset[str] = frozenset({"д", "дом", "дома", "доме", "дому"})
