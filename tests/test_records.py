import json
from pathlib import Path
from typing import Any

import pytest

from marsad.errors import MarsadError
from marsad.records import Link, Span, parse_record, read_records
from marsad.schema import Schema

RECORD: dict[str, Any] = {
    "id": "a",
    "text": "قصفت قوات النظام حلب",
    "entities": [
        {"start": 5, "end": 16, "label": "ARMED"},
        {"start": 17, "end": 20, "label": "LOC"},
    ],
    "events": [
        {"type": "ATTACK", "start": 0, "end": 4, "arguments": [{"role": "actor", "entity": 0}]}
    ],
}


def test_a_record_says_what_was_annotated(schema: Schema) -> None:
    record = parse_record(RECORD, schema)
    assert record.entities == (Span(5, 16, "ARMED"), Span(17, 20, "LOC"))
    assert record.links == (Link(0, 0, "actor"),)
    assert record.classes == frozenset({"attack"})


def test_what_was_not_annotated_is_none_and_what_is_not_there_is_empty(schema: Schema) -> None:
    silent = parse_record({"text": "حلب"}, schema)
    assert (silent.entities, silent.triggers, silent.classes) == (None, None, None)
    empty = parse_record({"text": "حلب", "entities": [], "events": []}, schema)
    assert (empty.entities, empty.triggers, empty.classes) == ((), (), frozenset())


def test_events_without_arguments_say_nothing_of_links(schema: Schema) -> None:
    event = {"type": "ATTACK", "start": 0, "end": 4}
    assert parse_record({**RECORD, "events": [event]}, schema).links is None
    assert parse_record({**RECORD, "events": [{**event, "arguments": []}]}, schema).links == ()
    assert parse_record({"text": RECORD["text"], "events": [event]}, schema).links is None


def test_given_classes_come_before_those_of_events(schema: Schema) -> None:
    assert parse_record({**RECORD, "classes": []}, schema).classes == frozenset()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": 5}, 'the key "text" is missing or no text'),
        ({"entities": 3}, '"entities" is no list'),
        ({"entities": ["x"]}, r"entities\[0\]: no object"),
        (
            {"entities": [{"start": 5, "end": 99, "label": "LOC"}]},
            r"5 to 99 do not fit the text of 20",
        ),
        ({"entities": [{"start": 5, "end": 5, "label": "LOC"}]}, r"5 to 5 do not fit"),
        ({"entities": [{"start": 4, "end": 5, "label": "LOC"}]}, r"4 to 5 is only white space"),
        (
            {"entities": [{"start": 0, "end": 4, "label": "PLACE"}]},
            r"unknown label 'PLACE'\. Known: PER, ARMED",
        ),
        (
            {
                "entities": [
                    {"start": 5, "end": 16, "label": "LOC"},
                    {"start": 10, "end": 20, "label": "LOC"},
                ]
            },
            "overlap",
        ),
        ({"events": [{"type": "WAR", "start": 0, "end": 4}]}, r"unknown type 'WAR'"),
        (
            {
                "events": [
                    {
                        "type": "ATTACK",
                        "start": 0,
                        "end": 4,
                        "arguments": [{"role": "actor", "entity": 7}],
                    }
                ]
            },
            r"no such entity; there are 2",
        ),
        (
            {
                "events": [
                    {
                        "type": "ATTACK",
                        "start": 0,
                        "end": 4,
                        "arguments": [{"role": "victim", "entity": 0}],
                    }
                ]
            },
            r"ARMED cannot be victim of ATTACK",
        ),
        (
            {
                "events": [
                    {
                        "type": "ATTACK",
                        "start": 0,
                        "end": 4,
                        "arguments": [{"role": "cause", "entity": 0}],
                    }
                ]
            },
            r"unknown role\. Known: actor",
        ),
        ({"classes": ["war"]}, r"unknown class 'war'\. Known: attack"),
    ],
)
def test_a_faulty_record_is_refused_with_the_reason(
    schema: Schema, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(MarsadError, match=message):
        parse_record({**RECORD, **change}, schema)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no records"),
        (b'{"text": "a"}\n{"text": ', "line 2: not JSON"),
        (b'{"text": "a"}\n\n[]\n', "line 3: found no object"),
        (b'{"text": "\xff"}\n', "not UTF-8"),
    ],
    ids=["empty", "cut off", "no object", "not UTF-8"],
)
def test_a_faulty_file_is_refused_with_the_line(
    schema: Schema, tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_bytes(content)
    with pytest.raises(MarsadError, match=rf"gold\.jsonl.*{message}"):
        read_records(path, schema)


def test_a_missing_file_is_named(schema: Schema, tmp_path: Path) -> None:
    with pytest.raises(MarsadError, match=r"nowhere\.jsonl: No such file"):
        read_records(tmp_path / "nowhere.jsonl", schema)


def test_records_are_read_in_order(schema: Schema, tmp_path: Path) -> None:
    path = tmp_path / "gold.jsonl"
    path.write_text("\n".join(json.dumps({**RECORD, "id": name}) for name in "abc"))
    assert [record.id for record in read_records(path, schema)] == ["a", "b", "c"]
