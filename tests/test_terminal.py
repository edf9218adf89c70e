import re
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from marsad.pipeline import Pipeline
from marsad.schema import Argument, Document, Entity, Event, Sentence
from marsad.terminal import cells, isolated, plain, render

SGR = re.compile(r"\x1b\[[0-9;]+m")
RLI, LRI, PDI = "\u2067", "\u2066", "\u2069"
ARABIC = ("R", "AL")


def entity(text: str, surface: str, label: str = "LOC") -> Entity:
    start = text.index(surface)
    return Entity(start, start + len(surface), label, surface, 0.9)


def document(text: str, *entities: Entity, events: tuple[Event, ...] = ()) -> Document:
    sentence = Sentence(0, len(text), (), {})
    return Document(text, (sentence,), entities, events, id="a.txt")


def shown(found: Document, *, width: int = 80) -> list[str]:
    return render(found, colour=False, width=width).splitlines()


def test_a_document_is_its_marked_text_and_then_what_was_found(pipeline: Pipeline) -> None:
    found = pipeline("قصفت قوات النظام بلدة في إدلب أمس\nلا شيء")
    assert render(found, colour=False, width=80) == (
        "── \n"
        "\n"
        f"  {RLI}قصفت [قوات النظام¹] بلدة في [إدلب²] [أمس³]{PDI}\n"
        "  attack 99%\n"
        "  ¹ ARMED   99%  قوات النظام\n"
        "  ² LOC     99%  إدلب\n"
        "  ³ DATE    99%  أمس\n"
        '  ATTACK    99%  "قصفت"\n'
        "    actor  100%  قوات النظام\n"
        "    place  100%  إدلب\n"
        "    time   100%  أمس\n"
        "\n"
        "  لا شيء\n"
    )


def test_an_empty_document_says_so() -> None:
    assert shown(Document("", id="a.txt")) == ["── a.txt", "  no text"]


def test_colour_adds_nothing_but_colour(pipeline: Pipeline) -> None:
    found = pipeline("قصفت قوات النظام بلدة في إدلب أمس . مقتل مدنيين في حلب")
    coloured = render(found, colour=True, width=40)
    assert SGR.sub("", coloured) == render(found, colour=False, width=40)
    for line in coloured.splitlines():
        assert not SGR.search(line) or line.rindex("\x1b[0m") == line.rindex("\x1b[")


def test_an_entity_and_a_trigger_are_told_apart_by_style() -> None:
    text = "قصفت حلب"
    event = Event("ATTACK", "attack", 0, 4, "قصفت", 0.9, 0, (Argument("place", 0, 0.9),))
    coloured = render(document(text, entity(text, "حلب"), events=(event,)), colour=True, width=80)
    assert "\x1b[1;4mقصفت\x1b[0m \x1b[32m[حلب¹]\x1b[0m" in coloured


def test_a_trigger_inside_an_entity_has_both_styles() -> None:
    text = "غرفة عمليات قصف حلب"
    event = Event("ATTACK", "attack", 12, 15, "قصف", 0.9, 0, ())
    found = document(text, entity(text, text, "ARMED"), events=(event,))
    assert "\x1b[31;1;4mقصف\x1b[0m" in render(found, colour=True, width=80)


def test_a_label_that_is_not_ours_has_a_colour_that_stays() -> None:
    text = "في حلب"
    first, second = (
        render(document(text, entity(text, "حلب", "CITY")), colour=True, width=80) for _ in "ab"
    )
    assert first == second
    assert re.search(r"\x1b\[[0-9;]+m\[حلب¹\]", first)


def test_numbers_go_on_through_the_document() -> None:
    text = "حلب إدلب"
    sentences = (Sentence(0, 3, (), {}), Sentence(4, 8, (), {}))
    lines = shown(Document(text, sentences, (entity(text, "حلب"), entity(text, "إدلب"))))
    assert "  ¹ LOC   90%  حلب" in lines
    assert "  ² LOC   90%  إدلب" in lines


def test_an_entity_right_behind_another_is_marked_on_its_own() -> None:
    text = "حلبإدلب"
    lines = shown(document(text, entity(text, "حلب"), entity(text, "إدلب")))
    assert lines[2] == f"  {RLI}[حلب¹][إدلب²]{PDI}"


@pytest.mark.parametrize("width", [20, 33, 80])
def test_lines_of_text_fit_the_width_and_lose_no_word(width: int) -> None:
    text = "سيطرت الفصائل على بَلْدَة كفرنبل، وأعلنت وحدات YPG أن 中文 الطائرات شنت 15 غارة"
    lines = shown(document(text), width=width)[2:]
    assert all(cells(line) <= width for line in lines)
    assert " ".join(line.strip(f" {RLI}{PDI}") for line in lines) == text


def test_a_word_wider_than_the_line_has_its_own() -> None:
    lines = shown(document("في " + "ح" * 50 + " لب"), width=20)[2:]
    assert [line.strip() for line in lines] == ["في", "ح" * 50, "لب"]


def test_marks_take_no_cell_and_chinese_takes_two() -> None:
    assert cells("بَلْدَة") == 4
    assert cells("中文") == 4


def test_nothing_stands_behind_arabic_in_a_line_of_findings(pipeline: Pipeline) -> None:
    lines = shown(pipeline('قصفت قوات النظام YPG "بلدة" في إدلب أمس'))
    findings = [line for line in lines if "%" in line]
    for line in findings:
        kinds = [unicodedata.bidirectional(character) for character in line]
        first = next((at for at, kind in enumerate(kinds) if kind in ARABIC), len(kinds))
        assert "L" in kinds[:first]  # so the line runs from the left in every terminal
        assert not {"L", "EN"}.intersection(kinds[first:])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("حلب", "حلب"),
        ("عام 2015", "عام 2015"),
        ("حلبٌ", "حلبٌ"),
        ("Aleppo", "Aleppo"),
        ("15 غارة", f"{RLI}15 غارة{PDI}"),
        ("قوات «قسد»", f"{RLI}قوات «قسد»{PDI}"),
        ("وحدات YPG", f"{RLI}وحدات YPG{PDI}"),
        ("news/حلب.txt", f"{LRI}news/حلب.txt{PDI}"),
        ("", ""),
    ],
)
def test_text_is_isolated_only_where_its_surroundings_could_disturb_it(
    text: str, expected: str
) -> None:
    assert isolated(text) == expected


def test_every_line_of_a_sentence_has_the_sentences_direction() -> None:
    lines = shown(document("أعلنت وحدات حماية الشعب التي تعرف اختصارا باسم YPG/YPJ."), width=54)
    assert lines[-1] == f"  {RLI}YPG/YPJ.{PDI}"


@settings(deadline=None)
@given(st.text(st.sampled_from("حلب aB1.[\"'\u0651\u202e\u2067\u2069\u200f\x1b")))
def test_isolates_are_closed_in_their_line_and_never_begin_it(text: str) -> None:
    found = document(text, *([entity(text, "ح")] if "ح" in text else []))
    for line in shown(found, width=20):
        assert line.count(RLI) + line.count(LRI) == line.count(PDI)
        assert line[:1] not in (RLI, LRI)


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[2J", "␛[2J"),
        ("\x1b]0;title\x07", "␛]0;title␇"),
        ("\x9b31m", "\ufffd31m"),
        ("\x00\x08\x7f", "␀␈␡"),
        ("a\rb\nc\td\u2028e\x85f", "a b c d e f"),
        ("\u202eevil\u202c\u2066\u200f\ufeff", "evil"),
        ("\ud800", "\ufffd"),
        ("a\U000e0041b", "ab"),
        ("لا\u200cمي", "لا\u200cمي"),
    ],
)
def test_what_would_drive_a_terminal_is_made_visible_or_left_out(
    hostile: str, harmless: str
) -> None:
    assert plain(hostile) == harmless


@settings(deadline=None)
@given(st.text(st.characters(codec=None) | st.sampled_from("\x1b\x9b\x07\x00[;m\ud800\u202e")))
def test_no_text_puts_a_control_of_its_own_on_the_screen(text: str) -> None:
    surface = text[:3] or "x"
    found = Document(
        text,
        (Sentence(0, len(text), (surface,), {surface: 0.5}),) if text else (),
        (Entity(0, len(surface), surface, surface, 0.5),) if text else (),
        (Event(surface, "", 0, len(surface), surface, 0.5, 0, (Argument(surface, 0, 0.5),)),)
        if text
        else (),
        id=text,
    )
    screen = SGR.sub("", render(found, colour=True, width=20)).replace("\n", "")
    assert not [c for c in screen if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp")]
    assert screen.encode()
