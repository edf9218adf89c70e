from collections.abc import Sequence
from pathlib import Path

import pytest

from marsad.encode import Batch
from marsad.errors import MarsadError
from marsad_train import bench, peaks, ways
from marsad_train.bench import Figures, lengths_table, table
from marsad_train.ways import Alone

TINY = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


def test_the_articles_are_those_of_the_corpus() -> None:
    texts = ways.articles()
    assert len(texts) == 120
    assert sum(len(list(ways.sentences_of(text))) for text in texts) >= 700


def test_elsewhere_the_corpus_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MarsadError, match="data/corpus: no such folder here"):
        ways.articles.__wrapped__()


def test_every_way_is_measured_on_the_same_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "BATCHES", (2,))
    monkeypatch.setattr(bench, "SINGLE", 4)
    monkeypatch.setattr(bench, "ARABERT_BASE", TINY)
    monkeypatch.setattr(bench, "MARSAD_SMALL", TINY)
    monkeypatch.setattr(bench, "articles", lambda: ways.articles()[:4])
    monkeypatch.setattr(bench, "alone", lambda _way, _texts: Alone(1.0, 2.0, 100.0))
    figures = bench.bench(None, None, rounds=2)
    assert [*figures] == [
        "two AraBERT-base pipelines, 2 at once",
        "two pipelines of our shape, 2 at once",
        "Marsad",
    ]
    for own in figures.values():
        low, high = own.spread
        assert 0 < low <= own.documents <= high
        assert own.words > own.documents
        assert all(0 < p50 <= p95 for p50, p95 in [*own.sentence.values(), *own.article.values()])
    assert [own.agreement for own in figures.values()] == [None, None, 1.0]
    head, _, first, *_ = table(figures)
    assert first.count("|") == head.count("|")
    assert "| 1.0 |" in first


def test_a_process_of_its_own_tells_memory_and_start() -> None:
    own = ways.alone(ways.marsad_way("Marsad", None), ways.articles()[:1])
    assert own.start > 0.1
    assert own.reading > 0
    assert 50 < own.memory < 600  # torch alone, which must not be there, would make it more


def test_documents_of_every_length_hold_as_many_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "LENGTHS", (10, 1_000, 20_000))
    monkeypatch.setattr(
        bench, "alone", lambda _way, texts: Alone(1.0, len("".join(texts).split()) / 100, 1.0)
    )
    found = bench.lengths()
    assert {own.reading for own in found.values()} == {200.0}
    assert [*lengths_table(found)][2:] == [
        "| 10 | 100 | 1 |", "| 1,000 | 100 | 1 |", "| 20,000 | 100 | 1 |"
    ]  # fmt: skip


def test_figures_say_how_much_faster_than_the_first() -> None:
    figures = {"slow": Figures(documents=2.0), "fast": Figures(documents=5.0, agreement=0.5)}
    *_, fast = table(figures)
    assert fast.startswith("| fast | 5.00 | 0.00 to 0.00 | 0 | 2.5 |")
    assert fast.endswith("| 50.0% |")


def test_the_operations_of_an_encoder_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: 12 layers of 12 · 384² weights, of which the lower 4 read pieces, others words."""
    monkeypatch.setattr(peaks, "TURNS", 1)
    monkeypatch.setattr(peaks, "articles", lambda: ["قصفت قوات النظام بلدة كنصفرة"])
    counted: list[int] = []
    count = peaks._operations

    def keep(model: Path, batches: Sequence[Batch]) -> int:
        counted.extend([batches[0].ids.shape[1], count(model, batches)])
        return counted[-1]

    monkeypatch.setattr(peaks, "_operations", keep)
    assert peaks.reached(None) > 0
    pieces, operations = counted
    weights = 2 * 12 * 384**2 * (4 * pieces + 8 * (1 + 5))
    assert weights < operations < 1.1 * weights
