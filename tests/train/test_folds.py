import json
from dataclasses import replace
from pathlib import Path

import pytest

from marsad.errors import MarsadError
from marsad_train import learn
from marsad_train.config import Run, read_config
from marsad_train.folds import cross_validate


def configured(records: Path, bert: Path, output: Path, key: str = "url") -> Run:
    rows = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    for number, row in enumerate(rows):
        row.pop("doc", None)
        row[key] = f"https://example.org/{number // 4}"
    output.mkdir(exist_ok=True)
    paths = [output / "first.jsonl", output / "second.jsonl"]
    for path, own in zip(paths, (rows[:24], rows[24:]), strict=True):
        path.write_text("\n".join(map(json.dumps, own)), encoding="utf-8")
    changes = [f"encoder.name={bert}", f"output={output}", f"dev={paths[1]}", "epochs=1"]
    changes += [f"train=[{{path={json.dumps(str(paths[0]))}}}]", "plan.head_rate=0.01"]
    return read_config(Run, Path("configs/small.toml"), changes)


@pytest.mark.parametrize("key", ["url", "doc"])
def test_each_record_is_scored_by_a_network_that_did_not_see_its_document(
    records: Path, tiny_bert: Path, tmp_path: Path, key: str
) -> None:
    run = configured(records, tiny_bert, tmp_path, key)
    reports = cross_validate(run, 2)
    parts = []
    for fold in ("fold1", "fold2"):
        names = {name: tmp_path / fold / f"{name}.jsonl" for name in ("train", "dev")}
        rows = {
            name: [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
            for name, path in names.items()
        }
        assert not {r[key] for r in rows["train"]} & {r[key] for r in rows["dev"]}
        parts.append([row["id"] for row in rows["dev"]])
        used = json.loads((tmp_path / fold / "run.json").read_text())["run"]
        assert (used["train"][0]["path"], used["dev"]) == tuple(map(str, names.values()))
    ids = [json.loads(line)["id"] for line in records.read_text(encoding="utf-8").splitlines()]
    assert sorted(parts[0] + parts[1]) == sorted(ids)
    assert reports["entity"].micro.gold == sum(
        len(json.loads(line)["entities"]) for line in records.read_text("utf-8").splitlines()
    )
    kept = json.loads((tmp_path / "folds.json").read_text())
    assert kept["entity"]["micro"]["f1"] == reports["entity"].micro.f1


def test_folds_that_are_done_are_not_trained_again(
    records: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = configured(records, tiny_bert, tmp_path)
    first = cross_validate(run, 2)
    monkeypatch.setattr(learn.Learner, "__call__", lambda *_: pytest.fail("a step was taken"))
    assert cross_validate(run, 2) == first


@pytest.mark.parametrize("line", ["{bad", "[]"])
def test_a_line_that_is_no_record_is_named(
    line: str, records: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    run = configured(records, tiny_bert, tmp_path)
    with (tmp_path / "second.jsonl").open("a") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(MarsadError, match=r"second\.jsonl, line 9: "):
        cross_validate(run, 2)


def test_some_documents_may_be_numbered_and_a_file_begin_with_a_mark(
    records: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    run = configured(records, tiny_bert, tmp_path)
    path = tmp_path / "first.jsonl"
    first, *others = path.read_text(encoding="utf-8").splitlines()
    numbered = json.dumps({**json.loads(first), "url": 7})
    others[0] = "\ufeff" + others[0]  # as where two files were joined
    path.write_text("\n".join(["\ufeff" + numbered, *others]), encoding="utf-8")
    assert cross_validate(run, 2)["entity"].micro.gold > 0


def test_more_folds_than_documents_are_refused(
    records: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    with pytest.raises(MarsadError, match="8 documents are too few for 9 folds"):
        cross_validate(configured(records, tiny_bert, tmp_path), 9)


def test_nothing_is_written_of_a_run_that_cannot_be(
    records: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    run = configured(records, tiny_bert, tmp_path)
    with pytest.raises(MarsadError, match="'nope' is no class"):
        cross_validate(replace(run, thresholds={"nope": 0.5}), 2)
    with pytest.raises(MarsadError, match=r"first\.jsonl/fold1: Not a directory"):
        cross_validate(replace(run, output=str(tmp_path / "first.jsonl")), 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first.jsonl", "second.jsonl"]
