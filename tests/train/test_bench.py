import pytest

from marsad_train import bench, ways
from marsad_train.bench import Figures, table

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


def test_every_way_is_measured_on_the_same_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "BATCHES", (2,))
    monkeypatch.setattr(bench, "SINGLE", 4)
    monkeypatch.setattr(bench, "ARABERT_BASE", TINY)
    monkeypatch.setattr(bench, "MARSAD_SMALL", TINY)
    monkeypatch.setattr(bench, "articles", lambda: ways.articles()[:4])
    monkeypatch.setattr(bench, "_alone", lambda _way, _texts: (1.0, 100.0))
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
    start, memory = bench._alone(ways.marsad_way("Marsad", None), ways.articles()[:1])
    assert start > 0.1
    assert 50 < memory < 2_000


def test_figures_say_how_much_faster_than_the_first() -> None:
    figures = {"slow": Figures(documents=2.0), "fast": Figures(documents=5.0, agreement=0.5)}
    *_, fast = table(figures)
    assert fast.startswith("| fast | 5.00 | 0.00 to 0.00 | 0 | 2.5 |")
    assert fast.endswith("| 50.0% |")
