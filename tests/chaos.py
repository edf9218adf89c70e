"""Kill runs over an archive at random moments, and compare what they come to with unbroken ones.

    python tests/chaos.py [KILLS] [DOCUMENTS] [SEED]

On the lexicon's encoder, so that it is the writing that is tested, and in forks, so that a run
begins at once. The formats take turns: as soon as a run has come to its end, the next begins.
"""

import gzip
import json
import os
import random
import signal
import sys
import time
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

from conftest import LEXICON, LexiconEncoder, make_pipeline, make_schema, make_tokenizer

from marsad import archive, cli, pipeline

STEPS = 100  # batches in a run, about
FORMATS = ("jsonl", "csv", "parquet")
PEEK = os.WEXITED | os.WNOHANG | os.WNOWAIT


def write_corpus(folder: Path, count: int, rng: random.Random) -> int:
    """Write documents, some of which cannot be read; the number of their characters."""
    words = list(LEXICON)
    texts = [" ".join(rng.choices(words, k=rng.randrange(60))) for _ in range(count)]
    lines = [
        json.dumps({"id": n, "text": text, "date": f"2020-01-{n % 28 + 1:02}"}) if n % 97 else "{"
        for n, text in enumerate(texts)
    ]
    half = count // 2
    with gzip.open(folder / "a.jsonl.gz", "wt", encoding="utf-8") as out:
        out.write("\n".join(lines[:half]))
    (folder / "b.jsonl").write_text("\n".join(lines[half:]), encoding="utf-8")
    (folder / "c.txt").touch()
    return sum(map(len, texts))


def start(folder: Path, out: Path) -> int:
    """Start the command in a process of its own."""
    child = os.fork()
    if child:
        return child
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    status = 3
    try:
        arguments = ["tag", str(folder), "-o", str(out), "--model", str(folder)]
        status = cli.app(arguments, standalone_mode=False) or 0
    finally:
        os._exit(status)
    return 0


def finish(child: int) -> int:
    """Wait for a process; its exit status, or minus the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill(child: int, out: Path, rng: random.Random, step: float) -> bool:
    """Kill a run, mostly after it has recorded something; whether it was not at its end before."""
    before = stamp(out)
    patient = rng.random() < 0.9
    while patient and stamp(out) == before and not os.waitid(os.P_PID, child, PEEK):
        time.sleep(0.001)
    time.sleep(rng.uniform(0, 3 * step))
    os.kill(child, signal.SIGKILL)
    status = finish(child)
    assert status in (1, -signal.SIGKILL), f"exit status {status}"
    return status < 0


def stamp(out: Path) -> int:
    """When progress was last recorded."""
    journal = out.with_name(out.name + ".progress")
    return journal.stat().st_mtime_ns if journal.exists() else 0


def result(out: Path) -> tuple[bytes, bytes]:
    return out.read_bytes(), out.with_name(out.name + ".errors.jsonl").read_bytes()


def main(kills: int = 100, documents: int = 5_000, seed: int = 13) -> None:
    rng = random.Random(seed)
    schema, tokenizer = make_schema(), make_tokenizer()
    made = make_pipeline(schema, tokenizer, LexiconEncoder(schema, tokenizer))
    pipeline.load = lambda *args, **options: made
    with TemporaryDirectory() as name:
        folder = Path(name, "news")
        folder.mkdir()
        archive.BATCH = write_corpus(folder, documents, rng) // STEPS
        whole, seconds = {}, {}
        for format_ in FORMATS:
            began = time.monotonic()
            out = Path(name, f"whole.{format_}")
            status = finish(start(folder, out))
            assert status == 1, f"exit status {status}, wanted 1: some documents are broken"
            whole[format_], seconds[format_] = result(out), time.monotonic() - began
        killed = kept = runs = 0
        for runs, format_ in enumerate(cycle(FORMATS), 1):
            out = Path(name, f"{runs}.{format_}")
            child = start(folder, out)
            while killed < kills and kill(child, out, rng, seconds[format_] / STEPS):
                killed += 1
                kept += out.with_name(out.name + ".part").exists()
                child = start(folder, out)
            status = finish(child) if killed == kills else 1
            assert status == 1, f"exit status {status} after {killed} kills"
            assert result(out) == whole[format_], f"{out.name} is not that of an unbroken run"
            if killed == kills:
                break
        sys.stdout.write(
            f"{documents} documents, {killed} kills ({kept} with work under way), "
            f"{runs} runs: every output and error file as unbroken\n"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
