"""Examples to batches: sampled by corpus weight, of sentences of about one length, with targets."""

from bisect import bisect_right
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import torch
from datasets import Dataset
from torch import Tensor

from marsad.decode import Found, PairTable, columns
from marsad.encode import Batch, Pairs
from marsad.schema import Schema
from marsad.tokenise import Tokeniser, Window
from marsad_train.config import Run
from marsad_train.corpora import Bools, Corpus, allowed_tags
from marsad_train.vary import Varier

POOL = 20  # batches whose sentences are sorted by length together


class Targets(NamedTuple):
    """What a batch's outputs should be."""

    entities: Tensor  # (words, entity tags) booleans: the tags that each word may have
    triggers: Tensor  # (words, trigger tags) booleans
    words: Tensor  # (words,): where each word stands among rows by words
    classes: Tensor  # (rows, classes), NaN where nobody said
    pairs: Pairs  # word indexes into rows by words
    roles: Tensor  # (pairs,)


class Batches:
    """Every batch of a run, each a function of its number."""

    def __init__(
        self,
        run: Run,
        examples: Sequence[Dataset],
        schema: Schema,
        tokeniser: Tokeniser,
    ) -> None:
        self.schema = schema
        self.size = run.batch_size
        self.seed = run.plan.seed
        self._tokeniser = tokeniser
        self._corpora = run.train
        self._entity_tags = [allowed_tags(corpus, schema) for corpus in run.train]
        self._trigger_tags = _identity(len(schema.trigger_tags))
        self._table = PairTable(schema)
        self._rows = [[r for row in dataset for r in _rows(row, tokeniser)] for dataset in examples]
        self._varier = Varier(run.variation, [row for rows in self._rows for row in rows])
        self._epochs = run.epochs
        visits = (sum(self._visits(epoch)) for epoch in range(run.epochs))
        self.ends = list(accumulate(-(-visit // self.size) for visit in visits))
        self._epoch = lru_cache(maxsize=2)(self._batches_of)

    def __len__(self) -> int:
        """Batches in the whole run; ``ends`` has those up to the end of each epoch."""
        return self.ends[-1]

    def __call__(self, index: int) -> tuple[Batch, Targets]:
        """The batch of a number; those of an epoch follow one another.

        Behind the last the first come again, with which gradients are added up to a whole step.
        """
        index %= len(self)
        epoch = bisect_right(self.ends, index)
        at = index - (self.ends[epoch - 1] if epoch else 0)
        rng = np.random.default_rng([self.seed, index, 1])
        rows = [self._varied(self._rows[corpus][r], rng) for corpus, r in self._epoch(epoch)[at]]
        batch = self._tokeniser.batch([row["pieces"] for row in rows])
        return batch, self._targets(rows, batch.firsts.shape[1])

    def _varied(self, row: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
        varied = self._varier(row, rng)
        pieces = self._tokeniser.spell(varied["forms"])
        if sum(map(len, pieces)) > self._tokeniser.window - 2:
            varied, pieces = row, list(row["pieces"])
        for word in self._varier.hidden(len(pieces), rng):
            pieces[word] = (self._tokeniser.unknown,)
        return {**varied, "pieces": pieces}

    def _visits(self, epoch: int) -> list[int]:
        """How many sentences of each corpus an epoch visits."""
        share = epoch / max(1, self._epochs - 1)
        return [
            round(_weight(corpus, share) * len(rows))
            for corpus, rows in zip(self._corpora, self._rows, strict=True)
        ]

    def _batches_of(self, epoch: int) -> list[list[tuple[int, int]]]:
        rng = np.random.default_rng([self.seed, epoch])
        drawn: list[tuple[int, int]] = []
        for corpus, (visits, rows) in enumerate(zip(self._visits(epoch), self._rows, strict=True)):
            rounds = [rng.permutation(len(rows)) for _ in range(-(-visits // max(1, len(rows))))]
            drawn.extend((corpus, int(row)) for row in np.concatenate([*rounds, []])[:visits])
        mixed = [drawn[index] for index in rng.permutation(len(drawn))]
        pools = [mixed[at : at + POOL * self.size] for at in range(0, len(mixed), POOL * self.size)]
        ordered = [pair for pool in pools for pair in sorted(pool, key=self._length)]
        batches = [ordered[at : at + self.size] for at in range(0, len(ordered), self.size)]
        return [batches[index] for index in rng.permutation(len(batches))]

    def _length(self, pair: tuple[int, int]) -> int:
        corpus, row = pair
        return sum(map(len, self._rows[corpus][row]["pieces"]))

    def _targets(self, rows: Sequence[dict[str, Any]], width: int) -> Targets:
        entities = np.concatenate([self._entity_tags[r["corpus"]][r["entity_tags"]] for r in rows])
        triggers = np.concatenate([self._trigger_tags[r["trigger_tags"]] for r in rows])
        words = [
            i * width + word for i, row in enumerate(rows) for word in range(len(row["forms"]))
        ]
        silent = [float("nan")] * len(self.schema.classes)
        classes = [row["classes"] or silent for row in rows]
        pairs, roles = self._pairs(rows, width)
        return Targets(
            torch.from_numpy(entities),
            torch.from_numpy(triggers),
            torch.tensor(words, dtype=torch.long),
            torch.tensor(classes, dtype=torch.float32).reshape(len(rows), -1),
            pairs,
            torch.tensor(roles, dtype=torch.long),
        )

    def _pairs(self, rows: Sequence[dict[str, Any]], width: int) -> tuple[Pairs, list[int]]:
        found: list[tuple[int, Found, Found]] = []
        roles: list[int] = []
        for index, row in enumerate(rows):
            if not row["linked"]:
                continue
            triggers = [Found(first, last, kind, 1.0) for first, last, kind in row["triggers"]]
            entities = [Found(first, last, kind, 1.0) for first, last, kind in row["entities"]]
            linked = {(t, e): role for t, e, role in row["links"]}
            for t, e in self._table.pairs(triggers, entities):
                found.append((index * width, triggers[t], entities[e]))
                roles.append(linked.get((t, e), 0))
        return columns(found), roles


def _weight(corpus: Corpus, share: float) -> float:
    """A corpus's weight when so large a share of the epochs has passed."""
    last = corpus.weight if corpus.last_weight is None else corpus.last_weight
    return corpus.weight + (last - corpus.weight) * share


def _identity(tags: int) -> Bools:
    """What tags allow that are numbered as in examples: 0 anything, 1 only the first, and so on."""
    return np.concatenate([np.ones((1, tags)), np.eye(tags)]).astype(np.bool_)


def _rows(row: Any, tokeniser: Tokeniser) -> list[dict[str, Any]]:
    """An example, spelt; one beyond the window as its windows, each word taught in one of them."""
    pieces = tokeniser.spell(row["forms"])
    windows = tokeniser.windows([len(word) for word in pieces])
    return [
        {**_part(row, window), "pieces": pieces[window.start : window.end]} for window in windows
    ]


def _part(row: Any, window: Window) -> dict[str, Any]:
    def taught(tags: Sequence[int]) -> list[int]:
        numbered = enumerate(tags[window.start : window.end], window.start)
        return [t if window.kept_start <= i < window.kept_end else 0 for i, t in numbered]

    whole = window.start == 0 and window.end == len(row["forms"])
    triggers, trigger_number = _inside(row["triggers"], window)
    entities, entity_number = _inside(row["entities"], window)
    return {
        **row,
        "forms": row["forms"][window.start : window.end],
        "entity_tags": taught(row["entity_tags"]),
        "trigger_tags": taught(row["trigger_tags"]),
        # What a sentence is, one window may show and another not.
        "classes": row["classes"] if whole or not any(row["classes"] or ()) else None,
        "triggers": triggers,
        "entities": entities,
        "links": [
            [trigger_number[t], entity_number[e], role]
            for t, e, role in row["links"]
            if t in trigger_number and e in entity_number
        ],
    }


def _inside(
    runs: Sequence[Sequence[int]], window: Window
) -> tuple[list[list[int]], dict[int, int]]:
    """The runs that lie in a window, counted from its start, and their new numbers by the old."""
    kept = [i for i, run in enumerate(runs) if window.start <= run[0] and run[1] < window.end]
    moved = [[runs[i][0] - window.start, runs[i][1] - window.start, runs[i][2]] for i in kept]
    return moved, {old: new for new, old in enumerate(kept)}
