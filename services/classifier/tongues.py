"""What tells languages apart in a comment: the letters they have, and their commonest words.

Codes are those of ISO 639-1, or of 639-3 where there is none. Chosen are the languages that people in Russia write in:
those of its republics, its neighbours and its visitors. The words are function words that a comment hardly does
without, spelt in lower case; ӏ stands for every way to type the palochka.
"""

from __future__ import annotations

import msgspec


class Tongue(msgspec.Struct, frozen=True, kw_only=True):
    """One language in one script. `letters` are those it has beside the Russian or English alphabet, `lacks` the ones
    of that alphabet that it never uses."""

    code: str
    words: frozenset[str]
    letters: frozenset[str]
    lacks: frozenset[str]


def _tongue(code: str, letters: str, lacks: str, words: str) -> Tongue:
    return Tongue(code=code, words=frozenset(words.split()), letters=frozenset(letters), lacks=frozenset(lacks))


RUSSIAN = _tongue(
    "ru",
    "",
    "",
    "и в во не на что с со по как у за это то для от к ко но так все всё а мы вы я из нет есть когда где уже бы был "
    "была было были быть же или если чтобы он она они их его ее её мне нас вас вам нам там тут здравствуйте добрый "
    "день "
    "спасибо почему подскажите пожалуйста очень можно нужно надо только еще ещё до при под без вот этот этого эти кто "
    "какой какая какие сколько будет будут тоже даже после дом дома о об ну да ли сегодня завтра вода воды воду вопрос "
    "работа работы рублей лет года год день дней ул улица улице просим прошу большое хочу хотите вас вашу ваш наш наши "
    "который которые через под над про более менее всем всех себя свои свой ни чем тем",
)

CYRILLIC = (
    _tongue("tt", "әөүҗңһ", "",
        "һәм дә да та белән өчен бу без сез мин ул бик юк бар кайчан кайда кая нигә ничек инде булды булган була бер "
        "рәхмәт сезгә безгә безнең кирәк түгел балалар балаларга кеше урам урамда генә итеп дип яки шул нәрсә әле "
        "хәзер безне шушы барлык чөнки кебек"),
    _tongue("ba", "әөүҙҫҡғңһ", "",
        "һәм ҙә ла да менән өсөн был беҙ һеҙ мин ул бик юҡ бар ҡасан ҡайҙа ниңә нисек инде булды булған була бер "
        "рәхмәт һеҙгә беҙгә беҙҙең кәрәк түгел балалар кеше урам урамда һыу ғына генә тип йәки шул нимә әле хәҙер бөтә "
        "сөнки кеүек"),
    _tongue("cv", "ӑӗҫӳăĕçÿ", "",
        "тата та те пур ҫук эпир эсир эпӗ эсӗ вӑл ҫак ку мӗн хӑҫан ӑҫта мӗншӗн тавтапуҫ пулӗ пулчӗ пирӗн сирӗн кирлӗ "
        "питӗ лайӑх ача ачасем шыв ҫул урамра хула мар анчах вара тесе валли халӗ мӗнле"),
    _tongue("ce", "ӏ", "ыщ",
        "ду бу ву ю дац бац вац хӏун хила мичахь маца стенна тхан шун вайн суна хьуна цо оьшу цу дика баркалла "
        "маршалла ма-дарра хьал нах цхьа бераш урамехь хи некъ кхин тӏе чохь хуьлу дара доцуш вай дукха цхьана иштта "
        "дӏа хаза чӏогӏа дала аьлла муха ахь аша"),
    _tongue("kk", "әғқңөұүһі", "",
        "және мен сен біз сіз бұл ол жоқ бар қашан қайда неге қалай керек емес үшін бір рақмет рахмет өте жақсы "
        "балалар көше көшеде жол бойынша деген болды болып еді туралы осы енді біздің сіздер екен кейін тек барлық "
        "сияқты"),
    _tongue("ky", "өүң", "",
        "жана мен сен биз сиз бул ал жок бар качан кайда эмне үчүн кандай керек эмес бир рахмат абдан жакшы балдар "
        "көчө көчөдө суу жол болду болуп деп ушул эми биздин кийин бардык сыяктуу экен"),
    _tongue("uk", "іїєґ", "ыэёъ",
        "і та не на що як це цей для від за є ми ви він вона вони коли де чому дякую будь ласка добрий немає вже дуже "
        "або якщо щоб його нас вас нам вам буде було цього тільки ще чи бо з про також треба можна пишіть робота "
        "більше після який яка які"),
    _tongue("be", "іў", "ищъ",
        "і не на што як гэта гэты для ад за ёсць мы вы ён яна яны калі дзе чаму дзякуй ласка добры дзень няма ужо ўжо "
        "вельмі або каб яго нас вас нам вам будзе было толькі яшчэ ці з пра трэба можна"),
    _tongue("uz", "ўқғҳ", "ыщ",
        "ва учун бу биз сиз мен йўқ бор қачон қаерда нега қандай керак эмас бир раҳмат жуда яхши билан болалар кўча "
        "сув йўл ҳам бўлди деб шу қилиб лекин энди ҳамма"),
    _tongue("tg", "ғӣқӯҳҷ", "ыщц",
        "ва дар аз ба барои ин он мо шумо ман нест ҳаст аст кай куҷо чаро чӣ тавр лозим раҳмат ташаккур бисёр хуб бо "
        "кӯдакон кӯча об роҳ ҳам шуд буд мешавад карда ки хеле"),
    _tongue("os", "ӕæ", "",
        "ӕмӕ нӕ дӕ уыд ӕз мах сымах уый ацы кӕд кӕм цӕмӕн куыд хъӕуы иу бузныг тынг хорз сывӕллӕттӕ уынг дон фӕндаг "
        "дзы нӕй йӕ сӕ мӕ ис ма"),
    _tongue("sah", "ҕҥһөү", "",
        "уонна суох баар мин эн кини биһиги эһиги бу ол хаһан ханна тоҕо хайдах наада буолбатах биир махтал олус "
        "үчүгэй оҕо оҕолор уулусса уу суол эрэ буолла диэн туһунан дуо"),
    _tongue("mhr", "ӓҥӧӱӹ", "",
        "да ден уло уке мый тый тудо ме те нуно тиде кунам кушто молан кузе кӱлеш огыл ик тау пеш сай йоча урем вӱд "
        "корно гын манын мемнан тендан"),
    _tongue("udm", "ӝӟӥӧӵ", "",
        "но вань ӧвӧл мон тон ми тӥ соос та ку кытын малы кызьы кулэ одӥг тау туж умой пинал урам ву сюрес шуыса асьме "
        "тазьы"),
    _tongue("myv", "", "щ",
        "ды арась ули мон тон сон минь тынь минек тынк те зярдо косо мекс кода эряви аволь вейке сюкпря пек вадря "
        "эйкакш ульця ведь ки жо ней"),
    _tongue("kv", "іӧ", "",
        "да абу эм ме тэ сійӧ ми ті тайӧ кор кӧні мыйла кыдзи колӧ оз ӧти аттьӧ зэв бур челядь улича ва туй миян тіян "
        "вылын"),
    _tongue("kbd", "ӏ", "",
        "икӏи сэ уэ ар дэ фэ мы мо щыӏэщ щыӏэкъым сыт дэнэ щхьэкӏэ дауэ хуейщ зы упсэу сабий псы гъуэгу ди фи ауэ"),
    _tongue("av", "ӏ", "ф",
        "ва гьеб гьел дун мун ниж нуж буго бугин гьечӏо кида кив щай кин ккола цо баркала цӏакъ лъикӏ лъимал къватӏ "
        "лъим нух нижер нужер рукӏана"),
    _tongue("lez", "ӏ", "",
        "ва ам зун вун чун куьн авач ава мус гьинал вучиз гьикӏ герек туш са сагърай гзаф хъсан аялар куьче куьчеда яд "
        "рехъ чи я авачиз"),
    _tongue("krc", "", "ьщ",
        "бла бу ол мен сен биз сиз джокъ джокъду бар къачан къайда нек къалай керек тюйюлдю бир сау бек иги сабийле "
        "орам орамда суу джол бизни"),
    _tongue("tyv", "өүң", "",
        "болгаш биле чок бар мен сен ол бис силер бо кажан каяа чүге канчаар херек эвес бир четтирдим дыка эки уруглар "
        "кудумчу кудумчуда суг орук бистиң"),
    _tongue("xal", "әөүҗңһ", "",
        "болн уга бәәнә би чи тер мадн тадн эн кезә хама юңгад яһҗ кергтә биш негн ханҗанав икәр сән күүкд уульнц усн "
        "хаалһ мана"),
    _tongue("bua", "һөү", "",
        "ба үгы бии шинэ тэрэ бидэ таанад энэ хэзээ хаана юундэ яажа хэрэгтэй бэшэ нэгэн баярлаа ехэ һайн үхибүүд "
        "үйлсэ үйлсэдэ уһан харгы манай"),
    _tongue("mn", "өү", "щ",
        "ба байна байхгүй би чи тэр бид та энэ хэзээ хаана яагаад яаж хэрэгтэй биш нэг баярлалаа маш сайн хүүхэд "
        "гудамж ус зам нь юм гэж манай"),
    _tongue("bg", "", "ыэё",
        "и не на да е се за от са со че как къде кога защо няма има това ще ли съм ние вие той тя благодаря много "
        "добър ако беше само още вече ден нашата"),
    _tongue("sr", "ђјљњћџ", "йыэьяющёъ",
        "је и у на да не се за од су са што како где кад када зашто нема има ово ће ли ми ви он она хвала пуно добар "
        "дан ако само још до"),
    _tongue("mk", "ѓѕјљњќџ", "йыэьяющёъ",
        "и во на не да е се за од со што како каде кога зошто нема има ова ќе ли јас ние вие тој таа благодарам многу "
        "добар ден ако само уште веќе"),
)  # fmt: skip

LATIN = (
    _tongue("en", "", "",
        "the and is of to in for you we it that this are not with on have has be was your our when where why how what "
        "please thank thanks there no my i will can all from they do does been at an so but if"),
    _tongue("de", "äöüß", "",
        "der die das und ist nicht wir sie ich ein eine für mit auf zu den dem wann wo warum wie bitte danke kein "
        "keine es sind haben von auch in wird im seit"),
    _tongue("fr", "éèêàçùâîôœ", "",
        "le la les et est des une un pas nous vous je pour dans que qui avec sur quand où pourquoi comment merci il ce "
        "de du notre depuis eau"),
    _tongue("es", "ñáéíóú", "",
        "el la los las y es de que no en un una para por con se cuándo dónde qué cómo gracias hay muy nuestra está "
        "hace"),
    _tongue("it", "àèéìòù", "jkwxy",
        "il la di e che non è per un una con sono quando dove perché come grazie molto nella della da nostra"),
    _tongue("pt", "ãõáâéêíóúç", "kwy",
        "o a os as e de que não em um uma para por com se quando onde como obrigado muito está nossa há"),
    _tongue("pl", "ąćęłńóśźż", "qvx",
        "i w nie na się to jest z do że jak od za co kiedy gdzie dlaczego dziękuję proszę ma czy dla naszej bardzo"),
    _tongue("cs", "áčďéěíňóřšťúůýž", "qwx",
        "a se na je že v to není kdy kde proč jak děkuji prosím pro jsme už od"),
    _tongue("tr", "çğıöşüİ", "qwx",
        "ve bir bu için çok ne zaman nerede neden nasıl var yok teşekkürler teşekkür değil da de ile biz siz ben mi su "
        "kadar"),
    _tongue("az", "əçğıöşüİ", "w",
        "və bir bu üçün çox nə vaxt harada niyə necə var yoxdur təşəkkür deyil da də ilə biz siz mən mi su çünki"),
    _tongue("uz", "ʻʼ'", "w",
        "va uchun bu biz siz men yo'q bor qachon qayerda nega qanday kerak emas bir rahmat juda yaxshi bilan bolalar "
        "suv yo'l ham bo'ldi deb shu o'z lekin endi ko'cha"),
    _tongue("tt", "äçğıñöşü", "",
        "häm belän öçen bu bez sez min ul bik yuk bar kayçan kayda nigä niçek bulgan ber rähmät kiräk tügel balalar "
        "uram"),
    _tongue("ro", "ăâîșțşţ", "kqwy",
        "și este nu în la de pe un o cu pentru când unde cum mulțumesc sunt care avem noastră apă să"),
    _tongue("vi", "ăâđêôơưàáảãạèéẻẽẹìíòóọùúủụỳýếềểễệốồổộớờởợứừửựấầẩậắằẳặỉỏ", "fjwz",
        "không là và có của cho chúng tôi này khi được người rồi"),
    _tongue("et", "äöõü", "",
        "ja on ei see kui meie teie miks kus millal aitäh palun vesi tänav"),
    _tongue("fi", "äö", "",
        "ja on ei se että me te milloin missä miksi kiitos kun mutta meidän"),
    _tongue("lv", "āčēģīķļņšūž", "qwxy",
        "un ir nav mēs jūs kad kur kāpēc paldies lūdzu kas par no"),
    _tongue("lt", "ąčęėįšųūž", "qwx",
        "ir yra nėra mes jūs kada kur kodėl ačiū prašau kas mūsų vandens"),
    _tongue("nl", "ëï", "",
        "de het een en is niet van voor wij wanneer waar waarom hoe dank geen zijn op"),
    _tongue("id", "", "",
        "dan yang di tidak ada kami kapan dimana mengapa terima kasih untuk ini itu dengan air jalan"),
    _tongue("ru", "", "qw",
        "ne na chto kak kogda gde pochemu spasibo dlya eto vse my vi vy est net dom ulica voda vody pozhaluista "
        "zdravstvuyte dobriy den uzhe ili po za ot ya mne nam vam budet"),
)  # fmt: skip

SCRIPTS = (
    ("hy", 0x0531, 0x058A), ("ka", 0x10A0, 0x10FF), ("he", 0x05D0, 0x05F4), ("ar", 0x0600, 0x06FF),
    ("el", 0x0370, 0x03FF), ("ja", 0x3040, 0x30FF), ("zh", 0x3400, 0x9FFF), ("ko", 0xAC00, 0xD7A3),
    ("hi", 0x0900, 0x097F), ("bn", 0x0980, 0x09FF), ("ta", 0x0B80, 0x0BFF), ("th", 0x0E00, 0x0E7F),
    ("km", 0x1780, 0x17FF), ("am", 0x1200, 0x137F),
)  # fmt: skip
"""Scripts in which one language is written, or one by far most often here, and their code points."""
PERSIAN = frozenset("پچژگکی")
"""Letters that Persian has in the Arabic script."""
