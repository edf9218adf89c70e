"""``marsad-train``, as it is called."""

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from marsad.bundle import read_manifest
from marsad_train import cli, export

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments)


@pytest.fixture
def settings(records: Path, tiny_bert: Path, tmp_path: Path) -> list[str]:
    """What makes a run of configs/small.toml one of seconds."""
    changes = {
        "encoder.name": tiny_bert,
        "train": f'[{{path="{records}"}}]',
        "dev": records,
        "output": tmp_path / "run",
        "epochs": 1,
        "plan.head_rate": 0.01,
    }
    pairs = [["--set", f"{key}={value}"] for key, value in changes.items()]
    return ["configs/small.toml", *(part for pair in pairs for part in pair)]


def test_a_run_becomes_a_bundle(settings: list[str], tmp_path: Path) -> None:
    assert invoke("run", *settings).exit_code == 0
    bundle = tmp_path / "bundle"
    result = invoke("export", str(tmp_path / "run"), str(bundle), "--precision", "fp32")
    assert result.exit_code == 0
    assert read_manifest(bundle).training["precision"] == "fp32"


def test_cross_validation_prints_a_table(settings: list[str]) -> None:
    result = invoke("crossvalidate", *settings, "--folds", "2")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines() if line[0] not in " "] == [
        "entity",
        "trigger",
        "argument",
        "class",
    ]


def test_pretraining_makes_an_encoder(tiny_bert: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.jsonl"
    text.write_text(
        json.dumps({"text": "قصفت قوات النظام مدينة حلب " * 9}) + "\n", encoding="utf-8"
    )
    text.write_text(text.read_text(encoding="utf-8") * 8, encoding="utf-8")
    changes = [f"encoder={tiny_bert}", f"text={text}", f"output={tmp_path / 'run'}", "steps=1"]
    changes += ["block=16", "batch_size=2", "held_out=2", "conflict_only=false"]
    pairs = [part for change in changes for part in ("--set", change)]
    assert invoke("pretrain", "configs/pretrain.toml", *pairs).exit_code == 0
    assert (tmp_path / "run/encoder/model.safetensors").exists()


def test_where_the_figures_cannot_go_is_said_before_the_benchmark() -> None:
    result = invoke("bench", "--out", "nowhere/figures.json")
    assert str(result.exception) == "nowhere/figures.json: No such file or directory."


def test_where_a_bundle_cannot_go_is_said_before_it_is_made(
    settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    invoke("run", *settings)
    monkeypatch.setattr(export, "_write_model", lambda *_: pytest.fail("made"))
    (tmp_path / "file").touch()
    result = invoke("export", str(tmp_path / "run"), str(tmp_path / "file" / "bundle"))
    assert str(result.exception) == (
        f"{tmp_path}/file/bundle: {tmp_path}/file is no folder; nothing was written."
    )


def test_what_can_be_mended_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["marsad-train", "run", "nowhere.toml"])
    monkeypatch.setattr(logging, "basicConfig", lambda **_: None)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert capsys.readouterr().err == "error: nowhere.toml: No such file or directory.\n"


def test_without_torch_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['torch'] = None; from marsad_train.__main__ import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: training needs torch, which is not installed: pip")
