"""What is asked over HTTP is answered as ``marsad tag`` and Hugging Face would, or refused."""

import asyncio
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from huggingface_hub import InferenceClient
from pydantic import ValidationError

from marsad.pipeline import Pipeline
from marsad.schema import Document
from marsad.server.edge import Edge
from marsad.server.metrics import Metrics
from marsad.server.schemas import InputsRequest

TEXT = "قصفت قوات النظام بلدة في إدلب أمس"
STATIC = Path(__file__).parents[2] / "infer" / "marsad" / "server" / "static"
SAMPLES = Path(__file__).parents[2] / "data" / "samples"


def tag(address: str, *documents: Any, **rest: Any) -> Any:
    answer = httpx.post(f"{address}/v1/tag", json={"documents": documents, **rest})
    assert answer.status_code == 200, answer.text
    return answer.json()["documents"]


# /v1/tag


def test_documents_are_those_of_marsad_tag_in_order(address: str, pipeline: Pipeline) -> None:
    sent = [{"id": n, "text": TEXT if n % 3 else "", "date": "2024-11-27"} for n in range(50)]
    expected = pipeline(TEXT).as_dict()
    for number, found in enumerate(tag(address, *sent)):
        assert found["id"] == str(number)
        assert found["date"] == "2024-11-27"
        assert found["entities"] == (expected["entities"] if number % 3 else [])
        assert list(found) == [*expected, "date"]


def test_a_document_without_a_name_is_named_by_its_place(address: str) -> None:
    assert [d["id"] for d in tag(address, {"text": ""}, {"text": "", "id": None})] == ["1", "2"]


def test_a_bad_document_gets_an_error_in_its_place_and_the_others_their_result(
    address: str,
) -> None:
    bad: list[Any] = [{"id": "x"}, {"text": 3}, "text", None, {"text": "", "id": True}]
    found = tag(address, {"text": TEXT}, *bad, {"text": TEXT})
    assert [d["id"] for d in found] == ["1", "x", "3", "4", "5", "6", "7"]
    assert [d.get("error") for d in found] == [None, *["invalid"] * 5, None]
    assert found[1]["detail"] == 'the key "text" is missing or no text; wanted {"text": "…"}.'


def test_what_scores_less_is_left_out(address: str, pipeline: Pipeline) -> None:
    (found,) = tag(address, {"text": TEXT}, options={"min_score": 0.999})
    expected = pipeline(TEXT).above(0.999)
    assert len(found["entities"]) == len(expected.entities)
    assert expected.entities != pipeline(TEXT).entities


def test_any_text_that_json_can_carry_comes_back(address: str) -> None:
    body = '{"documents": [{"text": "<script>\\ud800\\u0000 قصفت \\ud83d\\ude00"}]}'
    answer = httpx.post(f"{address}/v1/tag", content=body, headers=JSON)
    document = json.loads(answer.content)["documents"][0]
    (event,) = document["events"]
    assert document["text"] == "<script>\ud800\0 قصفت 😀"
    assert document["text"][event["start"] : event["end"]] == event["text"] == "قصفت"


# Hugging Face


def test_a_client_of_hugging_face_gets_what_it_expects(address: str) -> None:
    client = InferenceClient(model=address)
    found = client.token_classification(TEXT, aggregation_strategy="simple")
    assert [(e.entity_group, e.word, e.start, e.end) for e in found] == [
        ("ARMED", "قوات النظام", 5, 16),
        ("LOC", "إدلب", 25, 29),
        ("DATE", "أمس", 30, 33),
    ]


def inputs(address: str, inputs: Any, **parameters: Any) -> Any:
    return httpx.post(f"{address}/", json={"inputs": inputs, "parameters": parameters}).json()


def test_a_list_of_texts_gets_a_list_of_lists(address: str) -> None:
    one = inputs(address, TEXT)
    assert len(one) == 3
    assert inputs(address, [TEXT, "", TEXT]) == [one, [], one]
    assert inputs(address, []) == []
    assert inputs(address, TEXT, ignore_labels=["LOC"]) == [one[0], one[2]]


def test_without_aggregation_every_word_has_its_tag(address: str) -> None:
    found = inputs(address, TEXT, aggregation_strategy="none")
    assert [(w["entity"], w["word"], w["index"], w["start"]) for w in found] == [
        ("B-ARMED", "قوات", 2, 5),
        ("I-ARMED", "النظام", 3, 10),
        ("B-LOC", "إدلب", 6, 25),
        ("B-DATE", "أمس", 7, 30),
    ]


# Refusals

JSON = {"Content-Type": "application/json"}
ONE = b'{"documents": [{"text": "a"}]}'
MANY_KEYS = b", ".join(b'"%d": 1' % number for number in range(100))


@pytest.mark.parametrize(
    ("body", "headers", "status", "detail"),
    [
        (b"{", JSON, 400, "not JSON"),
        (b"\xff", JSON, 400, "not UTF-8: byte 0"),
        (b'{"documents": NaN}', JSON, 400, "not finite, or too long"),
        (b'{"documents": [1e999]}', JSON, 400, "not finite, or too long"),
        (b'{"documents": [' + b"9" * 5000 + b"]}", JSON, 400, "not finite, or too long"),
        (b"[" * 100_000, JSON, 400, "nested too deeply"),
        (ONE, {"Content-Type": "text/plain"}, 415, "application/json"),
        (ONE, {"Content-Type": "application/json; charset=latin-1"}, 415, "UTF-8"),
        (ONE, JSON | {"Content-Encoding": "gzip"}, 415, "compressed"),
        (b"[]", JSON, 422, "the body: Input should be"),
        (b"{}", JSON, 422, "documents: Field required"),
        (b'{"documents": {}}', JSON, 422, "documents: Input should be a valid list"),
        (b'{"documents": [], "x": 1}', JSON, 422, "x: Extra inputs are not permitted"),
        (b'{"documents": [], "options": {"min_score": 2}}', JSON, 422, "options.min_score"),
        (b'{"documents": [], "options": {"min_score": true}}', JSON, 422, "options.min_score"),
        (b" " * 2_000_000, JSON, 413, "more than 1048576 bytes"),
        (b'{"documents": [' + b"0," * 256 + b"0]}", JSON, 413, "257 documents"),
        (b'{"documents": [{"text": "' + b"," * 20_001 + b'"}]}', JSON, 413, "20000 words"),
        (b'{"documents": [{"text": "' + b"x" * 120_006 + b'"}]}', JSON, 413, "6 times as many"),
        (b'{"documents": [], "options": {' + MANY_KEYS + b"}}", JSON, 422, "more than 64 keys"),
        (b"{" + MANY_KEYS + b"}", JSON, 422, "more than 64 keys"),
    ],
)
def test_what_cannot_be_answered_is_refused_in_one_shape(
    address: str, body: bytes, headers: dict[str, str], status: int, detail: str
) -> None:
    answer = httpx.post(f"{address}/v1/tag", content=body, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/json")
    assert answer.json().keys() == {"error", "detail"}
    assert detail in answer.json()["detail"]


def test_json_as_deep_as_can_be_read_but_not_written_is_refused(address: str) -> None:
    statuses = set()
    for depth in range(200, 1200, 40):
        body = b'{"documents": [{"text": "", "x": ' + b"[" * depth + b"]" * depth + b"}]}"
        statuses.add(httpx.post(f"{address}/v1/tag", content=body, headers=JSON).status_code)
    assert statuses <= {200, 400}


def test_of_many_things_that_are_wrong_only_the_first_is_looked_at() -> None:
    with pytest.raises(ValidationError) as wrong:
        InputsRequest.model_validate({"inputs": "a", "parameters": {"ignore_labels": [1] * 9}})
    assert wrong.value.error_count() == 1


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_a_probe_need_not_ask_for_the_body(address: str, path: str) -> None:
    answer = httpx.head(address + path)
    assert (answer.status_code, answer.content) == (200, b"")


def test_who_is_still_waiting_when_the_server_ends_gets_an_error_of_the_usual_shape() -> None:
    async def cancelled(*_: Any) -> None:
        raise asyncio.CancelledError

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/tag", "headers": []}
    asyncio.run(Edge(cancelled, Metrics())(scope, send, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 503
    assert json.loads(sent[1]["body"])["error"] == "unavailable"


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/gone", 404, "not_found"),
        ("GET", "/static/../app.py", 404, "not_found"),
        ("GET", "/v1/tag", 405, "method_not_allowed"),
        ("DELETE", "/", 405, "method_not_allowed"),
    ],
)
def test_what_is_not_there_is_refused_in_the_same_shape(
    address: str, method: str, path: str, status: int, error: str
) -> None:
    answer = httpx.request(method, address + path)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_bug_says_nothing_of_itself_and_costs_only_its_own_text(serving: Any) -> None:
    def fail(texts: Sequence[str]) -> list[Document]:
        if "bad" in texts:
            raise ValueError("secret")
        return [Document(text) for text in texts]

    with serving(fail) as address:
        found = tag(address, {"text": "a"}, {"text": "bad"})
        assert [d.get("error") for d in found] == [None, "internal"]
        answer = httpx.post(f"{address}/", json={"inputs": "bad"})
        assert (answer.status_code, answer.json()["error"]) == (500, "internal")
        assert "secret" not in answer.text + str(found)


def test_with_a_key_only_those_who_send_it_are_answered(serving: Any, pipeline: Pipeline) -> None:
    with serving(pipeline.tag, key="مفتاح") as address:
        for path in ("/info", "/metrics"):
            for header in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}):
                answer = httpx.get(address + path, headers=header)
                assert (answer.status_code, answer.json()["error"]) == (401, "unauthorised")
        sent = {b"Authorization": "Bearer مفتاح".encode()}
        assert httpx.get(f"{address}/info", headers=sent).status_code == 200
        body: dict[str, list[object]] = {"documents": []}
        assert httpx.post(f"{address}/v1/tag", json=body).status_code == 401
        assert httpx.post(f"{address}/v1/tag", json=body, headers=sent).status_code == 200
        for path in ("/", "/docs", "/health/live", "/health/ready"):
            assert httpx.get(address + path).status_code == 200


# The state of the server


def test_it_says_that_it_is_well_and_what_it_did(address: str) -> None:
    assert httpx.get(f"{address}/health/live").json() == {"status": "live"}
    assert httpx.get(f"{address}/health/ready").json() == {"status": "ready"}
    tag(address, {"text": TEXT}, {"text": "a"}, {})
    assert httpx.get(f"{address}/info").json()["model"] == "lexicon"
    lines = httpx.get(f"{address}/metrics").text.splitlines()
    for line in (
        'marsad_requests_total{path="/v1/tag",status="200"} 1.0',
        "marsad_documents_total 2.0",
        "marsad_documents_failed_total 1.0",
        "marsad_words_total 8.0",
        "marsad_queue_words 0.0",
        "marsad_batch_documents_count 1.0",
        'marsad_stage_seconds_count{stage="write"} 1.0',
    ):
        assert line in lines


def test_a_log_line_counts_words_and_holds_none(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        tag(address, {"id": "سر", "text": TEXT, "url": "سر"})
        httpx.get(f"{address}/سر?سر=سر")
        time.sleep(0.5)  # a line is written when its answer has gone
    written = [getattr(r, "fields", {}) for r in caplog.records if r.name == "marsad.server.edge"]
    assert [(f["path"], f["status"], f.get("words")) for f in written] == [
        ("/v1/tag", 200, 7),
        ("other", 404, None),
    ]
    assert not {"سر", TEXT} & set("".join(map(str, written)).split())
    assert "%D8" not in str(written)


# The pages


@pytest.mark.parametrize("path", ["/", "/docs", "/static/page.js", "/gone"])
def test_every_answer_forbids_scripts_and_frames_of_others(address: str, path: str) -> None:
    headers = httpx.get(address + path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self';")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", sorted(STATIC.glob("*.*")), ids=lambda path: path.name)
def test_the_pages_name_no_other_host_and_make_no_markup_of_text(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "://" not in text
    assert "innerHTML" not in text
    assert "insertAdjacent" not in text


def test_the_samples_of_the_page_are_those_of_the_data() -> None:
    assert {p.name: p.read_bytes() for p in (STATIC / "samples").iterdir()} == {
        p.name: p.read_bytes() for p in SAMPLES.iterdir()
    }


def test_the_description_shows_every_body_that_it_names(address: str) -> None:
    described = httpx.get(f"{address}/openapi.json").json()
    schemas = described["components"]["schemas"]
    named = set(json.dumps(described).split('"#/components/schemas/')[1:])
    assert {name.partition('"')[0] for name in named} <= set(schemas)
    assert schemas["TagRequest"]["examples"]
    example = schemas["TagRequest"]["examples"][0]
    assert httpx.post(f"{address}/v1/tag", json=example).status_code == 200
