"""A whole run of ``configs/arabert.toml`` on a tiny BERT with a vocabulary like AraBERT's."""

import json
import shutil
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file

from marsad.bundle import MODEL, Temperatures, read_manifest
from marsad.errors import MarsadError
from marsad.pipeline import Pipeline, load
from marsad_train import checkpoint, export, learn, loop
from marsad_train.config import Run, read_config
from marsad_train.encoders import load_pretrained

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def configured(records: Path, bert: Path, output: Path, *changes: str) -> Run:
    own = [
        f"encoder.name={bert}",
        f'train=[{{path="{records}"}}]',
        f"dev={records}",
        f"output={output}",
        "plan.encoder_rate=3e-3",
        "plan.head_rate=3e-3",
        "min_score=0",  # a network so small is never sure
    ]
    return read_config(Run, Path("configs/arabert.toml"), [*own, *changes])


@pytest.fixture(scope="module")
def trained(records: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "arabert"
    learn.train(configured(records, tiny_bert, folder, "epochs=20"))
    return folder


@pytest.fixture(scope="module")
def bundle(trained: Path) -> Path:
    export.export(trained, trained.parent / "bundle")
    return trained.parent / "bundle"


def facts(pipeline: Pipeline, texts: list[str]) -> set[Any]:
    documents = list(pipeline.tag(texts))
    return {(i, e.label, e.start, e.end) for i, d in enumerate(documents) for e in d.entities}


def test_a_run_learns_its_corpus(trained: Path) -> None:
    rows = [json.loads(line) for line in (trained / learn.FIGURES).read_text().splitlines()]
    assert [row["epoch"] for row in rows] == list(range(1, 21))
    best = max(rows, key=lambda row: row["goodness"])
    assert best["entity"]["micro"]["f1"] > 0.5
    assert best["trigger"]["micro"]["f1"] > 0.5
    assert best["argument"]["micro"]["f1"] > 0.3
    assert best["class"]["micro"]["f1"] > 0.5


def test_a_bundle_whose_upper_layers_read_words_finds_what_its_network_found(
    records: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    changes = ("encoder.words_after=1", "epochs=10")
    learn.train(configured(records, tiny_bert, tmp_path / "run", *changes))
    export.export(tmp_path / "run", tmp_path / "bundle", precision="fp32")
    texts = [json.loads(line)["text"] for line in records.read_text(encoding="utf-8").splitlines()]
    wanted = facts(export.torch_pipeline(tmp_path / "run"), texts)
    assert wanted
    assert facts(load(tmp_path / "bundle", device="cpu"), texts) == wanted


def test_an_encoder_must_have_layers_below_and_above(
    records: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    with pytest.raises(MarsadError, match=r"encoder\.words_after: found 9"):
        learn.train(configured(records, tiny_bert, tmp_path / "run", "encoder.words_after=9"))


def test_an_epoch_is_kept_with_a_share_of_the_one_before(
    records: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rising = count()
    monkeypatch.setattr(learn, "goodness", lambda reports: float(next(rising)))
    plain, mixed = tmp_path / "plain", tmp_path / "mixed"
    for folder, average in ((plain, 0), (mixed, 0.25)):
        learn.train(configured(records, tiny_bert, folder, "epochs=3", f"average={average}"))
    last, before = (load_file(mixed / learn.EPOCH.format(n)) for n in (3, 2))
    best = load_file(mixed / learn.BEST)
    name = "entities.weight"
    assert torch.allclose(best[name], 0.75 * last[name] + 0.25 * before[name], atol=1e-6)
    assert torch.equal(last[name], load_file(plain / learn.BEST)[name])  # training saw no mean
    assert not (mixed / learn.EPOCH.format(1)).exists()


def test_a_run_goes_on_from_another(
    trained: Path, records: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    changes = (f"start={trained}", "epochs=1", "plan.encoder_rate=0", "plan.head_rate=0")
    learn.train(configured(records, tiny_bert, tmp_path / "next", *changes))
    before, after = (load_file(folder / learn.BEST) for folder in (trained, tmp_path / "next"))
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_a_run_goes_on_from_none_that_does_not_fit(
    trained: Path, records: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    with pytest.raises(MarsadError, match=r"no best\.safetensors here"):
        learn.train(configured(records, tiny_bert, tmp_path / "a", f"start={tmp_path}"))
    other = tmp_path / "schema.toml"
    other.write_text('name = "persons"\nentities = ["PER"]', encoding="utf-8")
    own = records.parent / "persons.jsonl"
    own.write_text('{"text": "x", "entities": [{"start": 0, "end": 1, "label": "PER"}]}\n')
    changes = (f"start={trained}", f"schema={other}", f'train=[{{path="{own}"}}]', f"dev={own}")
    with pytest.raises(MarsadError, match="of another schema"):
        learn.train(configured(records, tiny_bert, tmp_path / "b", *changes))


def test_a_bundle_finds_what_the_network_found(trained: Path, bundle: Path, records: Path) -> None:
    texts = [json.loads(line)["text"] for line in records.read_text(encoding="utf-8").splitlines()]
    network, served = export.torch_pipeline(trained), load(bundle, device="cpu")
    wanted, found = facts(network, texts), facts(served, texts)
    assert len(wanted & found) >= 0.95 * len(wanted | found)


def test_a_bundle_says_where_it_came_from(bundle: Path) -> None:
    manifest = read_manifest(bundle)
    assert manifest.spelling.link == "[رابط]"
    assert manifest.training["precision"] == "int8"
    assert manifest.min_score == 0
    assert manifest.temperatures != Temperatures()
    assert manifest.training["run"]["epochs"] == 20
    assert manifest.metrics["entity"]["micro"]["f1"] > 0.5
    assert manifest.metrics["agreement"] > 0.95
    card = (bundle / "README.md").read_text(encoding="utf-8")
    assert "| **Entities** |" in card
    assert f"{manifest.metrics['entity']['micro']['f1']:.3f}" in card


def test_a_graph_that_is_not_the_network_is_refused(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(*arguments: Any) -> None:
        write(*arguments)
        model = onnx.load(arguments[-1] / MODEL)
        table = next(one for one in model.graph.initializer if len(one.dims) == 2)
        noise = np.random.default_rng(0).normal(size=tuple(table.dims)).astype(np.float32)
        array = onnx.numpy_helper.to_array(table) + noise
        table.CopyFrom(onnx.numpy_helper.from_array(array, table.name))
        onnx.save(model, arguments[-1] / MODEL)

    write = export.write_graphs
    monkeypatch.setattr(export, "write_graphs", spoilt)
    with pytest.raises(
        MarsadError, match=r"disagree on sample\.txt: entities by .* nothing was written"
    ):
        export.export(trained, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


class Killed(Exception):
    pass


def test_a_run_killed_and_resumed_ends_with_the_weights_of_an_unbroken_one(
    records: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = ("epochs=3", "plan.minutes_between_checkpoints=0")
    learn.train(configured(records, tiny_bert, tmp_path / "whole", *quick))
    saved = checkpoint.save

    def save_and_die(*arguments: Any) -> None:
        saved(*arguments)
        if arguments[-1] == 5:
            raise Killed

    broken = configured(records, tiny_bert, tmp_path / "broken", *quick)
    monkeypatch.setattr(checkpoint, "save", save_and_die)
    with pytest.raises(Killed):
        learn.train(broken)
    monkeypatch.setattr(checkpoint, "save", saved)
    learn.train(broken)
    for name in (learn.BEST, checkpoint.NAME):
        whole, resumed = load_file(tmp_path / "whole" / name), load_file(tmp_path / "broken" / name)
        assert whole.keys() == resumed.keys()
        assert all(torch.equal(whole[key], resumed[key]) for key in whole)
    figures = [(tmp_path / name / learn.FIGURES).read_text() for name in ("whole", "broken")]
    assert figures[0] == figures[1]


def test_an_epoch_ends_with_a_checkpoint_so_that_it_is_averaged_once(
    records: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[int] = []
    monkeypatch.setattr(checkpoint, "save", lambda *arguments: saved.append(arguments[-1]))
    learn.train(configured(records, tiny_bert, tmp_path, "epochs=3", "average=0.4"))
    assert saved == [4, 8, 12]


def test_a_folder_that_holds_another_run_is_refused(
    records: Path, tiny_bert: Path, trained: Path
) -> None:
    with pytest.raises(MarsadError, match=r"holds a run with other settings \(run\.epochs\)"):
        learn.train(configured(records, tiny_bert, trained, "epochs=21"))


def test_a_finished_run_is_left_as_it_is(records: Path, tiny_bert: Path, trained: Path) -> None:
    before = {path.name: path.read_bytes() for path in trained.iterdir() if path.is_file()}
    learn.train(configured(records, tiny_bert, trained, "epochs=20"))
    assert {path.name: path.read_bytes() for path in trained.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(("accumulate", "scored"), [(3, [1, 2]), (16, [2])])
def test_gradients_add_up_over_batches_and_what_a_step_ends_is_scored(
    records: Path, tiny_bert: Path, tmp_path: Path, accumulate: int, scored: list[int]
) -> None:
    run = configured(records, tiny_bert, tmp_path, "epochs=2", f"plan.accumulate={accumulate}")
    learn.train(run)
    rows = [json.loads(line) for line in (tmp_path / learn.FIGURES).read_text().splitlines()]
    assert [row["epoch"] for row in rows] == scored


def test_weights_that_leave_nothing_are_refused(
    records: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    train = f'train=[{{path="{records}", weight=0.001}}]'
    with pytest.raises(MarsadError, match="leave no sentence to learn from"):
        learn.train(configured(records, tiny_bert, tmp_path / "run", train))
    assert not (tmp_path / "run").exists()


def test_weights_that_cannot_be_read_are_refused(tiny_bert: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_bert, tmp_path / "bert")
    (tmp_path / "bert" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(MarsadError, match=r"/bert' could not be loaded"):
        load_pretrained(str(tmp_path / "bert"))


def test_a_schema_of_entities_alone_trains_and_exports(
    records: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    """A user's own labels, no events, classes or roles."""
    schema = tmp_path / "schema.toml"
    schema.write_text('name = "places"\nentities = ["PLACE"]\n')
    rows = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["entities"] = [{**e, "label": "PLACE"} for e in row["entities"] if e["label"] == "LOC"]
        del row["events"]
    own = tmp_path / "places.jsonl"
    own.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    learn.train(configured(own, tiny_bert, tmp_path / "run", "epochs=12", f"schema={schema}"))
    export.export(tmp_path / "run", tmp_path / "bundle", precision="fp32")
    pipeline = load(tmp_path / "bundle", device="cpu")
    found = [entity.label for row in rows for entity in pipeline(row["text"]).entities]
    assert set(found) == {"PLACE"}


def test_a_broken_corpus_is_refused_before_training(
    records: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text(records.read_text(encoding="utf-8") + '\n{"text": 1}\n', encoding="utf-8")
    with pytest.raises(MarsadError, match=r"bad\.jsonl, line 33: the key"):
        learn.train(configured(bad, tiny_bert, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_an_encoder_that_cannot_be_fetched_says_how_to_give_a_path(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        MarsadError, match=r"aubmindlab/bert-base-arabertv02.*encoder\.name=path/to/folder"
    ):
        load_pretrained("aubmindlab/bert-base-arabertv02")


def test_a_dev_record_without_words_is_exported_around(
    trained: Path, records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dev = tmp_path / "dev.jsonl"
    empty = json.dumps({"text": " ", "entities": [], "events": []})
    dev.write_text(f"{empty}\n{records.read_text(encoding='utf-8')}\n", encoding="utf-8")
    run, schema = learn.load_run(trained)
    monkeypatch.setattr(export, "load_run", lambda _: (replace(run, dev=str(dev)), schema))
    export.export(trained, tmp_path / "bundle")
    assert read_manifest(tmp_path / "bundle").metrics["dev"] == "dev.jsonl"


def test_an_export_overwrites_nothing_but_bundles(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(MarsadError, match="neither empty nor a bundle"):
        export.export(trained, tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_a_folder_without_a_run_cannot_be_exported(tmp_path: Path) -> None:
    with pytest.raises(MarsadError, match="wanted the folder of a run"):
        export.export(tmp_path, tmp_path / "bundle")


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0.1), (9, 1.0), (10, 1.0), (55, 0.5), (99, 1 / 90)]
)
def test_the_rate_rises_and_falls_linearly(step: int, share: float) -> None:
    assert loop.Plan(warmup=0.1).rate(step, 100) == pytest.approx(share)
