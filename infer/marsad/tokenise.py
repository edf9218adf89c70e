"""Words to pieces and windows, and windows to batches; nothing is ever truncated."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tokenizers import Tokenizer

from marsad.encode import Batch
from marsad.errors import MarsadError
from marsad.words import KEPT

UNKNOWN = ("[UNK]", "<unk>")
PADDING = ("[PAD]", "<pad>")
SMALLEST = 8  # pieces


class Window(NamedTuple):
    """A part of a sentence that an encoder reads at once: its words ``start`` to ``end``.

    What is scored here counts for the words ``kept_start`` to ``kept_end``; the rest is context.
    """

    start: int
    end: int
    kept_start: int
    kept_end: int


class Tokeniser:
    """Spells words in an encoder's pieces, and lays windows of them out in batches."""

    def __init__(self, tokenizer: Tokenizer, window: int) -> None:
        tokenizer.no_truncation()
        tokenizer.no_padding()
        specials = tokenizer.encode("").ids
        if len(specials) != 2 or window < SMALLEST:
            raise MarsadError(
                f"a tokenizer with {len(specials)} special pieces around a text and a window of "
                f"{window}: wanted two, as BERT has, and at least {SMALLEST} pieces."
            )
        self.window = window  # pieces, the two special ones included
        self.begin, self.end = specials
        self.unknown = _id_of(tokenizer, UNKNOWN)
        self.padding = _id_of(tokenizer, PADDING)
        self._tokenizer = tokenizer
        self.pieces = lru_cache(KEPT)(self._pieces)

    def _pieces(self, form: str) -> tuple[int, ...]:
        return tuple(self._tokenizer.encode(form, add_special_tokens=False).ids) or (self.unknown,)

    def save(self, path: Path) -> None:
        """Write the tokenizer as ``tokenizer.json``."""
        self._tokenizer.save(str(path))

    def spell(self, forms: Sequence[str]) -> list[tuple[int, ...]]:
        """The ids of each word's pieces: at least one, and never more than fit a window."""
        return [self.pieces(form)[: self.window - 2] for form in forms]

    def windows(self, lengths: Sequence[int]) -> list[Window]:
        """Cover words of so many pieces each with windows that overlap by a quarter."""
        room = self.window - 2
        ends = np.cumsum(lengths, dtype=np.int64)
        windows: list[Window] = []
        start = 0
        while not windows or windows[-1].end < len(lengths):
            before = int(ends[start - 1]) if start else 0
            end = max(int(np.searchsorted(ends, before + room, side="right")), start + 1)
            windows.append(Window(start, min(end, len(lengths)), start, end))
            # The next window begins a quarter of a window back, but moves on by a word at least.
            start = (
                max(int(np.searchsorted(ends, ends[end - 1] - room // 4, side="right")), start) + 1
            )
        return _share(windows) if len(windows) > 1 else windows

    def batch(self, rows: Sequence[Sequence[tuple[int, ...]]]) -> Batch:
        """Lay rows of spelt words out as one batch."""
        lengths = [[len(word) for word in row] for row in rows]
        width = max((sum(row) for row in lengths), default=0) + 2
        words = max((len(row) for row in lengths), default=0)
        ids = np.full((len(rows), width), self.padding, dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=np.int64)
        firsts = np.zeros((len(rows), words), dtype=np.int64)
        for index, (row, sizes) in enumerate(zip(rows, lengths, strict=True)):
            pieces = [self.begin, *(piece for word in row for piece in word), self.end]
            ids[index, : len(pieces)] = pieces
            mask[index, : len(pieces)] = 1
            firsts[index, : len(row)] = np.cumsum([1, *sizes[:-1]])[: len(row)]
        return Batch(ids, mask, firsts)


def _share(windows: Sequence[Window]) -> list[Window]:
    """Give each word of an overlap to the window in which it stands further from the cut."""
    cuts = [(after.start + before.end) // 2 for before, after in pairwise(windows)]
    starts, ends = [0, *cuts], [*cuts, windows[-1].end]
    return [
        Window(window.start, window.end, start, end)
        for window, start, end in zip(windows, starts, ends, strict=True)
    ]


def _id_of(tokenizer: Tokenizer, names: Sequence[str]) -> int:
    return next((i for i in map(tokenizer.token_to_id, names) if i is not None), 0)
