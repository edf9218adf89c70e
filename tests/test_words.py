import re
import time
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marsad.words import INVISIBLE, LONGEST, MARKS, TATWEEL, Spelling, WordCutter

cut = WordCutter(Spelling())
UNREAD = re.compile(f"[{MARKS}{TATWEEL}{INVISIBLE}]")
BETWEEN_WORDS = re.compile(rf"[\s{MARKS}{TATWEEL}{INVISIBLE}]*")

LETTERS = "ابتدقصفلهمىةأإآءئؤکیٱﺳﻮﻻﷲ"
DECORATION = (
    "\u064b\u0651\u0653\u0654\u0655\u0670\u06d6\u0300\ufe0fـ\u200b\u200f\u202b\ufeff\x00\u00ad"
)
OTHERS = '_@#.-/:"،»٣۴3aZé \u00a0\n\u2028ﷺ😀\ud800\u00b4½\ufe70\ufe77'
any_text = st.text() | st.text(st.sampled_from(LETTERS + DECORATION + OTHERS))
arabic = st.text(st.sampled_from(LETTERS + DECORATION + ' \n.،؛؟!:"»«()-#٣۴3ﷺ'))


def forms(text: str) -> list[str]:
    return [word.form for word in cut(text)]


def surfaces(text: str) -> list[str]:
    return [text[word.start : word.end] for word in cut(text)]


@pytest.mark.parametrize(
    ("text", "form"),
    [
        pytest.param("أَحْمَدُ", "أحمد", id="tashkeel"),
        pytest.param("مُحَمَّدٌ", "محمد", id="shadda and tanween"),
        pytest.param("هٰذا", "هذا", id="dagger alef"),
        pytest.param("ا\u0653ن", "آن", id="maddah of its own"),
        pytest.param("ا\u0654حمد", "أحمد", id="hamza of its own"),
        pytest.param("ب\u0654", "ب", id="hamza where none belongs"),
        pytest.param("العـــراق", "العراق", id="tatweel"),
        pytest.param("ﺳﻮﺭﻳﺎ", "سوريا", id="presentation forms"),
        pytest.param("م\ufe78ح\ufe76م\ufc60د", "محمد", id="presentation forms of tashkeel"),
        pytest.param("مـ\ufcf2د", "مد", id="presentation forms of two marks"),
        pytest.param("عبدﷲ", "عبدالله", id="ligature of a name, glued"),
        pytest.param("ق\u0898صف", "قصف", id="marks of the Quran"),
        pytest.param("كاﻷمل", "كالأمل", id="lam-alef ligature"),
        pytest.param("ﷲ", "الله", id="ligature of a name"),
        pytest.param("ﷺ", "صلى الله عليه وسلم", id="ligature of a phrase"),
        pytest.param("حل\u200bب", "حلب", id="zero-width space"),
        pytest.param("ه\u200cم", "هم", id="zero-width non-joiner"),
        pytest.param("حل\u202bب", "حلب", id="bidi control inside"),
        pytest.param("حل\x00ب", "حلب", id="NUL"),
        pytest.param("٢٠٢٤", "2024", id="Arabic-Indic digits"),
        pytest.param("۲۰۲۴", "2024", id="Persian digits"),
        pytest.param("ٱلکی", "الكي", id="Persian letters and alef wasla"),
        pytest.param("إلى", "إلى", id="alef maqsura is kept"),
        pytest.param("كتيبة", "كتيبة", id="taa marbuta is kept"),
        pytest.param("ريف_حلب", "ريف حلب", id="underscore between letters"),
        pytest.param("سو__ريا", "سو ريا", id="underscores between letters"),
        pytest.param("مـ ـقـ ـتل", "مقتل", id="letters spread"),
        pytest.param("مـ  ـقـ\u00a0ـتل", "مقتل", id="letters spread by other spaces"),
        pytest.param("مـ.ـقـ .ـتل", "مقتل", id="letters spread by dots"),
        pytest.param("قـَ ـصـَّ ـف", "قصف", id="letters spread, with tashkeel"),
        pytest.param("قـ\u200f ـصـ\u202c\u200f \u202bـف", "قصف", id="letters spread, embedded"),
        pytest.param("❤\ufe0f", "❤", id="variation selector"),
        pytest.param("\ud800", "?", id="lone surrogate"),
        pytest.param("Müller", "Müller", id="Latin letters with marks"),
        pytest.param("\ufe73\u064b", "\ufe73", id="half a letter that carries a mark"),
        pytest.param("\u00b4\u0640", "\u00b4", id="an accent that carries a tatweel"),
    ],
)
def test_a_word_is_read_without_its_ornaments_and_spans_them_all(text: str, form: str) -> None:
    assert cut(text) == [(0, len(text), form)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("«حلب»،", ["«", "حلب", "»", "،"], id="punctuation"),
        pytest.param("!!", ["!", "!"], id="each mark for itself"),
        pytest.param("3.5 و12,000", ["3", ".", "5", "و", "12", ",", "000"], id="numbers"),
        pytest.param("أربيلErbil", ["أربيل", "Erbil"], id="glued Latin"),
        pytest.param("15قتيلا", ["15", "قتيلا"], id="number glued before"),
        pytest.param("2015م", ["2015", "م"], id="number glued behind"),
        pytest.param("Щи30", ["Щи", "30"], id="Cyrillic"),
        pytest.param("#ريف_حلب #سوريا", ["#", "ريف_حلب", "#", "سوريا"], id="hashtags"),
        pytest.param("_حلب_", ["_", "حلب", "_"], id="underscores around"),
        pytest.param("🚨عاجل👨\u200d👩", ["🚨", "عاجل", "👨", "👩"], id="emoji"),
        pytest.param("🏴\U000e0067\U000e007f حلب", ["🏴", "حلب"], id="flag of tags"),
        pytest.param("\u202bحلب\u202c", ["حلب"], id="bidi controls around"),
        pytest.param("\ufeffحلب", ["حلب"], id="byte order mark"),
        pytest.param("ـحلب ـ إدلب", ["حلب", "إدلب"], id="tatweel as a dash"),
        pytest.param("د ـ ب", ["د", "ب"], id="tatweel as a dash between letters"),
        pytest.param("قـ ـصـ ـف الطيران", ["قـ ـصـ ـف", "الطيران"], id="spread word and another"),
        pytest.param("مـ\nـقتل", ["مـ", "قتل"], id="no word reaches over a line break"),
        pytest.param("@user_2 قال", ["@user_2", "قال"], id="account"),
        pytest.param("في @ حلب", ["في", "@", "حلب"], id="at sign"),
        pytest.param("(https://t.me/x/1).", ["(", "https://t.me/x/1", ")", "."], id="address"),
        pytest.param("على t.me/x، قال", ["على", "t.me/x", "،", "قال"], id="address without scheme"),
        pytest.param("إدلبalquds.co.ukقتيل", ["إدلب", "alquds.co.uk", "قتيل"], id="glued domain"),
        pytest.param("راسل a.b@c.org.", ["راسل", "a.b@c.org", "."], id="mail address"),
        pytest.param("\u064bـ\u200b \n", [], id="nothing visible"),
        pytest.param("", [], id="nothing at all"),
    ],
)
def test_a_text_is_cut_into(text: str, words: list[str]) -> None:
    assert surfaces(text) == words


@pytest.mark.parametrize("letter", ["ا", "a", "٣", "اـ", "ا\u064b"], ids=ascii)
def test_an_endless_run_is_cut_into_words_of_bounded_length(letter: str) -> None:
    assert [len(form) for form in forms(letter * (LONGEST + 6))] == [LONGEST, 6]


def test_addresses_and_accounts_are_read_as_the_spelling_says() -> None:
    cut = WordCutter(Spelling(link="[رابط]", mention="[مستخدم]"))
    text = "انظر t.me/x و a@b.org و @user"
    assert [word.form for word in cut(text)] == ["انظر", "[رابط]", "و", "[رابط]", "و", "[مستخدم]"]


def test_an_account_is_read_as_written_unless_the_spelling_says_otherwise() -> None:
    assert forms("@user_2") == ["@user 2"]


@pytest.mark.parametrize(
    ("text", "form"), [("ههههه", "هه"), ("1000000", "1000000"), ("الله", "الله")]
)
def test_repeats_are_shortened_but_not_those_of_digits(text: str, form: str) -> None:
    (word,) = WordCutter(Spelling(repeats=2))(text)
    assert word == (0, len(text), form)


def test_characters_are_replaced_after_all_else() -> None:
    cut = WordCutter(Spelling(replace={"/": "-", "_": " _ ", "3": "x"}))
    assert [word.form for word in cut("ريف_حلب / ٣")] == ["ريف _ حلب", "-", "x"]


@settings(deadline=None)
@given(any_text)
def test_between_words_stands_nothing_visible(text: str) -> None:
    end = 0
    for word in cut(text):
        assert end <= word.start < word.end <= len(text)
        assert BETWEEN_WORDS.fullmatch(text, end, word.start)
        end = word.end
    assert BETWEEN_WORDS.fullmatch(text, end)


@settings(deadline=None)
@given(any_text)
def test_a_form_is_something_a_tokenizer_can_read(text: str) -> None:
    for form in forms(text):
        assert form
        assert not UNREAD.search(form)
        assert form.encode("utf-8")


def test_no_character_of_the_basic_plane_is_read_with_the_mark_on_it() -> None:
    for text in (chr(code) + "\u064b" for code in range(0x10000)):
        for form in forms(text):
            assert form, ascii(text)
            assert not UNREAD.search(form), ascii(text)


@settings(deadline=None)
@given(arabic)
def test_cutting_the_forms_gives_the_forms(text: str) -> None:
    read = " ".join(forms(text))
    assert forms(read) == read.split()


@settings(deadline=None)
@given(arabic)
def test_words_do_not_depend_on_how_their_letters_are_encoded(text: str) -> None:
    assert forms(unicodedata.normalize("NFD", text)) == forms(unicodedata.normalize("NFC", text))


@settings(deadline=None)
@given(arabic, arabic)
def test_words_do_not_depend_on_another_line(text: str, other: str) -> None:
    words = cut(text)
    assert cut(f"{text}\n{other}")[: len(words)] == words


@pytest.mark.parametrize("shape", ["ا", "\u200b", "ـ ", "ا_", "ا\u064b", "http://"], ids=ascii)
def test_a_megabyte_is_not_slow_to_cut(shape: str) -> None:
    _cut_in_time(shape * (1_000_000 // len(shape)))


@pytest.mark.parametrize(
    "shape", ["a-", "a@", "a.", "@a", "a@a.", "_", "-", "ـ\u200b", "😀"], ids=ascii
)
def test_no_text_is_slow_to_cut(shape: str) -> None:
    _cut_in_time(shape * (60_000 // len(shape)))


def _cut_in_time(text: str) -> None:
    began = time.process_time()
    cut(text)
    assert time.process_time() - began < 10  # seconds; a quadratic rule would take many minutes


def test_long_words_are_not_kept_for_the_next_time() -> None:
    cut = WordCutter(Spelling())
    for length in (LONGEST, LONGEST + 1, 1_000_000):
        (word,) = cut("ق" + "ـ" * (length - 2) + "ف")
        assert word.form == "قف"
    assert cut._kept_form.cache_info().currsize == 1
