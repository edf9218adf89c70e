import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from marsad.tokenise import Tokeniser

lengths_of_words = st.lists(st.integers(1, 6), min_size=1, max_size=120)


@given(lengths_of_words, st.integers(10, 40))
def test_windows_keep_every_word_once_and_fit(
    tokenizer: Tokenizer, lengths: list[int], window: int
) -> None:
    windows = Tokeniser(tokenizer, window).windows(lengths)
    kept = [word for one in windows for word in range(one.kept_start, one.kept_end)]
    assert kept == list(range(len(lengths)))
    for one in windows:
        assert one.start <= one.kept_start < one.kept_end <= one.end
        assert sum(lengths[one.start : one.end]) <= window - 2


@given(lengths_of_words)
def test_the_number_of_windows_grows_linearly(tokenizer: Tokenizer, lengths: list[int]) -> None:
    windows = Tokeniser(tokenizer, 18).windows(lengths)
    assert len(windows) <= 1 + sum(lengths) // 6


def test_a_sentence_that_fits_is_one_window(tokenizer: Tokenizer) -> None:
    (window,) = Tokeniser(tokenizer, 10).windows([2, 3, 3])
    assert window == (0, 3, 0, 3)


def test_a_batch_says_where_each_word_begins(tokenizer: Tokenizer) -> None:
    tokeniser = Tokeniser(tokenizer, 16)
    batch = tokeniser.batch([[(7, 8), (9,)], [(5,)]])
    assert batch.ids.tolist() == [[2, 7, 8, 9, 3], [2, 5, 3, 0, 0]]
    assert batch.mask.tolist() == [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]]
    assert batch.firsts.tolist() == [[1, 3], [1, 0]]
    assert batch.ids.dtype == np.int64


def test_every_word_has_a_piece(tokenizer: Tokenizer) -> None:
    assert Tokeniser(tokenizer, 16).spell(["حلب", "مجهول", ""]) == [
        (tokenizer.token_to_id("حلب"),),
        (tokenizer.token_to_id("[UNK]"),),
        (tokenizer.token_to_id("[UNK]"),),
    ]
