from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from marsad.decode import Found, PairTable, best_tags, columns, softmax, spans
from marsad.encode import Floats
from marsad.schema import Schema

TAGS = 5  # O, B-x, I-x, B-y, I-y


def valid(tags: tuple[int, ...]) -> bool:
    before = (0, *tags)
    return all(
        tag not in (2, 4) or prior in (tag - 1, tag)
        for prior, tag in zip(before, tags, strict=False)
    )


def by_trying_all(logits: Floats) -> float:
    paths = (path for path in product(range(TAGS), repeat=len(logits)) if valid(path))
    return max(float(sum(logits[word, tag] for word, tag in enumerate(path))) for path in paths)


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_the_best_tags_are_valid_and_no_valid_tags_are_better(words: int, seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(1, words, TAGS)).astype(np.float32) * 3
    tags = tuple(int(tag) for tag in best_tags(logits, np.array([words]))[0])
    assert valid(tags)
    own = float(sum(logits[0, word, tag] for word, tag in enumerate(tags)))
    assert own == pytest.approx(by_trying_all(logits[0]), abs=1e-4)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
def test_a_row_is_decoded_alike_whatever_it_is_padded_to(lengths: list[int], seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(len(lengths), 9, TAGS)).astype(np.float32)
    together = best_tags(logits, np.array(lengths))
    for row, length in enumerate(lengths):
        alone = best_tags(logits[row : row + 1, :length], np.array([length]))
        assert together[row, :length].tolist() == alone[0].tolist()
        assert not together[row, length:].any()


def test_a_span_is_as_sure_as_its_least_sure_word() -> None:
    chances = np.array([[0.1, 0.9, 0.0], [0.4, 0.0, 0.6], [1.0, 0.0, 0.0]], dtype=np.float32)
    (span,) = spans(np.array([1, 2, 0]), chances)
    assert span[:3] == Found(0, 1, 0, 0.6)[:3]
    assert span.score == pytest.approx(0.6)


def test_neighbouring_spans_of_one_label_stay_apart() -> None:
    found = spans(np.array([1, 1, 2, 3]), np.full((4, TAGS), 0.2, dtype=np.float32))
    assert [(span.first, span.last, span.kind) for span in found] == [
        (0, 0, 0),
        (1, 2, 0),
        (3, 3, 1),
    ]


def test_no_words_have_no_tags() -> None:
    assert best_tags(np.zeros((2, 0, TAGS), dtype=np.float32), np.array([0, 0])).shape == (2, 0)


def test_a_pair_gets_only_a_role_that_the_schema_allows(schema: Schema) -> None:
    table = PairTable(schema)
    attack = Found(0, 0, list(schema.events).index("ATTACK"), 1.0)
    victim = Found(1, 1, schema.entities.index("VICTIM"), 1.0)
    date = Found(2, 2, schema.entities.index("DATE"), 1.0)
    assert table.pairs([attack], [victim, date]) == [(0, 1)]
    logits = np.full((1, 1 + len(schema.roles)), 5.0, dtype=np.float32)
    logits[0, 0] = 0.0
    (role,), (chance,) = table.decode(logits, columns([(0, attack, date)]), 1.0)
    assert tuple(schema.roles)[role - 1] == "time"
    assert 0.9 < chance <= 1.0


def test_no_pairs_make_empty_columns() -> None:
    assert all(column.shape == (0,) for column in columns([]))


def test_softmax_survives_large_logits() -> None:
    assert softmax(np.array([[1e4, 0.0]], dtype=np.float32)).tolist() == [[1.0, 0.0]]
