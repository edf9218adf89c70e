import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from marsad.errors import MarsadError
from marsad.schema import Schema
from marsad.words import Spelling, WordCutter
from marsad_train.corpora import ANY, Corpus, allowed_tags, corpus_tags, read_corpus

LABELS = {"PER": ("PER",), "ORG": ("ORG", "ARMED"), "MISC": ("O", "ARMED"), "O": ("DATE",)}
cut = WordCutter(Spelling())


def written(tmp_path: Path, content: str, format: str = "conll") -> Corpus:
    path = tmp_path / "corpus.txt"
    path.write_text(content, encoding="utf-8")
    return Corpus(path=str(path), format=format, labels=LABELS)  # type: ignore[arg-type]


def tagged(corpus: Corpus, schema: Schema, row: int = 0) -> list[tuple[str, str]]:
    example = read_corpus(corpus, 0, schema, cut)[row]
    tags = corpus_tags(corpus, schema)
    return [(f, tags[t]) for f, t in zip(example["forms"], example["entity_tags"], strict=True)]


def names(corpus: Corpus, schema: Schema, tag: str) -> set[str]:
    row = corpus_tags(corpus, schema).index(tag)
    allowed = allowed_tags(corpus, schema)[row]
    return {schema.entity_tags[index] for index in np.flatnonzero(allowed)}


def test_labels_allow_what_the_corpus_may_mean(schema: Schema) -> None:
    corpus = Corpus(path="x", format="conll", labels=LABELS)
    assert names(corpus, schema, "B-PER") == {"B-PER"}
    assert names(corpus, schema, "I-ORG") == {"I-ORG", "I-ARMED"}
    assert names(corpus, schema, "B-MISC") == {"O", "B-ARMED", "I-ARMED"}
    assert names(corpus, schema, "O") == {"O", "B-DATE", "I-DATE"}
    assert names(corpus, schema, ANY) == set(schema.entity_tags)


def test_without_labels_a_corpus_has_the_schemas_own(schema: Schema) -> None:
    allowed = allowed_tags(Corpus(path="x"), schema)
    assert allowed[1:].tolist() == np.eye(len(schema.entity_tags), dtype=bool).tolist()


def test_proclitics_that_were_split_off_are_joined_again(schema: Schema, tmp_path: Path) -> None:
    corpus = written(tmp_path, "و O\nقال O\nل O\nأحمد B-PER\nعلي I-PER\nو O\n. O\n")
    assert tagged(corpus, schema) == [
        ("وقال", "O"),
        ("لأحمد", "B-PER"),
        ("علي", "I-PER"),
        ("و", "O"),
        (".", "O"),
    ]


def test_pronouns_that_were_split_off_are_joined_where_a_corpus_says_so(
    schema: Schema, tmp_path: Path
) -> None:
    corpus = written(tmp_path, "قوات B-ORG\nه O\nومدينة O\nه O\nل O\nالجيش B-ORG\n, O\nهم O\n")
    joined = dataclasses.replace(corpus, enclitics=True)
    assert tagged(joined, schema) == [
        ("قواته", "B-ORG"),
        ("ومدينته", "O"),
        ("للجيش", "B-ORG"),
        (",", "O"),
        ("هم", "O"),
    ]
    assert [form for form, _ in tagged(corpus, schema)][:2] == ["قوات", "ه"]


def test_an_initial_that_is_part_of_a_name_is_not_joined(schema: Schema, tmp_path: Path) -> None:
    corpus = written(tmp_path, "د B-ORG\nب I-ORG\nا I-ORG\n")
    assert [form for form, _ in tagged(corpus, schema)] == ["د", "ب", "ا"]


def test_a_bracket_glued_to_a_name_says_nothing(schema: Schema, tmp_path: Path) -> None:
    corpus = written(tmp_path, "(د B-ORG\nب) I-ORG\n")
    assert tagged(corpus, schema) == [("(", ANY), ("د", "B-ORG"), ("ب", "I-ORG"), (")", ANY)]


def test_a_tag_that_goes_on_without_a_beginning_begins(schema: Schema, tmp_path: Path) -> None:
    corpus = written(tmp_path, "أحمد I-PER\nسانا I-ORG\n")
    assert tagged(corpus, schema) == [("أحمد", "B-PER"), ("سانا", "B-ORG")]


def test_of_nested_tags_the_outermost_known_counts(schema: Schema, tmp_path: Path) -> None:
    corpus = written(
        tmp_path, "رئيس B-OCC\nوكالة I-OCC B-ORG\nسانا I-OCC I-ORG B-PER\n\nقال O\n", "wojood"
    )
    assert tagged(corpus, schema) == [("رئيس", "O"), ("وكالة", "B-ORG"), ("سانا", "I-ORG")]
    assert tagged(corpus, schema, row=1) == [("قال", "O")]


def test_labels_that_a_corpus_does_not_have_are_named(
    schema: Schema, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tagged(written(tmp_path, "سانا B-ORG\nقال O\n", "wojood"), schema)
    assert caplog.messages[0].endswith("corpus.txt: labels that do not occur there: MISC, PER.")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no sentences"),
        ("قال\n", r"line 1: 1 columns"),
        ("قال O\nأحمد B-PER extra\n", r"line 2: 3 columns"),
        ("قال O\nأحمد PER\n", r"line 2: tag 'PER'; wanted O, B-label or I-label"),
        ("قال O\nحلب B-GPE\n", r"line 2: unknown label 'GPE'\. Known: PER, ORG, MISC"),
    ],
)
def test_a_faulty_file_is_refused_with_the_line(
    schema: Schema, tmp_path: Path, content: str, message: str
) -> None:
    with pytest.raises(MarsadError, match=message):
        read_corpus(written(tmp_path, content), 0, schema, cut)


def test_a_token_of_several_words_is_one_mention(schema: Schema, tmp_path: Path) -> None:
    corpus = written(tmp_path, "سي.أن B-ORG\n")
    assert tagged(corpus, schema) == [("سي", "B-ORG"), (".", ANY), ("أن", "I-ORG")]


def test_without_labels_a_column_corpus_has_the_schemas_own(schema: Schema, tmp_path: Path) -> None:
    path = tmp_path / "own.conll"
    path.write_text("حلب B-LOC\nأمس B-DATE\n", encoding="utf-8")
    corpus = Corpus(path=str(path), format="conll")
    assert tagged(corpus, schema) == [("حلب", "B-LOC"), ("أمس", "B-DATE")]


def test_labels_may_have_hyphens() -> None:
    schema = Schema(name="x", entities=("CITY", "PLAY-ER"))
    allowed = allowed_tags(Corpus(path="x"), schema)
    assert allowed[1:].tolist() == np.eye(5, dtype=bool).tolist()


def test_an_empty_list_of_labels_is_refused(schema: Schema) -> None:
    corpus = Corpus(path="x.conll", format="conll", labels={"EVENT": ()})
    with pytest.raises(MarsadError, match=r"labels\.EVENT: an empty list.*wanted \[\"O\"\]"):
        allowed_tags(corpus, schema)


def record_file(tmp_path: Path, *entities: dict[str, object], text: str = "قصفت حلب") -> Corpus:
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps({"id": "a", "text": text, "entities": entities}), encoding="utf-8")
    return Corpus(path=str(path))


def test_records_take_no_label_map(schema: Schema, tmp_path: Path) -> None:
    corpus = record_file(tmp_path)
    with pytest.raises(MarsadError, match="take out 'labels'"):
        read_corpus(Corpus(path=corpus.path, labels={"LOC": ("LOC",)}), 0, schema, cut)


def test_spans_are_read_as_whole_words(schema: Schema, tmp_path: Path) -> None:
    corpus = record_file(tmp_path, {"start": 6, "end": 8, "label": "LOC"})
    assert tagged(corpus, schema) == [("قصفت", "O"), ("حلب", "B-LOC")]


@pytest.mark.parametrize(
    "spans",
    [[(5, 6, "LOC"), (6, 8, "PER")], [(9, 10, "LOC")]],
    ids=["two in a word", "no word"],
)
def test_spans_without_a_word_of_their_own_are_refused(
    schema: Schema, tmp_path: Path, spans: list[tuple[int, int, str]]
) -> None:
    entities = [{"start": a, "end": b, "label": label} for a, b, label in spans]
    corpus = record_file(tmp_path, *entities, text="قصفت حلب ـ")
    with pytest.raises(MarsadError, match=r"records\.jsonl, record 'a': .*no word of the text"):
        read_corpus(corpus, 0, schema, cut)


def test_labels_that_the_schema_lacks_are_refused(schema: Schema) -> None:
    corpus = Corpus(path="x.conll", format="conll", labels={"PER": ("PERSON",)})
    with pytest.raises(MarsadError, match=r"x\.conll: labels\.PER: unknown label 'PERSON'"):
        allowed_tags(corpus, schema)


def test_a_missing_file_is_named(schema: Schema) -> None:
    with pytest.raises(MarsadError, match=r"nowhere\.conll"):
        read_corpus(Corpus(path="nowhere.conll", format="conll", labels=LABELS), 0, schema, cut)
