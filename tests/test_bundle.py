import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from marsad import onnx_encoder
from marsad.bundle import EMBEDDED, MANIFEST, MODEL, TOKENIZER, read_manifest, write_manifest
from marsad.encode import CPU_BUDGET, Batch
from marsad.errors import MarsadError
from marsad.onnx_encoder import OnnxEncoder
from marsad.pipeline import Pipeline, load
from marsad.schema import Document, Entity, Event, Schema

SAMPLES = sorted(Path("data/samples").glob("*.txt"))


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A bundle of one's own, to spoil."""
    return Path(shutil.copytree(EMBEDDED, tmp_path / "bundle"))


@pytest.fixture(scope="module")
def embedded() -> Pipeline:
    return load(device="cpu")


def test_the_embedded_model_reads_a_sentence(embedded: Pipeline) -> None:
    document = embedded(
        "قصفت قوات النظام بالمدفعية الثقيلة بلدة كنصفرة جنوبي إدلب، ما أدى إلى مقتل ثلاثة مدنيين."
    )
    labels = {entity.text: entity.label for entity in document.entities}
    assert labels["قوات النظام"] == "ARMED"
    assert labels["كنصفرة"] == "LOC"
    assert labels["ثلاثة مدنيين"] == "VICTIM"
    types = {event.text: event.type for event in document.events}
    assert types["قصفت"] == "ATTACK"
    assert types["مقتل"] == "KILLED"
    assert set(document.sentences[0].classes) == {"attack", "casualty"}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_embedded_model_reads_every_sample(embedded: Pipeline, path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    document = embedded(text)
    assert document.sentences
    spans: list[Entity | Event] = [*document.entities, *document.events]
    for found in spans:
        assert text[found.start : found.end] == found.text


def test_the_embedded_model_reads_a_text_alike_whatever_it_is_read_with(embedded: Pipeline) -> None:
    texts = [line for path in SAMPLES for line in path.read_text(encoding="utf-8").splitlines()]
    alone = [embedded(text) for text in texts]
    together = list(embedded.tag(texts))
    assert [facts(document) for document in together] == [facts(document) for document in alone]


def facts(document: Document) -> list[tuple[object, ...]]:
    return [
        *((e.label, e.start, e.end) for e in document.entities),
        *((e.type, e.start, *((a.role, a.entity) for a in e.arguments)) for e in document.events),
        *(s.classes for s in document.sentences),
    ]


def test_a_manifest_reads_as_it_was_written(bundle: Path, schema: Schema) -> None:
    manifest = dataclasses.replace(read_manifest(bundle), thresholds={"attack": 0.4})
    write_manifest(bundle, manifest)
    assert read_manifest(bundle) == manifest


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MarsadError, match=r"no model bundle here, marsad\.json is missing"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 99}, r"version 99; this Marsad reads 'marsad-bundle' version 1"),
        ({"format": "onnx"}, r"format 'onnx' version 1"),
        ({"colour": "red"}, r"unknown key 'colour'"),
        ({"thresholds": {"atack": 0.9}}, r"thresholds: 'atack' is no class of"),
        ({"temperatures": {"entities": 0}}, r"temperatures\.entities: found 0.*more than 0"),
        ({"min_score": 5}, r"min_score: found 5.*wanted 0 to 1"),
        ({"window": "wide"}, r"window: found 'wide' \(text\), wanted int"),
        (
            {"schema": {"name": "x", "entities": ["PER"]}},
            r"has \(17, 11, 4\) entity tags, .* has \(3, 1, 0\)",
        ),
    ],
)
def test_a_foreign_manifest_is_refused(
    bundle: Path, change: dict[str, object], message: str
) -> None:
    table = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
    (bundle / MANIFEST).write_text(json.dumps({**table, **change}), encoding="utf-8")
    with pytest.raises(MarsadError, match=message):
        load(bundle, device="cpu")


@pytest.mark.parametrize(
    ("name", "message"),
    [(MANIFEST, "not JSON"), (MODEL, "ONNX Runtime cannot read it"), (TOKENIZER, "no tokenizer")],
)
def test_a_broken_file_is_named(bundle: Path, name: str, message: str) -> None:
    (bundle / name).write_bytes(b"\x00 rubbish")
    with pytest.raises(MarsadError, match=rf"{name}: {message}"):
        load(bundle, device="cpu")


def test_an_unknown_device_and_too_few_threads_are_refused() -> None:
    with pytest.raises(MarsadError, match="device 'tpu': wanted one of auto, cpu, cuda"):
        load(device="tpu")
    with pytest.raises(MarsadError, match="threads: found -1, wanted 0 at least"):
        load(threads=-1)


@pytest.mark.filterwarnings("ignore:.*CUDAExecutionProvider:UserWarning")
def test_a_gpu_that_cannot_be_used_is_missed_where_it_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: both)
    schema = read_manifest(EMBEDDED).schema
    plain = OnnxEncoder(EMBEDDED, schema, threads=1)
    assert (plain.providers, plain.budget) == (["CPUExecutionProvider"], CPU_BUDGET)
    with pytest.raises(MarsadError, match="device 'cuda': ONNX Runtime cannot use it here"):
        OnnxEncoder(EMBEDDED, schema, device="cuda", threads=1)


@pytest.mark.parametrize(
    ("quota", "most"), [("max 100000", 99), ("100000 100000", 1), ("50000 100000", 1), ("?", 99)]
)
def test_no_more_threads_than_a_cgroup_grants(
    quota: str, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota, encoding="ascii")
    monkeypatch.setattr(onnx_encoder, "CGROUP", file)
    assert 1 <= onnx_encoder.cores() <= most
    monkeypatch.setattr(onnx_encoder, "CGROUP", tmp_path / "missing")
    assert onnx_encoder.cores() >= 1


def test_batches_come_out_as_each_does_alone_in_order() -> None:
    schema = read_manifest(EMBEDDED).schema
    encoder = OnnxEncoder(EMBEDDED, schema, device="cpu", threads=2)
    batches = [
        Batch(np.array([[0, n, n + 1, 2]]), np.ones((1, 4), dtype=np.int64), np.array([[1, 2]]))
        for n in range(10, 20)
    ]
    for batch, scores in zip(batches, encoder.encode_all(batches), strict=True):
        alone = encoder.encode(batch)
        assert np.allclose(scores.entities, alone.entities, atol=1e-4)
