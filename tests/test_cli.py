import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from marsad import __version__, bundle, cli
from marsad.bundle import Manifest, write_manifest
from marsad.pipeline import Pipeline
from marsad.schema import Document, Schema

Run = Callable[..., Result]
TEXT = "قصفت قوات النظام بلدة في إدلب أمس"

# A program of its own, as ``marsad`` is, but with a pipeline that needs no model. Tests that run in
# the background of a shell ignore interrupts, and so would their children.
PROGRAM = """
import signal, sys, time
from types import SimpleNamespace
signal.signal(signal.SIGINT, signal.default_int_handler)
from marsad import pipeline
from marsad.schema import Document, Schema

class Fake:
    manifest = SimpleNamespace(schema=Schema(name="x", entities=("LOC",)))

    def tag(self, texts, *, progress):
        for text in texts:
            for start in range(0, len(text), 100_000):
                progress(100_000)
                time.sleep({pause})
            yield Document(text)

pipeline.load = lambda *args, **options: Fake()
from marsad.cli import main
main()
"""


@pytest.fixture
def run(folder: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the lexicon pipeline."""
    monkeypatch.setattr("marsad.pipeline.load", lambda *args, **options: pipeline)
    return invoke


def invoke(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(cli.app, arguments, input=stdin)


def program(*arguments: str, pause: float = 0) -> list[str]:
    return [sys.executable, "-c", PROGRAM.replace("{pause}", str(pause)), *arguments]


def documents(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.split("\n")[:-1]]


def only_error(result: Result) -> str:
    """The line that a refused command says, having said and done nothing else."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ")
    return result.stderr.removeprefix("error: ").rstrip("\n")


# tag


def test_a_pipe_gets_json_lines(run: Run) -> None:
    Path("a.txt").write_text(TEXT, encoding="utf-8")
    result = run("tag", "a.txt")
    assert result.exit_code == 0
    (document,) = documents(result.stdout)
    assert (document["id"], document["text"]) == ("a.txt", TEXT)
    assert [entity["text"] for entity in document["entities"]] == ["قوات النظام", "إدلب", "أمس"]
    assert TEXT in result.stdout
    assert result.stderr.startswith("read: 1, tagged: 1, failed: 0, words: 7, words/s: ")


def test_other_keys_of_a_record_are_carried_through_in_order(run: Run) -> None:
    lines = [{"id": n, "text": TEXT if n % 3 else "", "url": f"u{n}"} for n in range(50)]
    stdin = "".join(json.dumps(line) + "\n" for line in lines).encode()
    found = documents(run("tag", "-", stdin=stdin).stdout)
    assert [(d["id"], d["url"], len(d["entities"])) for d in found] == [
        (str(n), f"u{n}", 3 if n % 3 else 0) for n in range(50)
    ]


def test_without_input_a_pipe_is_read(run: Run) -> None:
    assert documents(run("tag", stdin=TEXT.encode()).stdout)[0]["id"] == "-"


def test_in_a_batch_the_bad_documents_are_reported_and_the_rest_is_done(run: Run) -> None:
    Path("a.txt").write_text(TEXT, encoding="utf-8")
    Path("b.txt").write_bytes(b"\xff")
    Path("c.jsonl").write_text('{"text": "a"}\n{"text": \n{"text": "b"}\n')
    Path("blank.txt").write_text(" ")
    result = run("tag", "a.txt", "gone.txt", "b.txt", "c.jsonl", "d.docx", "blank.txt")
    assert result.exit_code == 1
    ids = [document["id"] for document in documents(result.stdout)]
    assert ids == ["a.txt", "c.jsonl:1", "c.jsonl:3", "blank.txt"]
    *errors, summary = result.stderr.splitlines()
    assert errors == [
        "error: gone.txt: No such file or directory.",
        "error: b.txt: not UTF-8: 0xff at byte 0, invalid start byte.",
        "error: c.jsonl:2: not JSON: Expecting value at column 9.",
        "error: d.docx: No such file or directory.",
    ]
    assert summary.startswith("read: 8, tagged: 4, failed: 4, words: 9, words/s: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gone.txt"], "gone.txt: No such file or directory."),
        (["marsad.docx"], "unknown format, the suffix '.docx'; wanted .txt or .jsonl"),
        (["bad.txt"], "not UTF-8: 0xff at byte 0"),
        (["."], "no .txt or .jsonl or .csv or .parquet file in this folder."),
        (["a.txt", "--format", "tsv"], "--format 'tsv': wanted jsonl or csv or parquet"),
        (["a.txt", "-o", "no/such/folder"], "no/such/folder: No such file or directory."),
        (["a.txt", "-o", "."], ".: Is a directory."),
    ],
    ids=["missing", "suffix", "bytes", "folder", "format", "output", "directory"],
)
def test_what_cannot_be_done_at_all_is_one_line_and_status_2(
    run: Run, arguments: list[str], message: str
) -> None:
    for name, content in {"a.txt": b"a", "bad.txt": b"\xff", "marsad.docx": b""}.items():
        if name in arguments:
            Path(name).write_bytes(content)
    assert message in only_error(run("tag", *arguments))


def test_an_empty_file_is_named(run: Run) -> None:
    Path("a.jsonl").touch()
    assert only_error(run("tag", "a.jsonl")) == "a.jsonl: no document in it."


def test_what_json_cannot_carry_is_escaped(run: Run) -> None:
    text = "\ud800 \x9b2J \u2028"
    result = run("tag", "-", stdin=json.dumps({"text": text}).encode())
    assert result.exit_code == 0
    assert r"\ud800 \u009b2J \u2028" in result.stdout
    assert documents(result.stdout)[0]["text"] == text


def test_an_error_about_a_hostile_name_drives_no_terminal(run: Run) -> None:
    assert only_error(run("tag", "\x1b]0;x\x07\n.txt")) == "␛]0;x␇ .txt: No such file or directory."


def test_output_appears_only_when_it_is_whole(run: Run) -> None:
    Path("a.txt").write_text(TEXT, encoding="utf-8")
    Path("out.jsonl").write_text("before")
    refused = only_error(run("tag", "a.txt", "-o", "out.jsonl"))
    assert refused.startswith("out.jsonl: exists, and no out.jsonl.progress says of what")
    assert run("tag", "gone.txt", "-o", "out.jsonl", "--overwrite").exit_code == 2
    assert Path("out.jsonl").read_text() == "before"
    assert run("tag", "a.txt", "-o", "out.jsonl", "--overwrite").stdout == ""
    assert documents(Path("out.jsonl").read_text(encoding="utf-8"))[0]["text"] == TEXT
    assert sorted(os.listdir()) == ["a.txt", "out.jsonl", "out.jsonl.progress"]


@pytest.mark.parametrize("name", ["a.txt", "link.txt"])
def test_an_output_is_not_the_input(run: Run, name: str) -> None:
    Path("a.txt").write_text(TEXT, encoding="utf-8")
    Path("link.txt").symlink_to("a.txt")
    refused = only_error(run("tag", name, "-o", "a.txt", "--overwrite"))
    assert refused == f"{name}: this is what is written; give another output."
    assert Path("a.txt").read_text(encoding="utf-8") == TEXT
    assert sorted(os.listdir()) == ["a.txt", "link.txt"]


def test_a_device_is_written_to_and_not_replaced(run: Run) -> None:
    Path("a.txt").write_text(TEXT, encoding="utf-8")
    assert run("tag", "a.txt", "-o", "/dev/null").exit_code == 0
    assert not Path("/dev/null").is_file()
    assert (
        only_error(run("tag", "a.txt", "-o", "/dev/full")) == "/dev/full: No space left on device."
    )


def test_what_scores_less_than_wanted_is_left_out(run: Run) -> None:
    Path("a.txt").write_text("قصفت قوات النظام حلب", encoding="utf-8")
    (whole,) = documents(run("tag", "a.txt").stdout)
    assert whole["entities"]
    (none,) = documents(run("tag", "a.txt", "--min-score", "1").stdout)
    assert (none["entities"], none["events"], none["sentences"][0]["classes"]) == ([], [], [])
    assert none["text"] == whole["text"]
    assert run("tag", "a.txt", "--min-score", "2").exit_code == 2


def test_text_into_a_pipe_has_no_colour(run: Run) -> None:
    result = run("tag", "-", "--format", "text", stdin=TEXT.encode())
    assert "[إدلب²]" in result.stdout
    assert "\x1b" not in result.stdout


def test_documents_stay_with_their_sources_however_far_the_pipeline_reads_ahead(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ReadingAhead:
        manifest = SimpleNamespace(schema=SimpleNamespace(roles=()))

        def tag(self, texts: Iterator[str], **_: object) -> Iterator[Document]:
            while chunk := list(islice(texts, 10)):
                yield from map(Document, chunk)

    monkeypatch.setattr("marsad.pipeline.load", lambda *args, **options: ReadingAhead())
    stdin = "".join(f'{{"id": {n}, "text": "{n}"}}\n' for n in range(95)).encode()
    found = documents(run("tag", "-", stdin=stdin).stdout)
    assert [(d["id"], d["text"]) for d in found] == [(str(n), str(n)) for n in range(95)]


# Programs of their own, where signals, pipes and terminals matter


def on_terminal(command: list[str], **environment: str) -> tuple[str, int]:
    """Run a command on a terminal of 80 columns; what it shows, and its exit status."""
    mine, its = pty.openpty()
    termios.tcsetwinsize(its, (24, 80))
    settings = {**os.environ, "TERM": "xterm", **environment}
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, env=settings)
    os.close(its)
    screen = b""
    while select.select([mine], [], [], 120)[0]:
        try:
            screen += os.read(mine, 65536)
        except OSError:  # the other side is closed
            break
    os.close(mine)
    return screen.decode(), process.wait(timeout=60)


def test_a_terminal_gets_the_readable_view_in_colour_unless_not_wanted(folder: Path) -> None:
    Path("a.txt").write_text(TEXT, encoding="utf-8")
    screen, status = on_terminal(program("tag", "a.txt"), NO_COLOR="")
    assert status == 0
    assert "\x1b[2m──\x1b[0m \x1b[1ma.txt\x1b[0m\r\n" in screen
    plain, _ = on_terminal(program("tag", "a.txt", "--quiet"), NO_COLOR="1")
    assert plain == "── a.txt\r\n  no text\r\n\r\n"


def test_a_terminal_without_input_is_told_how_to_use_it(folder: Path) -> None:
    screen, status = on_terminal(program("tag"))
    assert status == 2
    assert screen.startswith("error: nothing to read; give files, folders, globs, or -")


def test_progress_shows_within_one_long_text(folder: Path) -> None:
    Path("a.txt").write_text("ح" * 1_000_000, encoding="utf-8")
    screen, status = on_terminal(program("tag", "a.txt", "-o", "out", pause=0.15))
    assert status == 0
    percents = [int(percent) for percent in re.findall(r"(\d+)%\|", screen)]
    assert percents == sorted(percents)
    assert len({percent for percent in percents if 0 < percent < 100}) >= 3
    assert "read: 1, tagged: 1, failed: 0" in screen


def test_a_reader_that_goes_away_ends_it_quietly(folder: Path) -> None:
    Path("a.jsonl").write_text('{"text": "%s"}\n' % ("a" * 1000) * 2000)
    process = subprocess.Popen(
        program("tag", "a.jsonl"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout
    assert process.stderr
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


def test_an_interrupt_ends_it_quietly_and_keeps_what_was_done(folder: Path) -> None:
    Path("a.jsonl").write_text('{"text": "%s"}\n' % ("a" * 50_000) * 100)
    process = subprocess.Popen(
        program("tag", "a.jsonl", "-o", "out", pause=0.1), stderr=subprocess.PIPE
    )
    while not (Path("out.part").exists() and Path("out.part").stat().st_size):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, b"")
    assert os.path.exists("out.part")
    assert not os.path.exists("out")


def test_a_full_disk_is_one_line(folder: Path) -> None:
    Path("a.txt").write_text(TEXT, encoding="utf-8")
    with open("/dev/full", "wb") as full:
        done = subprocess.run(program("tag", "a.txt"), stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 2
    assert done.stderr == b"error: standard output: No space left on device.\n"


def test_closed_streams_are_no_trouble(folder: Path) -> None:
    Path("a.txt").write_text(TEXT, encoding="utf-8")
    shell = ["sh", "-c", '"$@" tag a.txt <&- && "$@" tag a.txt >&-', "sh", *program()]
    done = subprocess.run(shell, capture_output=True)
    assert len(documents(done.stdout.decode())) == 1
    assert done.returncode == 2
    assert done.stderr.endswith(b"error: standard output is closed; write to a file with -o.\n")


def test_python_m_marsad_is_the_same_command() -> None:
    command = [sys.executable, "-m", "marsad", "tag", "--model", "no/model", "x"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: no/model: no model bundle here, marsad.json is missing")


# Models


@pytest.fixture
def model(folder: Path, schema: Schema) -> Path:
    """A bundle whose manifest is good, and nothing else."""
    path = folder / "model"
    path.mkdir()
    metrics = {"entity": {"micro": {"f1": 0.85, "low": 0.8, "high": 0.9}}}
    write_manifest(path, Manifest(name="tiny", schema=schema, licence="CC0", metrics=metrics))
    (path / bundle.TOKENIZER).write_text("{}")
    (path / bundle.MODEL).write_bytes(b"no graph")
    return path


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("marsad.json", None, "model: no model bundle here, marsad.json is missing"),
        ("marsad.json", "{}", "marsad.json: format None version None; this Marsad reads"),
        ("marsad.json", "[]", "marsad.json: format None version None; this Marsad reads"),
        ("marsad.json", "garbage", "marsad.json: not JSON"),
        (
            "marsad.json",
            '{"format": "marsad-bundle", "version": 99}',
            "format 'marsad-bundle' version 99; this Marsad reads 'marsad-bundle' version 1",
        ),
        ("model.onnx", "garbage", "model.onnx: ONNX Runtime cannot read it"),
    ],
    ids=["none", "foreign", "list", "garbage", "version", "graph"],
)
@pytest.mark.parametrize("command", [["tag", "a.txt"], ["evaluate", "gold.jsonl"]])
def test_a_broken_or_foreign_bundle_is_one_line_and_status_2(
    model: Path, command: list[str], file: str, content: str | None, message: str
) -> None:
    Path("a.txt").touch()
    (model / file).unlink()
    if content is not None:
        (model / file).write_text(content)
    assert message in only_error(invoke(*command, "--model", str(model)))


def test_an_unknown_device_is_one_line(model: Path) -> None:
    Path("a.txt").touch()
    result = invoke("tag", "a.txt", "--model", str(model), "--device", "tpu")
    assert only_error(result) == "device 'tpu': wanted one of auto, cpu, cuda."


def test_info_says_what_a_model_is(model: Path) -> None:
    result = invoke("info", "--model", str(model))
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"tiny, in {model}, 0.0 MB")
    assert "entities  PER, ARMED, ORG, LOC, FAC, WEAPON, DATE, VICTIM" in lines
    assert "role      victim: VICTIM, PER in KILLED, INJURED" in lines
    assert "licence   CC0" in lines
    assert "  entity  F1 0.850 [0.800, 0.900]" in lines
    assert lines[-1] == "more in its README.md, all of it with --json"


def test_info_as_json_holds_the_manifest(model: Path) -> None:
    about = json.loads(invoke("info", "--json", "--model", str(model)).stdout)
    assert (about["name"], about["schema"]["name"]) == ("tiny", "conflict-v1")
    assert about["bytes"] == sum(path.stat().st_size for path in model.iterdir())
    assert set(about["versions"]) == {"marsad", "onnxruntime", "tokenizers", "numpy", "python"}


def test_the_version_is_told() -> None:
    assert invoke("--version").stdout == f"marsad {__version__}\n"


def test_info_about_no_bundle_is_one_line(folder: Path) -> None:
    assert "no model bundle here" in only_error(invoke("info", "--model", "nowhere"))


# evaluate


RECORD = {
    "id": "a",
    "text": TEXT,
    "entities": [
        {"start": 5, "end": 16, "label": "ARMED"},
        {"start": 25, "end": 29, "label": "FAC"},
    ],
    "events": [
        {"type": "ATTACK", "start": 0, "end": 4, "arguments": [{"role": "actor", "entity": 0}]}
    ],
}


def test_evaluate_prints_a_table_of_all_kinds_and_labels(run: Run) -> None:
    Path("gold.jsonl").write_text(json.dumps(RECORD) + "\n")
    result = run("evaluate", "gold.jsonl")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["P", "R", "F1", "[95", "%]", "gold", "found"]
    assert ["entity", "33.3", "50.0", "40.0", "[40.0,", "40.0]", "2", "3"] in rows
    assert ["ARMED", "100.0", "100.0", "100.0", "[100.0,", "100.0]", "1", "1"] in rows
    assert ["FAC", "0.0", "0.0", "0.0", "[0.0,", "0.0]", "1", "0"] in rows
    kinds = [line for line in result.stdout.splitlines()[1:] if line[0] != " "]
    assert [line.split()[0] for line in kinds] == ["entity", "trigger", "argument", "class"]
    assert rows[-2] == ["macro-F1", "100.0", "[100.0,", "100.0]"]
    assert rows[-1][:2] == ["calibration", "error"]


def test_evaluate_scores_other_ways_of_writing_and_lists_mistakes(run: Run, folder: Path) -> None:
    Path("gold.jsonl").write_text(json.dumps(RECORD) + "\n")
    lines = run("evaluate", "gold.jsonl", "--noise", "--mistakes", "wrong.jsonl").stdout.split("\n")
    assert any(re.match(r"tatweel( +[\d.]+)+ +0\.0$", line) for line in lines)
    wrong = documents((folder / "wrong.jsonl").read_text(encoding="utf-8"))
    for row in wrong:
        count = sum(
            (row["kind"], row["sort"], row["wanted"], row["found"])
            == (other["kind"], other["sort"], other["wanted"], other["found"])
            for other in wrong
        )
        shown = [row["kind"], row["sort"], row["wanted"] or "-", row["found"] or "-", str(count)]
        assert shown in [line.split() for line in lines]
    table = json.loads(run("evaluate", "gold.jsonl", "--noise", "--json").stdout)
    assert table["noise"]["tatweel"]["flips"] == 0


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("gold.jsonl", "gold.jsonl: this is what is read; give another file."),
        ("nowhere/wrong.jsonl", "nowhere/wrong.jsonl: No such file or directory."),
    ],
)
def test_mistakes_go_neither_over_the_gold_nor_nowhere(run: Run, out: str, message: str) -> None:
    Path("gold.jsonl").write_text(json.dumps(RECORD) + "\n")
    assert only_error(run("evaluate", "gold.jsonl", "--mistakes", out)) == message
    assert json.loads(Path("gold.jsonl").read_text()) == RECORD


def test_gold_that_is_not_there_is_named_beside_an_earlier_list(run: Run) -> None:
    Path("wrong.jsonl").write_text("before")
    refused = only_error(run("evaluate", "gone.jsonl", "--mistakes", "wrong.jsonl"))
    assert refused == "gone.jsonl: No such file or directory."


def test_an_earlier_list_of_mistakes_stays_until_there_is_a_new_one(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    Path("gold.jsonl").write_text(json.dumps(RECORD) + "\n")
    Path("wrong.jsonl").write_text("before")
    monkeypatch.setattr(cli, "evaluate", interrupted)
    assert run("evaluate", "gold.jsonl", "--mistakes", "wrong.jsonl").exit_code == 130
    assert Path("wrong.jsonl").read_text() == "before"


@pytest.mark.parametrize(
    "arguments",
    [
        ("evaluate", "gold.jsonl", "--mistakes", "wrong.jsonl"),
        ("tag", "a.txt", "-o", "/dev/stdout"),
    ],
)
def test_a_pipe_that_nobody_reads_is_no_fault_of_a_file(folder: Path, arguments: list[str]) -> None:
    Path("a.txt").write_text(TEXT, encoding="utf-8")
    Path("gold.jsonl").write_text(json.dumps({"id": "a", "text": TEXT, "entities": []}) + "\n")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(program(*arguments, pause=0), stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_evaluate_as_json_says_the_same(run: Run) -> None:
    Path("gold.jsonl").write_text(json.dumps(RECORD) + "\n")
    table = json.loads(run("evaluate", "gold.jsonl", "--json").stdout)
    assert list(table) == ["entity", "trigger", "argument", "class"]
    assert table["entity"]["micro"]["f1"] == pytest.approx(0.4)
    assert table["class"]["macro_f1"] == 1.0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "gold.jsonl: No such file or directory."),
        (b"", "gold.jsonl: no records"),
        (b"\xff\n", "gold.jsonl, line 1: not UTF-8"),
        (b"\n{bad\n", "gold.jsonl, line 2: not JSON"),
        (b'{"text": ' + b"[" * 100_000, "gold.jsonl, line 1: not JSON"),
        (b'{"text": "a", "classes": 5}', 'gold.jsonl, line 1: "classes" is no list'),
        (
            b'{"text": "abc", "entities": [{"start": 1, "end": 9, "label": "LOC"}]}',
            "line 1: entities[0]: offsets 1 to 9 do not fit the text of 3 characters",
        ),
        (
            b'{"text": "abc", "entities": [{"start": 0, "end": 1, "label": "CITY"}]}',
            "unknown label 'CITY'. Known: PER, ARMED",
        ),
        (b'{"text": "abc", "entites": []}', "gold.jsonl: nothing is annotated there"),
    ],
    ids=["missing", "empty", "bytes", "json", "deep", "classes", "offsets", "label", "nothing"],
)
def test_gold_that_is_no_gold_is_one_line_and_status_2(
    run: Run, content: bytes | None, message: str
) -> None:
    if content is not None:
        Path("gold.jsonl").write_bytes(content)
    assert message in only_error(run("evaluate", "gold.jsonl"))
