from marsad.mistakes import mistakes, tally
from marsad.records import Record, Span
from marsad.schema import Document, Entity, Event

TEXT = "قصفت قوات النظام السوري بلدة حلب أمس"
GOLD = Record(
    "a",
    TEXT,
    (Span(5, 23, "ARMED"), Span(29, 32, "LOC"), Span(33, 36, "DATE")),
    (Span(0, 4, "ATTACK"),),
)


def found(*spans: tuple[int, int, str], trigger: str = "ATTACK") -> Document:
    entities = tuple(Entity(a, b, label, TEXT[a:b], 0.5) for a, b, label in spans)
    return Document(TEXT, entities=entities, events=(Event(trigger, "", 0, 4, "قصفت", 0.9, 0, ()),))


def test_what_is_right_is_no_mistake() -> None:
    right = found((5, 23, "ARMED"), (29, 32, "LOC"), (33, 36, "DATE"))
    assert not list(mistakes([GOLD], [right]))


def test_each_sort_of_mistake_is_told_apart() -> None:
    wrong = found((5, 16, "ARMED"), (29, 32, "FAC"), (24, 28, "ORG"), trigger="AIRSTRIKE")
    own = list(mistakes([GOLD], [wrong]))
    assert [(m.kind, m.sort, m.wanted, m.found, m.wanted_text, m.found_text) for m in own] == [
        ("entity", "bounds", "ARMED", "ARMED", "قوات النظام السوري", "قوات النظام"),
        ("entity", "label", "LOC", "FAC", "حلب", "حلب"),
        ("entity", "missed", "DATE", "", "أمس", ""),
        ("entity", "spurious", "", "ORG", "", "بلدة"),
        ("trigger", "label", "ATTACK", "AIRSTRIKE", "قصفت", "قصفت"),
    ]
    assert own[2].score is None
    assert own[3].score == 0.5
    assert all(m.wanted_text in m.context and m.found_text in m.context for m in own)
    assert dict(tally(own + own))["entity", "label", "LOC", "FAC"] == 2
    assert not list(mistakes([Record("a", TEXT)], [wrong]))  # nobody annotated it


def test_spans_are_paired_with_what_shares_most_with_them() -> None:
    gold = Record("a", TEXT, (Span(0, 9, "ARMED"), Span(10, 23, "ARMED")))
    own = list(mistakes([gold], [Document(TEXT, entities=found((5, 23, "ARMED")).entities)]))
    assert [(m.sort, m.wanted_text) for m in own] == [
        ("missed", "قصفت قوات"), ("bounds", "النظام السوري"),
    ]  # fmt: skip
