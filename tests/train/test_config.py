from collections.abc import Callable
from pathlib import Path

import pytest

from marsad.errors import MarsadError
from marsad.server.settings import read_settings
from marsad_train.config import Run, read_config, read_schema
from marsad_train.pretrain import Pretraining

CONFIGS = sorted(Path("configs").glob("*.toml"))
READERS: dict[str, Callable[[Path], object]] = {
    "conflict": read_schema,
    "pretrain": lambda path: read_config(Pretraining, path),
    "serve": lambda path: read_settings(path, {}, {}),
}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_is_one(path: Path) -> None:
    read = READERS.get(path.stem)
    assert read(path) if read else read_config(Run, path)


def test_changes_override_a_file_and_its_base() -> None:
    changes = ["encoder.name=/models/arabert", "epochs=2", "plan.clip = 0.5", "train.0.share=0.5"]
    run = read_config(Run, Path("configs/arabert.toml"), changes)
    assert (run.encoder.name, run.epochs, run.plan.clip) == ("/models/arabert", 2, 0.5)
    assert run.train[0].share == 0.5
    assert run.plan.encoder_rate == 3e-5  # the file's own
    assert run.train[0].path == "data/corpus/train.jsonl"  # the base's


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("epoch=3", r"small\.toml: unknown key 'epoch'\. Known keys: name, output"),
        ("plan.lr=3", r"plan: unknown key 'lr'"),
        ("epochs=many", r"epochs: found 'many' \(text\), wanted int"),
        ("epochs=true", r"epochs: found True \(true/false\), wanted int"),
        ("epochs", r"--set 'epochs': wanted key=value"),
        ("name.first=x", r"--set 'name\.first=x': there is nothing to set there"),
        ("train.5.share=1", r"--set 'train\.5\.share=1': there is nothing to set there"),
        ("train=3", r"train: found 3 \(int\), wanted a list"),
        (
            'train=[{path="x", format="xml"}]',
            r"train\[0\]: format: found 'xml', wanted one of records, standoff",
        ),
        ("train=[{}]", r"train\[0\]: the key 'path' is missing"),
        ("plan=3", r"plan: found 3 \(int\), wanted a table"),
        ("epochs=0", r"epochs: found 0, wanted 1 at least"),
        ("min_score=7", r"min_score: found 7\.0, wanted 0 to 1"),
        ("output=", r"output: found nothing, wanted a folder"),
        ("plan.encoder_rate=-1", r"plan\.encoder_rate: found -1\.0, wanted 0 at least"),
        ("plan.head_rate=nan", r"plan\.head_rate: found nan, wanted 0 at least"),
        ("plan.warmup=2", r"plan\.warmup: found 2\.0, wanted 0 to 1"),
        ("plan.seed=-5", r"plan\.seed: found -5, wanted 0 to"),
        ("plan.accumulate=0", r"plan\.accumulate: found 0, wanted 1 at least"),
        ("encoder.dropout=3", r"encoder\.dropout: found 3\.0, wanted 0 to 0\.9"),
        ("encoder.window=2", r"encoder\.window: found 2, wanted 8 at least"),
        ("weights.links=inf", r"weights\.links: found inf, wanted 0 at least"),
        ("weights={entities=0, triggers=0, classes=0, links=0}", "sum of weights: found 0"),
        ("plan.clip=0", r"plan\.clip: found 0\.0, wanted more than 0"),
        ("plan.seed=99999999999", r"plan\.seed: found 99999999999, wanted 0 to"),
        ('train=[{path="a", weight=nan}]', "a: weight: found nan, wanted 0 at least"),
        ('train=[{path="a", share=0}]', r"a: share: found 0\.0, wanted more than 0"),
        ("weights.links=-1", r"weights\.links: found -1\.0, wanted 0 at least"),
    ],
)
def test_what_means_nothing_is_refused(change: str, message: str) -> None:
    with pytest.raises(MarsadError, match=message):
        read_config(Run, Path("configs/small.toml"), [change])


def test_a_missing_file_and_one_that_is_not_toml_are_named(tmp_path: Path) -> None:
    with pytest.raises(MarsadError, match=r"nowhere\.toml: No such file"):
        read_config(Run, tmp_path / "nowhere.toml")
    (tmp_path / "bad.toml").write_text("a = ")
    with pytest.raises(MarsadError, match=r"bad\.toml: not TOML"):
        read_config(Run, tmp_path / "bad.toml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("batch_size=0", "batch_size: found 0, wanted 1"),
        ("block=2", "block: found 2, wanted 8"),
        ("output=", "output: found nothing"),
    ],
)
def test_pretraining_refuses_what_means_nothing(change: str, message: str) -> None:
    with pytest.raises(MarsadError, match=message):
        read_config(Pretraining, Path("configs/pretrain.toml"), [change])


@pytest.mark.parametrize(
    ("base", "message"),
    [
        ('"a.toml"', "based on this file in turn"),
        ('"b.toml"', "in turn"),
        ('"x/../b.toml"', "in turn"),
        ("5", "found 5, wanted"),
    ],
)
def test_a_base_is_another_file(base: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(f"base = {base}\n")
    (tmp_path / "x").mkdir()
    (tmp_path / "b.toml").write_text('base = "x/../a.toml"\n')
    with pytest.raises(MarsadError, match=message):
        read_config(Run, tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("entities", "message"),
    [('"PER", "LOC", "PER"', "entities: 'PER' stands there twice"), ('"O"', "'O' cannot be")],
)
def test_a_schema_refuses_labels_that_cannot_be_told_apart(
    entities: str, message: str, tmp_path: Path
) -> None:
    (tmp_path / "schema.toml").write_text(f'name = "x"\nentities = [{entities}]\n')
    with pytest.raises(MarsadError, match=message):
        read_schema(tmp_path / "schema.toml")


def test_a_schema_refuses_fillers_and_classes_it_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "schema.toml"
    path.write_text('name = "x"\nentities = ["PER"]\n[roles]\nactor.fillers = ["ARMED"]\n')
    with pytest.raises(MarsadError, match=r"roles\.actor\.fillers: unknown entity label 'ARMED'"):
        read_schema(path)
