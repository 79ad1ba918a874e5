"""The topics citizens write about: the one list that classifier, registry and console share.

A competence (institution x topic x territory) names a topic by its `id`; the classifier answers with the same
ids. Adding a topic is compatible; renaming one is not, because stored cases and imported competences carry it.
"""

from __future__ import annotations

import msgspec


class Topic(msgspec.Struct, frozen=True, kw_only=True):
    """One topic: `id` is what events, database and API carry, `ru` and `en` are what people read."""

    id: str
    ru: str
    en: str


def _topic(id: str, ru: str, en: str) -> Topic:
    return Topic(id=id, ru=ru, en=en)


OTHER = "other"
"""The topic of whatever fits no other; no competence is needed for it."""

TOPICS: tuple[Topic, ...] = (
    _topic("yards", "Дворы и благоустройство", "Yards and public amenities"),
    _topic("snow", "Уборка снега и наледи", "Snow and ice clearing"),
    _topic("waste", "Мусор и отходы", "Waste collection"),
    _topic("heating", "Отопление и горячая вода", "Heating and hot water"),
    _topic("water", "Водоснабжение и канализация", "Water supply and sewerage"),
    _topic("power", "Электроснабжение", "Electricity supply"),
    _topic("lighting", "Уличное освещение", "Street lighting"),
    _topic("gas", "Газоснабжение", "Gas supply"),
    _topic("housing", "Содержание домов, подъездов, лифтов", "Upkeep of houses, entrances, lifts"),
    _topic("bills", "Плата за жильё и капремонт", "Housing bills and capital repair fees"),
    _topic("roads", "Дороги и тротуары", "Roads and pavements"),
    _topic("traffic", "Движение, парковка, знаки", "Traffic, parking, signs"),
    _topic("transport", "Общественный транспорт", "Public transport"),
    _topic("health", "Поликлиники и больницы", "Clinics and hospitals"),
    _topic("medicines", "Лекарства", "Medicines"),
    _topic("schools", "Школы", "Schools"),
    _topic("kindergartens", "Детские сады", "Kindergartens"),
    _topic("clubs", "Кружки, лагеря, доп. образование", "Children's clubs and camps"),
    _topic("benefits", "Пособия, льготы, пенсии", "Benefits, allowances, pensions"),
    _topic("employment", "Работа и зарплата", "Employment and pay"),
    _topic("ecology", "Экология", "Ecology"),
    _topic("animals", "Безнадзорные животные", "Stray animals"),
    _topic("safety", "Безопасность и правопорядок", "Safety and public order"),
    _topic("culture", "Культура и праздники", "Culture and festivals"),
    _topic("sport", "Спорт", "Sport"),
    _topic("construction", "Строительство и жильё", "Construction and housing"),
    _topic("land", "Земля и имущество", "Land and property"),
    _topic("services", "Документы, МФЦ, госуслуги", "Documents and state services"),
    _topic("connection", "Связь, интернет, почта", "Telephone, internet, post"),
    _topic("trade", "Торговля и цены", "Trade and prices"),
    _topic("authorities", "Работа органов власти", "Work of the authorities"),
    _topic(OTHER, "Прочее", "Other"),
)

TOPIC_IDS: frozenset[str] = frozenset(topic.id for topic in TOPICS)
