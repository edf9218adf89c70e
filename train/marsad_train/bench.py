"""``marsad-train bench``: Marsad's speed beside what its users would run instead.

All ways read the same articles in one process, in turns, so that what else the machine does falls
on all of them. Memory and starting are measured in a process of each one's own.
"""

import re
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from marsad.evaluate import agreement
from marsad_train.torch_ways import (
    ARABERT_BASE,
    CORES,
    MARSAD_SMALL,
    torch_way,
    transformers_way,
)
from marsad_train.ways import Alone, Found, Read, Way, alone, articles, marsad_way, sentences_of

BATCHES = (1, 8, 32)
COLUMNS = (
    "documents/s",
    "(of rounds)",
    "words/s",
    "times the first",
    "a sentence, ms",
    "an article, ms",
    "start, s",
    "memory, MB",
    "agreement",
)
FEW = 4  # articles, to find the best batch size on
SINGLE = 60  # sentences, and a quarter as many articles, that are read one by one
LENGTHS = (1_000, 10_000, 100_000)  # words of a document; each time 100,000 in all


@dataclass(slots=True, kw_only=True)
class Figures:
    """What was measured of a way; seconds unless said otherwise."""

    documents: float = 0.0  # a second: the median of the rounds
    spread: tuple[float, float] = (0.0, 0.0)  # the slowest and the fastest round
    words: float = 0.0  # a second
    sentence: dict[str, tuple[float, float]] = field(default_factory=dict)  # by cores: p50, p95
    article: dict[str, tuple[float, float]] = field(default_factory=dict)
    start: float = 0.0  # from the start of a process to its first answer
    memory: float = 0.0  # MB, the most of a process that reads all articles
    agreement: float | None = None  # of entities, with the first way whose weights are trained


def bench(run: Path | None, fp32: Path | None, *, rounds: int = 3) -> dict[str, Figures]:
    """Measure every way; the first is what the others are compared with.

    Args:
        run: a training run, for the torch network; without it, that way is left out.
        fp32: a bundle of that run that was not quantised; or it is left out, too.
        rounds: how often each way reads all articles.
    """
    texts = articles()
    ways = list(_ways(run, fp32, texts))
    reads = {way.name: way.make(0) for way in ways}
    figures = {way.name: Figures() for way in ways}
    found = _speed(reads, texts, rounds, figures)
    trained = [way.name for way in ways if way.reads]
    for name in trained:
        figures[name].agreement = agreement(found[trained[0]], found[name])
    for way in ways:
        _latency(way, texts, figures[way.name])
    for way in ways:
        figures[way.name].start, _, figures[way.name].memory = alone(way, texts)
    return figures


def lengths() -> dict[int, Alone]:
    """Read as many words in documents of each length, as Marsad comes, each time alone."""
    words = re.findall(r"\S+\s*", "\n".join(articles()) + "\n")
    most = max(LENGTHS)
    words *= -(-most // len(words))
    return {
        length: alone(
            marsad_way("Marsad", None),
            ["".join(words[at : at + length]) for at in range(0, most, length)],
        )
        for length in LENGTHS
    }


def _ways(run: Path | None, fp32: Path | None, texts: Sequence[str]) -> Iterator[Way]:
    for name, shape, vocabulary in (
        ("two AraBERT-base pipelines", ARABERT_BASE, 64_000),
        ("two pipelines of our shape", MARSAD_SMALL, 28_000),
    ):
        tried = [transformers_way(name, shape, vocabulary, batch) for batch in BATCHES]
        yield min(tried, key=lambda way: _seconds(way.make(0), texts[:FEW]))
    if run:
        yield torch_way("Marsad, torch", run)
    if fp32:
        yield marsad_way("Marsad, ONNX fp32", fp32)
    yield marsad_way("Marsad", None)


def _speed(
    reads: dict[str, Read], texts: Sequence[str], rounds: int, figures: dict[str, Figures]
) -> dict[str, list[Found]]:
    """Read all texts in every way, in turns, and keep what each found."""
    found: dict[str, list[Found]] = {}
    seconds: dict[str, list[float]] = {name: [] for name in reads}
    for _ in range(rounds):
        for name, read in reads.items():
            began = time.perf_counter()
            found[name] = read(texts)
            seconds[name].append(time.perf_counter() - began)
    words = sum(len(text.split()) for text in texts)
    for name, own in seconds.items():
        middle = statistics.median(own)
        figures[name].documents, figures[name].words = len(texts) / middle, words / middle
        figures[name].spread = len(texts) / max(own), len(texts) / min(own)
    return found


def _latency(way: Way, texts: Sequence[str], figures: Figures) -> None:
    """Read texts one by one, on one core and on all."""
    sentences = [sentence for text in texts for sentence in sentences_of(text)]
    for cores in sorted({1, CORES}):
        read = way.make(cores)
        read(sentences[:1])
        for kept, singles in (
            (figures.sentence, sentences[:: len(sentences) // SINGLE]),
            (figures.article, texts[:: len(texts) // (SINGLE // 4)]),
        ):
            seconds = [_seconds(read, [single]) for single in singles]
            p50, p95 = np.quantile(seconds, (0.5, 0.95))
            kept[str(cores)] = float(p50), float(p95)


def _seconds(read: Read, texts: Sequence[str]) -> float:
    began = time.perf_counter()
    read(texts)
    return time.perf_counter() - began


def table(figures: Mapping[str, Figures]) -> Iterator[str]:
    """Show every way's figures in a row, in Markdown."""
    yield f"| | {' | '.join(COLUMNS)} |"
    yield "|---|" + "---:|" * len(COLUMNS)
    first = next(iter(figures.values()))
    for name, own in figures.items():
        cells = [
            f"{own.documents:.2f}",
            f"{own.spread[0]:.2f} to {own.spread[1]:.2f}",
            f"{own.words:.0f}",
            f"{own.documents / first.documents:.1f}",
            _milliseconds(own.sentence),
            _milliseconds(own.article),
            f"{own.start:.1f}",
            f"{own.memory:.0f}",
            "" if own.agreement is None else f"{own.agreement:.1%}",
        ]
        yield f"| {name} | {' | '.join(cells)} |"


def lengths_table(found: Mapping[int, Alone]) -> Iterator[str]:
    """Show what documents of each length cost, in Markdown."""
    yield "| words of a document | words/s | memory, MB |"
    yield "|---:|---:|---:|"
    for length, own in found.items():
        yield f"| {length:,} | {max(found) / own.reading:.0f} | {own.memory:.0f} |"


def _milliseconds(latency: Mapping[str, tuple[float, float]]) -> str:
    """The p50 (and p95) by cores."""
    parts = (
        f"{cores}: {1000 * p50:.0f} ({1000 * p95:.0f})" for cores, (p50, p95) in latency.items()
    )
    return ", ".join(parts)
