import numpy as np
import pytest
import seqeval.metrics
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.scheme import IOB2

from marsad.calibration import calibration
from marsad.evaluate import agreement, answers, entity_facts, evaluate
from marsad.records import Link, Record, Span
from marsad.schema import Argument, Document, Entity, Event, Sentence, bio_tags

LABELS = ("PER", "LOC")
tag_lists = st.lists(
    st.lists(st.sampled_from(bio_tags(LABELS)), min_size=1, max_size=8), min_size=1, max_size=5
)


def strict_spans(tags: list[str]) -> list[tuple[int, int, str]]:
    """Spans of tags under strict IOB2: what begins with B- and goes on with its own I-."""
    spans, start = [], None
    for index, tag in enumerate([*tags, "O"]):
        if start is not None and tag != f"I-{tags[start][2:]}":
            spans.append((start, index, tags[start][2:]))
            start = None
        if tag.startswith("B-"):
            start = index
    return spans


def record_of(tags: list[str]) -> Record:
    return Record("", " " * len(tags), tuple(Span(*span) for span in strict_spans(tags)))


def document_of(tags: list[str]) -> Document:
    entities = tuple(Entity(start, end, label, "", 1.0) for start, end, label in strict_spans(tags))
    return Document(" " * len(tags), entities=entities)


@pytest.mark.filterwarnings("ignore")
@settings(deadline=None, max_examples=60)
@given(tag_lists, st.randoms(use_true_random=False))
def test_entities_are_scored_as_seqeval_scores_strict_iob2(
    gold: list[list[str]], rng: object
) -> None:
    found = [[tag if rng.random() < 0.7 else "O" for tag in tags] for tags in gold]  # type: ignore[attr-defined]
    report = evaluate([record_of(t) for t in gold], [document_of(t) for t in found])["entity"]
    wanted = seqeval.metrics.classification_report(
        gold, found, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
    )
    if report.micro.gold or report.micro.predicted:
        assert report.micro.f1 == pytest.approx(wanted["micro avg"]["f1-score"])
        assert report.micro.precision == pytest.approx(wanted["micro avg"]["precision"])
    for label, score in report.labels.items():
        assert score.f1 == pytest.approx(wanted[label]["f1-score"])


GOLD = Record(
    "a",
    "قصفت النظام حلب",
    (Span(5, 11, "ARMED"), Span(12, 15, "LOC")),
    (Span(0, 4, "ATTACK"),),
    (Link(0, 0, "actor"), Link(0, 1, "place")),
    frozenset({"attack"}),
)


def found(
    role: str = "actor", label: str = "LOC", classes: tuple[str, ...] = ("attack",)
) -> Document:
    entities = (Entity(5, 11, "ARMED", "النظام", 1.0), Entity(12, 15, label, "حلب", 1.0))
    arguments = (Argument(role, 0, 1.0), Argument("place", 1, 1.0))
    event = Event("ATTACK", "attack", 0, 4, "قصفت", 1.0, 0, arguments)
    return Document(
        GOLD.text, (Sentence(0, 15, classes, dict.fromkeys(classes, 1.0)),), entities, (event,)
    )


def test_all_that_is_right_scores_one() -> None:
    reports = evaluate([GOLD], [found()])
    assert {kind: report.micro.f1 for kind, report in reports.items()} == dict.fromkeys(
        reports, 1.0
    )
    assert set(reports) == {"entity", "trigger", "argument", "class"}


def test_a_wrong_role_is_a_wrong_argument_only() -> None:
    reports = evaluate([GOLD], [found(role="target")])
    assert reports["argument"].micro.f1 == pytest.approx(0.5)
    assert reports["argument"].labels["target"].predicted == 1
    assert reports["entity"].micro.f1 == 1.0


def test_a_wrong_label_is_a_wrong_entity_but_its_argument_stands() -> None:
    reports = evaluate([GOLD], [found(label="FAC")])
    assert reports["entity"].micro.f1 == pytest.approx(0.5)
    assert reports["argument"].micro.f1 == 1.0


def test_classes_are_averaged_over_those_annotated() -> None:
    other = Record("b", "", (), (), (), frozenset({"casualty"}))
    reports = evaluate([GOLD, other], [found(classes=("attack", "airstrike")), Document("")])
    assert reports["class"].macro_f1 == pytest.approx(0.5)


def test_records_without_a_kind_do_not_count_for_it() -> None:
    silent = Record("b", "حلب")
    reports = evaluate([GOLD, silent], [found(), found()])
    assert reports["entity"].micro.f1 == 1.0
    assert evaluate([silent], [found()]) == {}


def test_the_interval_holds_the_score_and_is_the_same_each_time() -> None:
    gold = [GOLD] * 30
    documents = [found(label=label) for label in ["LOC", "FAC", "LOC"] * 10]
    first, second = (evaluate(gold, documents)["entity"].micro for _ in range(2))
    assert first == second
    assert first.low < first.f1 < first.high
    assert np.isclose(first.f1, 2 * 50 / 120)


def test_samples_without_a_label_do_not_count_for_its_interval() -> None:
    other = Record("b", "حلب", (Span(0, 3, "FAC"),))
    document = Document("حلب", entities=(Entity(0, 3, "FAC", "حلب", 1.0),))
    report = evaluate([GOLD] * 30 + [other], [found()] * 30 + [document])["entity"]
    assert (report.labels["FAC"].low, report.labels["FAC"].high) == (1.0, 1.0)
    assert (report.macro_low, report.macro_high) == (1.0, 1.0)


def test_scores_are_compared_with_how_often_they_are_right() -> None:
    one = calibration([0.95] * 8 + [0.55] * 2, [True] * 6 + [False] * 2 + [True, False], wanted=10)
    assert one.error == pytest.approx((8 * abs(0.95 - 0.75) + 2 * abs(0.55 - 0.5)) / 10)
    assert [(b.low, b.count, b.right) for b in one.bins] == [(0.5, 2, 0.5), (0.9, 8, 0.75)]
    levels = {level.min_score: level for level in one.levels}
    assert (levels[0.0].kept, levels[0.0].precision, levels[0.0].recall) == (10, 0.7, 0.7)
    assert (levels[0.9].kept, levels[0.9].precision, levels[0.9].recall) == (8, 0.75, 0.6)


def test_a_score_of_one_has_a_bin_and_no_answers_have_no_error() -> None:
    assert calibration([1.0], [True], wanted=1).error == 0
    assert calibration([], [], wanted=0).error == 0


def test_every_class_of_a_sentence_is_an_answer_yes_or_no() -> None:
    sentence = Sentence(0, 4, ("attack",), {"attack": 0.9, "casualty": 0.2})
    document = Document(GOLD.text, (sentence,))
    assert answers([GOLD], [document])["class"] == ([0.2, 0.9], [False, True])
    assert answers([GOLD], [document])["entity"] == ([], [])


def test_agreement_is_of_what_was_found() -> None:
    assert agreement(entity_facts([found()]), entity_facts([found()])) == 1
    assert agreement(entity_facts([found()]), entity_facts([found(label="FAC")])) == 0.5
    assert agreement(entity_facts([Document("")]), entity_facts([found()])) == 0
    assert agreement(entity_facts([Document("")]), entity_facts([Document("")])) == 1
