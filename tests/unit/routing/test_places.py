from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing.domain.place_forms import forms
from services.routing.domain.place_words import MAX_SEARCHED
from services.routing.domain.places import PlaceIndex
from services.routing.domain.registry import Registry, Street, Territory

REGION = "72000000"
CITY = "72701000001"
CENTRE, WORKS, RIVER = "72701305", "72701310", "72701315"
SOSNOVOBORSK = "72702000001"
DISTRICT, ZARECHYE, KEYS, BIRCH_ZAR, MOSTOVOE = (
    "72604000",
    "72604101001",
    "72604405101",
    "72604415101",
    "72604420101",
)
GORKI, RUDNICHNY, STAROGORSK = "72612415101", "72612410101", "72612101001"
LADINSK_DISTRICT, BIRCH_LAD, OCTOBER, MEDVEZHYE = "72620000", "72620425101", "72620420101", "72620415101"
POLYANA = "72702000006"
MALINOVKA = "72608420101"


@pytest.mark.parametrize(
    ("text", "page", "territory"),
    [
        ("На Садовой в Заречье не горят фонари", CITY, ZARECHYE),
        ("в сосновоборске снова нет горячей воды", REGION, SOSNOVOBORSK),
        ("Когда почистят проспект Мира?", REGION, CITY),
        ("яма на проспекте Строителей, колесо пробил", REGION, CITY),
        ("мкр Северный, дом 4, лифт стоит", CITY, WORKS),
        ("в микрорайоне Северном темно", CITY, WORKS),
        ("автобус с Северного не пришёл", CITY, WORKS),
        ("трубы на улице Машиностроителей парят", CITY, WORKS),
        ("МАШИНОСТРОИТЕЛЕЙ 14 НЕТ ТЕПЛА", CITY, WORKS),
        ("литейщиков 9, второй подъезд", CITY, WORKS),
        ("угол Кирова и Гагарина, светофор мигает", CITY, WORKS),
        ("у дома по ул.Гоголя, 5 открыт люк", CITY, CENTRE),
        ("пер. Почтовый не чищен", CITY, CENTRE),
        ("На Вавилова каша из снега", REGION, CITY),
        ("Сосновоборское шоссе в ямах", CENTRE, CENTRE),
        ("В Верхних Ключах колонка замёрзла", REGION, KEYS),
        ("до Верхних Ключей автобуса нет", ZARECHYE, KEYS),
        ("в зареченском районе дороги никакие", REGION, DISTRICT),
        ("Зареченский р-н, когда почистят?", REGION, DISTRICT),
        ("В Берёзовке Ладинского района нет света", REGION, BIRCH_LAD),
        ("В Березовке нет света", ZARECHYE, BIRCH_ZAR),
        ("В Мостовом клуб закрыт", DISTRICT, MOSTOVOE),
        ("посёлок Рудничный забыли", REGION, RUDNICHNY),
        ("с. Горки без воды", REGION, GORKI),
        ("живём в Горках, магазина нет", REGION, GORKI),
        ("до Лесной Поляны пойдёт автобус?", REGION, POLYANA),
        ("Почта в Медвежьем закрыта", REGION, MEDVEZHYE),
        ("фельдшера в Октябрьском нет", REGION, OCTOBER),
        ("горит сарай в Малиновке на Дальней", REGION, MALINOVKA),
        ("На Садовой в Сосновоборске яма", CITY, SOSNOVOBORSK),
        ("сын живёт в Светлореченске на Космонавтов, батареи холодные", ZARECHYE, WORKS),
        ("Из Мостового в Заречье не доехать", REGION, DISTRICT),
        ("8 Марта, 15 нет воды", CITY, CITY),
        ("на 8 Марта 15 нет воды", REGION, CITY),
    ],
)
def test_a_place_in_the_text_decides(sample_places: PlaceIndex, text: str, page: str, territory: str) -> None:
    assert sample_places.find(text, page).territory == territory


@pytest.mark.parametrize(
    ("text", "page", "territory"),
    [
        ("у нас на Ленина фонари не горят", ZARECHYE, ZARECHYE),
        ("ул. Ленина 5, нет воды", SOSNOVOBORSK, SOSNOVOBORSK),
        ("на Мира грязь", KEYS, KEYS),
        ("проспекте Мира нет освещения", CENTRE, CENTRE),
        ("на Атомщиков холодно", ZARECHYE, SOSNOVOBORSK),
        ("на Портовой бак один на шесть домов", CENTRE, RIVER),
        ("улица Садовая, нет света", STAROGORSK, STAROGORSK),
    ],
)
def test_a_street_alone_lies_near_the_page(sample_places: PlaceIndex, text: str, page: str, territory: str) -> None:
    assert sample_places.find(text, page).territory == territory


@pytest.mark.parametrize(
    "text",
    [
        "мира вам и добра",
        "когда наступит мир во всём мире",
        "садовая мебель на распродаже",
        "лесная полянка расцвела",
        "на новой неделе обещали починить",
        "на школьной ярмарке не было чая",
        "мама на больничном до пятницы",
        "дети катаются с горки во дворе",
        "малиновка прилетела к кормушке",
        "Малиновка прилетела к кормушке",
        "василькам нужен полив",
        "Дачный сезон открыт",
        "сколько можно ждать победы",
        "труда много, толку мало",
        "с 8 марта, милые женщины",
        "надеемся на строителей и верим",
        "40 лет октября ждали ремонта",
        "по центральной площадке гуляют собаки",
        "октябрьский снег растаял",
        "в степном климате жарко",
        "рыбачий посёлок из фильма",
        "",
        "…!!! 123 456",
    ],
)
def test_ordinary_words_are_no_places(sample_places: PlaceIndex, text: str) -> None:
    place = sample_places.find(text, CITY)
    assert (place.mentions, place.territory, place.by) == ((), CITY, "page")


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("В Берёзовке нет света", REGION),
        ("на Ленина, 30 сточная труба", DISTRICT),
        ("Трасса Светлореченск - Ладинск переметена", REGION),
        ("из Заречья в Светлореченск автобус отменили", ZARECHYE),
    ],
)
def test_what_stays_ambiguous_leaves_the_page_and_says_so(sample_places: PlaceIndex, text: str, page: str) -> None:
    place = sample_places.find(text, page)
    assert (place.territory, place.by) == (page, "ambiguous")
    assert place.words
    assert place.mentions


def test_a_place_that_holds_the_page_says_nothing_new(sample_places: PlaceIndex) -> None:
    for text in ("мы в Светлореченске живём", "вся Светлореченская область смеётся"):
        place = sample_places.find(text, CENTRE)
        assert (place.territory, place.by) == (CENTRE, "page")


def test_an_unknown_page_has_no_territory_but_the_texts(sample_places: PlaceIndex) -> None:
    assert sample_places.find("не чистят снег", None).territory is None
    assert sample_places.find("не чистят снег", None).by == "none"
    assert sample_places.find("на Ленина не чистят", None).by == "ambiguous"
    assert sample_places.find("на Атомщиков не чистят", None).territory == SOSNOVOBORSK


def test_mentions_are_names_of_the_registry_in_their_order(sample_places: PlaceIndex) -> None:
    found = sample_places.find("Машу Иванову с Садовой в Заречье обидели", CITY)
    assert found.mentions in {("Заречье",), ("улица Садовая", "Заречье")}
    both = sample_places.find("На ленина 5 в Заречье темно, звонила Мария Петровна", CITY)
    assert both.mentions == ("улица Ленина", "Заречье")


def test_every_settlement_is_found_in_every_case(sample: Registry, sample_places: PlaceIndex) -> None:
    once = {t.name: t.id for t in sample.territories.values() if t.kind == "settlement" and t.name != "Берёзовка"}
    for name, id in once.items():
        for form in forms("territory", name):
            said = " ".join(word.capitalize() for word in form.words.split())
            found = sample_places.find(f"живём у села {said}, воды нет", "72000000")
            assert found.territory == id, said


def test_forms_of_names_that_nothing_bears_are_ignored() -> None:
    tree = Registry(territories=[Territory("a", "settlement", "Ладинск")])
    index = PlaceIndex(tree, [Street("gone", "улица Мира")], forms("street", "улица Мира"))
    assert index.find("на улице Мира в Ладинске", None).mentions == ()


def test_only_the_beginning_of_a_long_text_is_searched(sample_places: PlaceIndex) -> None:
    assert sample_places.find("а " * (MAX_SEARCHED // 2) + "в Сосновоборске", REGION).mentions == ()
    assert sample_places.find("а " * (MAX_SEARCHED // 2 - 20) + "в Сосновоборске", REGION).mentions


@given(text=st.text(max_size=300))
def test_any_text_has_a_territory_under_a_known_page(sample_places: PlaceIndex, text: str) -> None:
    assert sample_places.find(text, CITY).territory is not None


def country() -> tuple[Registry, list[Street]]:
    """Forty districts of five villages, each with a «улица Ленина» but for the first district's first four."""
    villages = [(f"v{district}-{n}", f"d{district}") for district in range(40) for n in range(5)]
    territories = [Territory(f"d{district}", "district", f"Район {district}") for district in range(40)]
    territories += [Territory(id, "settlement", f"Село {id}", parent) for id, parent in villages]
    streets = [Street(id, "улица Ленина") for id, _ in villages if id not in {"v0-0", "v0-1", "v0-2", "v0-3"}]
    return Registry(territories=territories), streets


@pytest.mark.parametrize(
    ("page", "territory", "by"),
    [
        ("v7-3", "v7-3", "page"),
        ("v0-1", "v0-4", "text"),
        ("d0", "v0-4", "text"),
        ("d9", "d9", "ambiguous"),
        (None, None, "ambiguous"),
    ],
)
def test_among_very_many_namesakes_the_nearest_counts(page: str | None, territory: str | None, by: str) -> None:
    registry, streets = country()
    index = PlaceIndex(registry, streets, forms("street", "улица Ленина"))
    found = index.find("на Ленина темно", page)
    assert (found.territory, found.by) == (territory, by)
