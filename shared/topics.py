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
    examples: tuple[str, ...]
    """What citizens write about under it, in a few Russian words each: for people who choose a topic."""


OTHER = "other"
"""The topic of whatever fits no other; no competence is needed for it."""

_EXAMPLES: dict[str, tuple[str, ...]] = {
    "yards": ("сломаны качели на детской площадке", "не косят траву во дворе", "сухое дерево у подъезда"),
    "snow": ("двор не чистят от снега", "тротуар во льду, не посыпан", "сосульки над входом"),
    "waste": ("переполнены контейнеры", "свалка в овраге", "куда сдать батарейки"),
    "heating": ("холодные батареи", "третий день нет горячей воды", "когда дадут тепло"),
    "water": ("из крана идёт ржавая вода", "нет напора на верхних этажах", "засор канализации"),
    "power": ("отключили свет без предупреждения", "скачет напряжение", "искрит провод на столбе"),
    "lighting": ("не горят фонари на улице", "темно на остановке"),
    "gas": ("пахнет газом в подъезде", "когда подключат дом к газу", "отключили газ"),
    "housing": ("лифт не работает", "течёт крыша", "в подъезде не моют полы"),
    "bills": ("в квитанции лишняя строка", "сделайте перерасчёт за отопление", "взносы на капремонт выросли"),
    "roads": ("яма на проезжей части", "нет тротуара до школы", "открытый люк на дороге"),
    "traffic": ("не работает светофор", "машины стоят на газоне", "нужен лежачий полицейский у школы"),
    "transport": ("автобус не приходит по расписанию", "отменили маршрут", "водитель проехал остановку"),
    "health": ("не записаться к врачу", "долго ехала скорая", "очередь в регистратуре"),
    "medicines": ("нет льготного инсулина", "в посёлке закрыли аптеку"),
    "schools": ("в классе нет учителя математики", "невкусные обеды в столовой", "запись в первый класс"),
    "kindergartens": ("не дали место в саду", "закрыли группу на лето", "воспитатель кричит на детей"),
    "clubs": ("запись в кружок робототехники", "путёвка в летний лагерь"),
    "benefits": ("задержали детское пособие", "как оформить льготу многодетным", "не пересчитали пенсию"),
    "employment": ("задерживают зарплату", "уволили без расчёта", "есть ли вакансии"),
    "ecology": ("завод дымит по ночам", "в реку сливают стоки", "вырубают лес"),
    "animals": ("стая собак у школы", "собака с биркой покусала прохожего"),
    "safety": ("во дворе распивают и дерутся", "на стене реклама наркотиков", "в заброшенном доме играют дети"),
    "culture": ("во сколько концерт на день города", "в библиотеке нет новых книг", "разрушается памятник"),
    "sport": ("залейте каток", "бассейн закрыт на ремонт", "на стадион не пускают"),
    "construction": ("застройщик не сдаёт дом", "когда расселят аварийный барак", "стройка шумит ночью"),
    "land": ("сосед захватил проезд", "дадут ли участок многодетной семье", "не убирают старое кладбище"),
    "services": ("не записаться в МФЦ", "сколько ждать паспорт", "заявление на портале пропало"),
    "connection": ("в деревне не ловит телефон", "почта не работает вторую неделю", "медленный интернет"),
    "trade": ("в магазине просроченное молоко", "цены на хлеб выросли", "киоск стоит без разрешения"),
    "authorities": ("на обращение ответили отпиской", "когда приём у главы района"),
    OTHER: ("благодарности и поздравления", "разговоры между собой"),
}


def _topic(id: str, ru: str, en: str) -> Topic:
    return Topic(id=id, ru=ru, en=en, examples=_EXAMPLES[id])


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
