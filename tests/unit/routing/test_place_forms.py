from __future__ import annotations

import pytest

from services.routing.domain.place_forms import MAX_FORMS, FormOf, forms


def words(of: FormOf, name: str) -> set[str]:
    return {form.words for form in forms(of, name)}


@pytest.mark.parametrize(
    ("name", "some"),
    [
        ("Сосновоборск", {"сосновоборск", "сосновоборска", "сосновоборске", "сосновоборском"}),
        ("Верхние Ключи", {"верхних ключах", "верхним ключам", "верхними ключами"}),
        ("Красный Яр", {"красном яре", "красном яру", "красного яра"}),
        ("Степное", {"степном", "степного", "степному"}),
        ("Рыбачий", {"рыбачьем", "рыбачьего"}),
        ("Берёзовка", {"березовке", "березовку"}),
        ("Горки", {"горках", "горок"}),
        ("Зареченский район", {"зареченского района", "зареченском р-не"}),
        ("городской округ Сосновоборск", {"городском округе сосновоборск"}),
        ("Ростов-на-Дону", {"ростове на дону"}),
        ("Санкт-Петербург", {"санкт петербурге"}),
        ("посёлок Октябрьский", {"октябрьском"}),
    ],
)
def test_settlements_and_districts(name: str, some: set[str]) -> None:
    assert some <= words("territory", name)


@pytest.mark.parametrize(
    ("name", "all_of_them"),
    [
        ("улица Ленина", {"ленина"}),
        ("проспект Мира", {"мира"}),
        ("улица Садовая", {"садовая", "садовой", "садовую"}),
        ("Московский тракт", {"московский", "московского", "московскому", "московским", "московском"}),
        ("улица Академика Вавилова", {"академика вавилова", "вавилова"}),
        ("улица 8 Марта", {"8 марта", "8 го марта"}),
        ("Красных Партизан", {"красных партизан"}),
    ],
)
def test_streets(name: str, all_of_them: set[str]) -> None:
    assert words("street", name) == all_of_them


def test_ordinals_with_any_ending() -> None:
    assert {"2 я путейская", "2 путейской", "2 й путейской"} <= words("street", "улица 2-я Путейская")


@pytest.mark.parametrize("name", ["улица 2-я Путейская", "Зареченский район", "улица", "№", "", "Ы" * 500])
def test_any_name_has_few_sorted_forms(name: str) -> None:
    for of in ("territory", "street"):
        found = [form.words for form in forms(of, name)]
        assert found == sorted(set(found))
        assert len(found) <= MAX_FORMS
