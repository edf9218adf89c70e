import gzip
import json
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from marsad import archive
from marsad.cli import app
from marsad.inputs import Place
from marsad.pipeline import Pipeline
from marsad.sources import Source

Run = Callable[..., Result]
TEXT = "قصفت قوات النظام حلب أمس . مقتل مدنيين في إدلب"
FORMATS = ["jsonl", "csv", "conll", "parquet", "html", "txt"]


@pytest.fixture
def run(tmp_path: Path, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Tag on the lexicon pipeline, in an empty folder, a few documents at a time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("marsad.pipeline.load", lambda *args, **options: pipeline)
    monkeypatch.setattr(archive, "BATCH", 200)
    Path("model").mkdir()
    return lambda *arguments: CliRunner().invoke(app, ["tag", *arguments, "--model", "model"])


def put_news(count: int = 30) -> None:
    Path("n").mkdir()
    lines = [json.dumps({"id": n, "text": TEXT, "date": f"2020-01-{n + 1:02}"}) for n in range(30)]
    lines[7] = "{"
    Path("n/a.jsonl").write_text("\n".join(lines))
    Path("n/b.txt").touch()


def break_off(monkeypatch: pytest.MonkeyPatch, run: Run, out: str, after: int) -> None:
    """Run until so many records were made, then break off behind a half-written line."""

    class Cut(Exception):
        pass

    record = archive.Archive.record
    left = iter(range(after))

    def cut(self: archive.Archive, progress: archive.Progress) -> None:
        if next(left, None) is None:
            self._out.write(b'{"id": "half')
            self._out.flush()
            raise Cut
        record(self, progress)

    with monkeypatch.context() as patch:
        patch.setattr(archive.Archive, "record", cut)
        assert isinstance(run("n", "-o", out).exception, Cut)


def contents(out: str) -> tuple[bytes, bytes]:
    return Path(out).read_bytes(), Path(f"{out}.errors.jsonl").read_bytes()


@pytest.mark.parametrize("format_", FORMATS)
def test_a_run_that_was_broken_off_comes_to_the_bytes_of_an_unbroken_one(
    run: Run, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    put_news()
    assert run("n", "-o", f"whole.{format_}").exit_code == 1
    for after in (0, 1, 2):
        break_off(monkeypatch, run, f"o.{format_}", after)
    result = run("n", "-o", f"o.{format_}")
    assert result.exit_code == 1
    assert "read: 31, tagged: 29, failed: 2, " in result.stderr
    assert contents(f"o.{format_}") == contents(f"whole.{format_}")
    assert not list(Path().glob("*.part")) + list(Path().glob("*.made"))


def test_every_document_is_a_result_or_an_entry_of_the_error_file(run: Run) -> None:
    put_news()
    run("n", "-o", "o.jsonl")
    ids = [json.loads(line)["id"] for line in Path("o.jsonl").read_text().splitlines()]
    assert ids == [str(n) for n in range(30) if n != 7]
    errors = [json.loads(s) for s in Path("o.jsonl.errors.jsonl").read_text().splitlines()]
    assert [(e["id"], e["place"]) for e in errors] == [(None, "n/a.jsonl:8"), (None, "n/b.txt")]
    assert errors[1]["reason"] == "the file is empty."


def test_what_is_broken_in_a_folder_is_named_and_the_rest_is_done(run: Run) -> None:
    put_news()
    with gzip.open("n/cut.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(f"{json.dumps({'id': f'g{n}', 'text': TEXT * n})}\n" for n in range(1, 99))
    whole = Path("n/cut.jsonl.gz").read_bytes()
    Path("n/cut.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    os.symlink("..", "n/loop")
    os.symlink("gone.txt", "n/unreadable.txt")
    Path("n/table.csv").write_text("id,body\n1,نص\n", encoding="utf-8")
    Path("n/binary.txt").write_bytes(b"\x7fELF\x00\x01\x02\x00" * 64)
    result = run("n", "-o", "o.jsonl")
    assert result.exit_code == 1
    errors = [json.loads(s) for s in Path("o.jsonl.errors.jsonl").read_text().splitlines()]
    reasons = {error["place"]: error["reason"] for error in errors}
    assert reasons.pop("n/a.jsonl:8")
    for place, reason in {
        "n/b.txt": "empty",
        "n/binary.txt": "no text",
        "n/cut.jsonl.gz": "ended before",
        "n/loop/n": "a link back",
        "n/table.csv": 'no column "text"',
        "n/unreadable.txt": "No such file",
    }.items():
        assert reason in reasons.pop(place)
    assert not reasons
    tagged = len(Path("o.jsonl").read_text().splitlines())
    assert f"tagged: {tagged}, failed: {len(errors)}, " in result.stderr


def test_a_kill_between_the_last_steps_is_taken_up(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_news()
    run("n", "-o", "whole.csv")
    replace = os.replace

    def failing(source: Path, target: Path) -> None:
        if Path(target).name == "o.csv.errors.jsonl":
            raise KeyboardInterrupt
        replace(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", failing)
        assert run("n", "-o", "o.csv").exit_code == 130
    assert run("n", "-o", "o.csv").exit_code == 1
    assert contents("o.csv") == contents("whole.csv")


def test_a_finished_output_is_not_touched_unless_overwritten(run: Run) -> None:
    put_news()
    run("n", "-o", "o.jsonl")
    before = Path("o.jsonl").stat().st_mtime_ns
    again = run("n", "-o", "o.jsonl")
    assert (again.exit_code, again.stderr) == (
        1,  # as of the first time: some could not be read
        "o.jsonl: finished already, and not touched; --overwrite starts afresh.\n",
    )
    assert Path("o.jsonl").stat().st_mtime_ns == before
    assert run("n", "-o", "o.jsonl", "--overwrite").exit_code == 1
    assert Path("o.jsonl").stat().st_mtime_ns > before


def test_what_another_version_recorded_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_news()
    break_off(monkeypatch, run, "o.jsonl", 1)
    journal = Path("o.jsonl.progress")
    journal.write_text(json.dumps(json.loads(journal.read_text()) | {"version": 1}))
    result = run("n", "-o", "o.jsonl")
    assert result.exit_code == 2
    assert "of another version of Marsad; --overwrite starts afresh" in result.stderr


def changed_input() -> list[str]:
    Path("n/c.txt").write_text(TEXT)
    return []


def changed_model() -> list[str]:
    Path("model/marsad.json").write_text("{}")
    return []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (changed_input, "input"),
        (changed_model, "model"),
        (lambda: ["--min-score", "0.5"], "set of options"),
        (lambda: ["--format", "csv"], "set of options"),
    ],
    ids=["input", "model", "score", "format"],
)
@pytest.mark.parametrize("finished", [True, False])
def test_a_changed_input_model_or_option_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, change: Any, named: str, finished: bool
) -> None:
    put_news()
    if finished:
        run("n", "-o", "o.jsonl")
    else:
        break_off(monkeypatch, run, "o.jsonl", 1)
    refused = run("n", "-o", "o.jsonl", *change())
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"error: o.jsonl: begun with another {named}; ")


def test_an_input_that_reads_otherwise_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library was missing when the run was begun: what it skips would be others."""
    put_news()
    with gzip.open("n/0.jsonl.gz", "wt", encoding="utf-8") as out:
        out.writelines(f"{json.dumps({'id': f'g{n}', 'text': TEXT})}\n" for n in range(50))
    with monkeypatch.context() as patch:
        patch.setattr("gzip.open", lambda *_: (_ for _ in ()).throw(OSError("not now")))
        break_off(monkeypatch, run, "o.jsonl", 1)
    refused = run("n", "-o", "o.jsonl")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: the input reads otherwise than when the run was begun")


@pytest.mark.parametrize("out", ["n/b.txt/o.jsonl", "x" * 300])
def test_an_output_that_cannot_be_is_refused_in_a_line(run: Run, out: str) -> None:
    put_news()
    refused = run("n", "-o", out)
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"error: {out}: ")
    assert refused.stderr.count("\n") == 1


def test_a_library_that_the_output_needs_is_missed_before_anything_is_read(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    put_news()
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused = run("n", "-o", "o.parquet")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: --format parquet needs pyarrow")
    assert not list(Path().glob("o.parquet*"))


def test_an_output_within_the_input_is_not_read(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    put_news()
    break_off(monkeypatch, run, "n/o.jsonl", 1)
    assert "read: 31, " in run("n", "-o", "n/o.jsonl").stderr
    assert "finished already" in run("n", "-o", "n/o.jsonl").stderr
    assert "read: 31, " in run("n/*", "-o", "n/o.jsonl", "--overwrite").stderr


def test_parts_that_were_cut_are_not_built_upon(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    put_news()
    break_off(monkeypatch, run, "o.jsonl", 2)
    Path("o.jsonl.part").write_bytes(b"")
    assert "o.jsonl.part: shorter than the" in run("n", "-o", "o.jsonl").stderr
    Path("o.jsonl.progress").write_text("{")
    assert "no record of progress; --overwrite" in run("n", "-o", "o.jsonl").stderr


def test_batches_depend_on_where_the_one_before_ended_and_nothing_else() -> None:
    def items() -> Iterator[Any]:
        yield from (Source(str(n), "x" * 25_000, Place("a", n)) for n in range(10))

    whole = list(archive.batches(items()))
    assert [len(batch) for batch in whole] == [3, 3, 3, 1]
    assert list(archive.batches(islice(items(), 3, None))) == whole[1:]
