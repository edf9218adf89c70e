import random
import time
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from marsad.bundle import Temperatures
from marsad.encode import Batch, Encoder
from marsad.pipeline import Pipeline, load
from marsad.schema import Argument, Document, Entity, Event, Sentence
from marsad.tokenise import Tokeniser

REPORT = "قَصَفَت قوات النظام بلدة حلب أمس. مقتل مدنيين في إدلب"
WORDS = [
    "قصفت",
    "غارة",
    "سيطرت",
    "مقتل",
    "قوات",
    "النظام",
    "الفصائل",
    "حلب",
    "إدلب",
    "بلدة",
    "أمس",
    "مدنيين",
    "على",
    "في",
    ".",
    "،",
    "مجهول",
    "#حلب",
]
same_pipeline = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
news = st.lists(st.sampled_from([*WORDS, "\n", "\u202b", "ـ", "🔴"]), max_size=60).map(" ".join)


def facts(document: Document) -> list[tuple[object, ...]]:
    """All of a document but its scores, which may differ in the last digits."""
    return [
        *((e.label, e.start, e.end) for e in document.entities),
        *(
            (e.type, e.start, e.end, *((a.role, a.entity) for a in e.arguments))
            for e in document.events
        ),
        *((s.start, s.end, s.classes) for s in document.sentences),
    ]


def test_a_report_becomes_entities_events_and_classes(pipeline: Pipeline) -> None:
    document = pipeline(REPORT)
    assert [(e.label, e.text) for e in document.entities] == [
        ("ARMED", "قوات النظام"),
        ("LOC", "حلب"),
        ("DATE", "أمس"),
        ("VICTIM", "مدنيين"),
        ("LOC", "إدلب"),
    ]
    attack, killed = document.events
    assert (attack.type, attack.text, attack.sentence) == ("ATTACK", "قَصَفَت", 0)
    assert [(a.role, a.entity) for a in attack.arguments] == [
        ("actor", 0),
        ("place", 1),
        ("time", 2),
    ]
    assert [(a.role, a.entity) for a in killed.arguments] == [("victim", 3), ("place", 4)]
    assert [s.classes for s in document.sentences] == [("attack",), ("casualty",)]


@same_pipeline
@given(st.one_of(st.text(), news))
def test_every_offset_is_that_of_its_text(pipeline: Pipeline, text: str) -> None:
    document = pipeline(text)
    spans: list[Entity | Event] = [*document.entities, *document.events]
    for found in spans:
        assert text[found.start : found.end] == found.text
    for event in document.events:
        sentence = document.sentences[event.sentence]
        assert sentence.start <= event.start < event.end <= sentence.end
        assert all(a.entity < len(document.entities) for a in event.arguments)


@same_pipeline
@given(st.lists(news, max_size=8), st.randoms(use_true_random=False))
def test_a_text_is_read_alike_whatever_it_is_read_with(
    pipeline: Pipeline, texts: list[str], rng: random.Random
) -> None:
    alone = {text: facts(pipeline(text)) for text in texts}
    rng.shuffle(texts)
    together = list(pipeline.tag(texts))
    assert [document.text for document in together] == texts
    assert [facts(document) for document in together] == [alone[text] for text in texts]


def test_a_sentence_beyond_the_window_loses_nothing(pipeline: Pipeline) -> None:
    document = pipeline("قصفت قوات النظام حلب " * 100)
    assert len(document.sentences) == 1
    assert len(document.events) == 100
    assert len(document.entities) == 200


def test_the_cost_of_a_text_without_a_stop_is_linear(pipeline: Pipeline) -> None:
    def seconds(length: int) -> float:
        began = time.process_time()
        pipeline("قصفت حلب " * length)
        return time.process_time() - began

    seconds(500)
    assert seconds(8_000) < 40 * seconds(1_000)  # 64 times, if it were quadratic


def test_an_argument_is_sought_no_further_than_annotated_ones_are(pipeline: Pipeline) -> None:
    near, far = (
        pipeline("قصفت حلب " + "مجهول " * 46 + "أمس"),
        pipeline("قصفت " + "مجهول " * 48 + "حلب"),
    )
    assert len(near.events[0].arguments) == 2
    assert not far.events[0].arguments


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t",
        "\x00",
        "\ud800 حلب \udfff",
        "ا" * 1_000_000,
        "-" * 30_000,
        "قصفت حلب " * 3_000,
        "🏴‍☠️" * 50,
        "حلب\x00إدلب",
        "\u202e\u2066حلب",
        "ﷺ" * 300,
    ],
    ids=[
        "empty",
        "blank",
        "NUL",
        "surrogates",
        "one long word",
        "no letter",
        "triggers and places",
        "emoji",
        "NUL inside",
        "bidi",
        "ligatures",
    ],
)
def test_no_text_breaks_it(pipeline: Pipeline, text: str) -> None:
    assert pipeline(text).text == text


def test_documents_come_out_in_order_and_before_all_texts_are_in(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("marsad.pipeline.CHUNK", 4)
    taken: list[int] = []

    def texts() -> object:
        for number in range(9):
            taken.append(number)
            yield f"قصفت حلب {number}"

    documents = pipeline.tag(texts())  # type: ignore[arg-type]
    assert next(documents).text.endswith("0")
    assert len(taken) < 9
    assert [document.text[-1] for document in documents] == [str(n) for n in range(1, 9)]


def test_progress_counts_the_characters_read(pipeline: Pipeline) -> None:
    told: list[int] = []
    list(pipeline.tag(["حلب", "إدلب حلب"], progress=told.append))
    assert sum(told) == len("حلب") + len("إدلب حلب")


def test_a_single_text_is_not_read_letter_by_letter(pipeline: Pipeline) -> None:
    with pytest.raises(TypeError, match="for one, call the pipeline itself"):
        pipeline.tag("حلب")


def test_batches_hold_no_more_than_their_budget(pipeline: Pipeline, encoder: Encoder) -> None:
    encoder.budget = 40
    list(pipeline.tag(["قصفت حلب " * n for n in range(1, 9)]))
    batches: list[Batch] = encoder.batches  # type: ignore[attr-defined]
    assert len(batches) > 2
    assert all(np.prod(batch.ids.shape) <= 40 + 2 * len(batch.ids) for batch in batches)


def test_what_is_left_above_a_score_still_points_to_its_own() -> None:
    entities = tuple(Entity(i, i + 1, "LOC", "", score) for i, score in enumerate((0.4, 0.9, 0.8)))
    arguments = (Argument("place", 0, 0.9), Argument("place", 1, 0.3), Argument("place", 2, 0.7))
    events = (
        Event("ATTACK", "attack", 0, 1, "", 0.9, 0, arguments),
        Event("KILLED", "casualty", 1, 2, "", 0.2, 0, ()),
    )
    sentence = Sentence(0, 3, ("attack", "casualty"), {"attack": 0.9, "casualty": 0.45})
    left = Document("abc", (sentence,), entities, events).above(0.5)
    assert [entity.start for entity in left.entities] == [1, 2]
    assert left.events == (replace(events[0], arguments=(Argument("place", 1, 0.7),)),)
    assert left.sentences == (replace(sentence, classes=("attack",)),)
    assert Document("abc", (sentence,), entities, events).above(0).entities == entities


def test_what_scores_less_than_the_bundle_wants_is_not_reported(
    pipeline: Pipeline, encoder: Encoder, tokenizer: Tokenizer
) -> None:
    text = "قصفت قوات النظام حلب"
    found = []
    for least in (0.9, 0.9999):
        unsure = Temperatures(arguments=10)
        manifest = replace(pipeline.manifest, min_score=least, temperatures=unsure)
        found.append(Pipeline(manifest, Tokeniser(tokenizer, 16), encoder)(text))
    assert [entity.text for entity in found[0].entities] == ["قوات النظام", "حلب"]
    assert [event.arguments for event in found[0].events] == [()]
    assert max(entity.score for entity in found[0].entities) < 0.9999
    assert (found[1].entities, found[1].events) == ((), ())


def test_a_fork_of_the_process_that_loaded_it_reads_the_same() -> None:
    read = load(threads=2)
    text = "قصفت قوات النظام بلدة كنصفرة جنوبي إدلب، ما أدى إلى مقتل ثلاثة مدنيين.\n" * 60
    context = get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=lambda: theirs.send(read(text).as_dict()))
    child.start()
    answered = ours.poll(60)
    found = ours.recv() if answered else None
    child.kill()
    assert found == read(text).as_dict()


def test_a_class_scores_as_the_class_head_and_the_surest_event_on_average(
    pipeline: Pipeline,
) -> None:
    scores = pipeline("قصفت قوات النظام حلب").sentences[0].scores
    (event,) = pipeline("قصفت قوات النظام حلب").events
    head = 1 / (1 + np.exp(-5.0))  # so sure is the encoder of the tests of a class
    assert scores["attack"] == pytest.approx((head + event.score) / 2, abs=1e-3)
    assert scores["airstrike"] == pytest.approx((1 - head) / 2, abs=1e-3)


def test_a_class_is_chosen_from_its_own_threshold_on(pipeline: Pipeline) -> None:
    text = "قصفت قوات النظام حلب"
    (sentence,) = pipeline(text).sentences
    assert sentence.classes == ("attack",)
    pipeline.manifest = replace(pipeline.manifest, thresholds={"attack": 1.0, "airstrike": 0.0})
    (sentence,) = pipeline(text).sentences
    assert sentence.classes == ("airstrike",)
