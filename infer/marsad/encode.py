"""What goes into an encoder and what comes out: arrays, and the protocol in between."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

# Pieces of a batch: on a CPU, the states of more do not stay in the caches.
CPU_BUDGET, GPU_BUDGET = 512, 8_192

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Batch(NamedTuple):
    """Windows of text as an encoder reads them, one a row."""

    ids: Ints  # (rows, pieces)
    mask: Ints  # (rows, pieces): 1 for a piece, 0 for padding
    firsts: Ints  # (rows, words): where each word's first piece stands; 0 past the row's last word


class Scores(NamedTuple):
    """Logits for a batch; what stands past a row's last word means nothing."""

    entities: Floats  # (rows, words, entity tags)
    triggers: Floats  # (rows, words, trigger tags)
    classes: Floats  # (rows, classes)
    states: Floats  # (rows, words, width): what ``link`` reads of each word


class Pairs(NamedTuple):
    """Triggers and the entities that may be their arguments, as columns of word indexes and kinds.

    Words are rows of a table of states; ``first`` and ``last`` are both inclusive.
    """

    trigger_first: Ints  # (pairs,)
    trigger_last: Ints
    trigger_type: Ints  # an index into the schema's event types
    entity_first: Ints
    entity_last: Ints
    entity_label: Ints  # an index into the schema's entity labels


class Encoder(Protocol):
    """Anything that scores: a torch network, an ONNX session, or a test's fake."""

    budget: int  # pieces of a batch, padding included, that it scores fastest

    def encode(self, batch: Batch, /) -> Scores:
        """Score every word and every row of a batch."""
        ...

    def encode_all(self, batches: Sequence[Batch], /) -> Iterator[Scores]:
        """Score batches, in order; all may be begun before the first is asked for."""
        ...

    def link(self, states: Floats, pairs: Pairs, /) -> Floats:
        """Score each pair for "no role" and every role: (words, width) -> (pairs, 1 + roles)."""
        ...
