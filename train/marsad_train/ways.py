"""Ways to read news that ``bench`` compares. No torch here: what starts without it is timed so."""

import json
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cache, partial
from itertools import groupby
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from marsad.errors import MarsadError
from marsad.evaluate import Fact, entity_facts
from marsad.pipeline import Pipeline, load
from marsad.sentences import split_sentences
from marsad.words import Spelling, WordCutter

Found = Set[Fact]  # entities: label, start, end
Read = Callable[[Sequence[str]], list[Found]]

CORPUS = Path("data/corpus")


@dataclass(frozen=True, slots=True)
class Way:
    """A way to read texts, made anew in the process and with the threads that are asked for."""

    name: str
    make: Callable[[int], Read]
    reads: bool = True  # its weights are trained: what it finds can be compared


class Alone(NamedTuple):
    """What a process of its own took."""

    start: float  # seconds from its start to its first answer
    reading: float  # seconds to read all texts after that
    memory: float  # MB, the most that it held


@cache
def articles() -> tuple[str, ...]:
    """The articles of the authored corpus, a sentence a line."""
    if not CORPUS.is_dir():
        raise MarsadError(f"{CORPUS}: no such folder here; the benchmark reads Marsad's corpus.")
    records = (
        json.loads(line)
        for path in sorted(CORPUS.glob("*.jsonl"))
        for line in path.read_text(encoding="utf-8").splitlines()
    )
    groups = groupby(records, key=lambda record: record["doc"])
    return tuple("\n".join(record["text"] for record in group) for _, group in groups)


def sentences_of(text: str) -> Iterator[str]:
    """Cut a text as Marsad does."""
    words = WordCutter(Spelling())(text)
    for part in split_sentences(text, words):
        yield text[words[part.start].start : words[part.stop - 1].end]


def marsad_way(name: str, bundle: Path | None) -> Way:
    """Marsad over a bundle; None: the embedded one."""
    return Way(name, partial(_bundle, bundle))


def _bundle(bundle: Path | None, threads: int) -> Read:
    return partial(found_by, load(bundle, device="cpu", threads=threads))


def found_by(read: Pipeline, texts: Sequence[str]) -> list[Found]:
    """Read texts, and keep what can be compared."""
    return entity_facts(read.tag(texts))


def alone(way: Way, texts: Sequence[str]) -> Alone:
    """Read a first sentence and then all texts, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    began = time.perf_counter()
    process = context.Process(target=_answer, args=(way, texts, theirs))
    process.start()
    ours.recv()
    start = time.perf_counter() - began
    reading, memory = ours.recv()
    process.join()
    return Alone(start, reading, memory)


def _answer(way: Way, texts: Sequence[str], pipe: Connection) -> None:
    read = way.make(0)
    read([next(sentences_of(texts[0]))])
    pipe.send(None)
    began = time.perf_counter()
    read(texts)
    pipe.send((time.perf_counter() - began, _most_memory()))


def _most_memory() -> float:
    """The most that this process held, in MB."""
    try:  # of this program alone; getrusage begins with what the parent held when it was started
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):  # no Linux
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
