import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marsad.sentences import LONGEST_SENTENCE, split_sentences
from marsad.words import Spelling, WordCutter

cut = WordCutter(Spelling())
LETTERS = "ابتدقصفلهم"
arabic = st.text(
    st.sampled_from(LETTERS + LETTERS + "ـ.…؟?!۔\"'»”)«( \n\u2028\u200f،:1٢aZ_#💔\u064b")
)
# Letter by letter, texts hardly ever hold a sentence: `news` is made of whole words and stops.
STOPS = [".", "..", "...", "…", "؟", "؟!", ".»", " . ", "\n", "\r\n", " ", " ", " "]
WORDS = ["قصفت", "قوات", "د", "م", "1436هـ", "3.5", "قصـ ـف", "t.me", "U", "💔", "»", '"', "(", "،"]
news = st.lists(st.sampled_from(STOPS + WORDS), max_size=30).map("".join)


def split(text: str) -> list[str]:
    words = cut(text)
    sentences = split_sentences(text, words)
    return [text[words[one.start].start : words[one.stop - 1].end] for one in sentences]


@pytest.mark.parametrize(
    "marked",
    [
        pytest.param("قصفت الطائرات البلدة.|وقتل مدنيان.", id="period"),
        pytest.param("من قصف البلدة؟|لا أحد يعلم.", id="question mark"),
        pytest.param("من قصف البلدة?|لا أحد يعلم.", id="Latin question mark"),
        pytest.param("قتلوا الأطفال!|أين العالم؟!|لا جواب.", id="exclamation"),
        pytest.param("قصفت الطائرات البلدة۔|وقتل مدنيان۔", id="Urdu full stop"),
        pytest.param("قصفت الطائرات البلدة .|وقتل مدنيان .", id="space before the period"),
        pytest.param("قصفت البلدة.\u200f|وقتل مدنيان", id="invisible mark behind the period"),
        pytest.param("كان ذلك في عام 2015.|وقال إنه نجا", id="number at the end"),
        pytest.param("وصل في 14/10/2015م.|وأضاف المقحم", id="year of our era at the end"),
        pytest.param("بدأ في شوال 1436هـ.|وقال إنه نجا", id="year of the Hijra at the end"),
        pytest.param("على بعد 5 كم.|وقال إنه نجا", id="kilometres at the end"),
        pytest.param("الخبز والماء إلخ.|وقال إنه نجا", id="and so on at the end"),
        pytest.param("نشره على t.me/abc.|وقال إنه نجا", id="address at the end"),
    ],
)
def test_a_stop_before_white_space_ends_a_sentence(marked: str) -> None:
    assert split(marked.replace("|", " ")) == _without_invisible(marked.split("|"))


@pytest.mark.parametrize(
    "marked",
    [
        pytest.param("قصفت الطائرات المدينة.|وقال ناشطون", id="period"),
        pytest.param("هل انتهى القصف؟|قال ناشطون", id="question mark"),
        pytest.param('إن القصف "انتهى".|وقال ناشطون', id="quote before the period"),
        pytest.param("قوى الأمن (الأسايش).|شهود عيان", id="bracket before the period"),
        pytest.param("«إن القصف انتهى.»|وقال ناشطون", id="quote behind the period"),
        pytest.param("قصفت الطائرات المدينة .|وقال ناشطون", id="period behind a space"),
        pytest.param("بدأت الحرب في عام 2015.|وأضافت الوكالة", id="year"),
        pytest.param("سقط قتلى في المدينة.|من جهته نفى الجيش", id="short word behind"),
    ],
)
def test_a_stop_glued_between_two_arabic_words_ends_a_sentence(marked: str) -> None:
    assert split(marked.replace("|", "")) == marked.split("|")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("بنسبة 3.5 في المئة عند 12.30 ظهرا", id="number"),
        pytest.param("1. قصفت الطائرات البلدة", id="list number"),
        pytest.param("- ٢. قصفت الطائرات البلدة", id="list number behind a dash"),
        pytest.param("أعلن د. محمد و م. أحمد و أ.د. خالد", id="titles"),
        pytest.param("في عام 300 ق.م. حكم الملك", id="before our era"),
        pytest.param("كتب (أ. ف. ب.) عن القصف", id="agency by its letters"),
        pytest.param("قالت بي.بي.سي إن القصف انتهى", id="agency by its letters' names"),
        pytest.param("تحطمت الرحلة إم.إتش.370 أمس", id="letters' names and a number"),
        pytest.param("قالت U.S. Army إن F. Kennedy وصل", id="Latin initials"),
        pytest.param("نشر موقع xeber24.net صورا على t.me/a.b.", id="domain"),
        pytest.param("غارة ... قصفت البلدة", id="dots"),
        pytest.param("غارة.. قصفت البلدة", id="two dots"),
        pytest.param("غارة..قصفت البلدة", id="two dots glued"),
        pytest.param("غارة… قصفت البلدة", id="ellipsis"),
        pytest.param("قالت: غارة، ثم غارة؛ ثم غارة - وغارة | وغارة", id="other punctuation"),
        pytest.param("🚨 عاجل 🚨 غارة على البلدة 💔 وقتلى", id="emoji"),
        pytest.param("قصفت البلدة.#حلب #سوريا", id="hashtag glued to the period"),
        pytest.param("انتهى القصف في حلب وإدلب.172", id="number glued to the period"),
        pytest.param("سأل «من أنا؟»، ثم سكت", id="comma behind a quoted question"),
        pytest.param("عقد لقاء بعنوان «من أنا؟» في حلب", id="quoted question in a sentence"),
        pytest.param("سبقته إلى هناك (!) فنزل في الفندق", id="exclamation in brackets"),
        pytest.param("قـ.ـصف الطيران", id="letters spread by tatweel and dot"),
        pytest.param("أصـ .ـيب مدنيون جراء قصـ. ـف", id="letters spread by tatweel, dot and space"),
        pytest.param("الغـ. ارات على البلدة", id="letters spread by one tatweel"),
        pytest.param("كمين لد!عش ضد القوات", id="letters spread by an exclamation mark"),
    ],
)
def test_these_do_not_end_a_sentence(text: str) -> None:
    assert split(text) == [text]


@pytest.mark.parametrize(
    "marked",
    [
        pytest.param('قال: "انتهى القصف." |وأضاف أنه نجا', id="straight quote"),
        pytest.param("قال: «انتهى القصف.» |وأضاف أنه نجا", id="guillemet"),
        pytest.param("قال: “انتهى القصف.” |وأضاف أنه نجا", id="curly quote"),
        pytest.param("قال (كما نقل عنه.) |وأضاف أنه نجا", id="bracket"),
        pytest.param("سأل: «من يقصفنا؟». |وأضاف أنه نجا", id="quoted question and a period"),
        pytest.param('انتهى القصف. |"نجونا" قال أحدهم', id="opening straight quote"),
        pytest.param("انتهى القصف. |«نجونا» قال أحدهم", id="opening guillemet"),
        pytest.param("انتهى القصف. |(رويترز) قال أحدهم", id="opening bracket"),
        pytest.param("انتهى القصف. |2. قال أحدهم", id="list number"),
        pytest.param("انتهى القصف. 💔 (26)", id="what holds no letter"),
    ],
)
def test_what_stands_behind_a_stop_goes_where_it_belongs(marked: str) -> None:
    assert split(marked.replace("|", "")) == [part.strip() for part in marked.split("|")]


@pytest.mark.parametrize(
    "line_break",
    ["\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", " \n\n "],
    ids=ascii,
)
def test_a_line_break_always_ends_a_sentence(line_break: str) -> None:
    parts = ["غارة ...", "2015", "م.", "***", "قصفت، البلدة"]
    assert split(line_break.join(parts)) == parts


def test_a_paragraph_without_a_stop_is_one_sentence() -> None:
    text = " ".join(["قصف"] * 300)
    assert split(text) == [text]


@pytest.mark.parametrize("text", ["", " \n\n\u200f ", "\u064bـ"], ids=ascii)
def test_a_text_without_words_has_no_sentences(text: str) -> None:
    assert split(text) == []


@settings(deadline=None)
@given(st.text() | arabic | news)
def test_sentences_tile_the_words(text: str) -> None:
    words = cut(text)
    sentences = split_sentences(text, words)
    assert all(sentences)
    assert [index for one in sentences for index in one] == list(range(len(words)))


@settings(deadline=None)
@given(arabic | news)
def test_a_line_without_a_stop_is_a_sentence_and_no_sentence_holds_two_lines(text: str) -> None:
    whole = [line for line in text.splitlines() if cut(line)]
    for line in whole:
        if not set(line) & set(".؟?!۔"):
            assert len(split(line)) == 1
    assert split(text) == [sentence for line in whole for sentence in split(line)]


@pytest.mark.parametrize("shape", ["ابج. ", '؟"', ".", "ا. ", "…»", "1.\n"], ids=ascii)
def test_no_text_is_slow_to_split(shape: str) -> None:
    _split_in_time(shape * (60_000 // len(shape)))


def test_a_megabyte_of_stops_is_not_slow_to_split() -> None:
    _split_in_time(". " * 500_000)


def _split_in_time(text: str) -> None:
    words = cut(text)
    began = time.process_time()
    split_sentences(text, words)
    assert time.process_time() - began < 10  # seconds; a quadratic rule would take many minutes


def _without_invisible(parts: list[str]) -> list[str]:
    """Words leave invisible characters outside, so sentences do as well."""
    return [part.strip("\u200f") for part in parts]


def test_what_never_ends_is_cut_at_a_comma() -> None:
    text = "كلمة " * 400 + "، " + "كلمة " * 300
    words = cut(text)
    first, second = split_sentences(text, words)
    assert len(first) == 401
    assert words[first[-1]].form == "،"
    assert len(second) == 300


def test_what_never_ends_is_not_cut_within_a_number() -> None:
    text = "كلمة ، " + "كلمة " * (LONGEST_SENTENCE - 52) + "1,200 قتيل " + "كلمة " * 100
    words = cut(text)
    first, _ = split_sentences(text, words)
    assert len(first) == LONGEST_SENTENCE  # the first comma stands too far back to cut there
    assert words[first[-1]].form == "كلمة"


def test_what_never_ends_and_has_no_comma_is_cut_all_the_same() -> None:
    text = "كلمة " * 1200
    parts = split_sentences(text, cut(text))
    assert [len(part) for part in parts] == [
        LONGEST_SENTENCE,
        LONGEST_SENTENCE,
        1200 - 2 * LONGEST_SENTENCE,
    ]
