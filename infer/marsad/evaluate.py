"""Strict scores of what was found against what was annotated.

A fact counts if all of it is right: an entity's label and both offsets (as strict IOB2 does, the
scheme of seqeval); a trigger's type and offsets; an argument's role, event type and entity offsets;
a record's class. Facts of a record are sets: what is said twice counts once.
"""

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from marsad.calibration import Calibration, calibration
from marsad.records import Record
from marsad.schema import Document

KINDS = ("entity", "trigger", "argument", "class")
RESAMPLES = 1000

Fact = tuple[str | int, ...]  # the label or role comes first
Facts = dict[str, set[Fact]]
Counts = NDArray[np.int64]  # (records, 3): found and right, found, annotated


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and F1 with the counts behind them and a 95 % bootstrap interval of F1."""

    precision: float
    recall: float
    f1: float
    low: float
    high: float
    gold: int
    predicted: int


@dataclass(frozen=True, slots=True)
class Report:
    """The scores of a kind of fact: over all of them (micro), by label, and the labels' mean F1."""

    micro: Score
    labels: dict[str, Score]
    macro_f1: float
    macro_low: float
    macro_high: float
    calibration: Calibration


def annotated_facts(record: Record) -> Facts:
    """What a record's annotators marked; kinds that they did not look for are absent."""
    facts: Facts = {}
    entities, triggers = record.entities or (), record.triggers or ()
    if record.entities is not None:
        facts["entity"] = {(e.label, e.start, e.end) for e in entities}
    if record.triggers is not None:
        facts["trigger"] = {(t.label, t.start, t.end) for t in triggers}
    if record.links is not None:
        facts["argument"] = {
            (link.role, triggers[link.event].label, *entities[link.entity][:2])
            for link in record.links
        }
    if record.classes is not None:
        facts["class"] = {(name,) for name in record.classes}
    return facts


def found_facts(document: Document) -> dict[str, dict[Fact, float]]:
    """What was found in a document, with its score; of two scores of a fact the higher."""
    entities = document.entities
    facts: dict[str, list[tuple[Fact, float]]] = {
        "entity": [((e.label, e.start, e.end), e.score) for e in entities],
        "trigger": [((t.type, t.start, t.end), t.score) for t in document.events],
        "argument": [
            ((a.role, t.type, entities[a.entity].start, entities[a.entity].end), a.score)
            for t in document.events
            for a in t.arguments
        ],
        "class": [((name,), s.scores[name]) for s in document.sentences for name in s.classes],
    }
    return {kind: dict(sorted(own, key=lambda fact: fact[1])) for kind, own in facts.items()}


def answers(
    records: Sequence[Record], documents: Sequence[Document]
) -> dict[str, tuple[list[float], list[bool]]]:
    """The scores of all answers and whether each is right, by kind.

    Answers are the facts that were found and, for a class, every yes and no.
    """
    told: dict[str, tuple[list[float], list[bool]]] = {}
    for record, document in zip(records, documents, strict=True):
        gold, found = annotated_facts(record), found_facts(document)
        classes = [((name,), s.scores[name]) for s in document.sentences for name in s.scores]
        found["class"] = dict(sorted(classes, key=lambda fact: fact[1]))
        for kind, facts in gold.items():
            scores, right = told.setdefault(kind, ([], []))
            scores += found[kind].values()
            right += [fact in facts for fact in found[kind]]
    return told


def evaluate(records: Sequence[Record], documents: Iterable[Document]) -> dict[str, Report]:
    """Score documents against the records they were read from, kind by kind.

    Only records in which a kind was annotated count for it; a kind that none has is left out.
    """
    documents = list(documents)
    told = answers(records, documents)
    pairs = [
        (annotated_facts(record), found_facts(document))
        for record, document in zip(records, documents, strict=True)
    ]
    reports = {}
    for kind in KINDS:
        own = [(gold[kind], set(found[kind])) for gold, found in pairs if kind in gold]
        if own:
            wanted = sum(len(gold) for gold, _ in own)
            calibrated = calibration(*told[kind], wanted)
            reports[kind] = _report([g for g, _ in own], [f for _, f in own], calibrated)
    return reports


def entity_facts(documents: Iterable[Document]) -> list[Set[Fact]]:
    """The label and offsets of each document's entities."""
    return [{(e.label, e.start, e.end) for e in document.entities} for document in documents]


def agreement(ours: Sequence[Set[Fact]], theirs: Sequence[Set[Fact]]) -> float:
    """The share of facts that both found alike, of those that the one who found more found.

    Args:
        ours: the facts of each document, as one found them.
        theirs: those of the same documents, as the other did.
    """
    shared = sum(len(a & b) for a, b in zip(ours, theirs, strict=True))
    most = max(sum(map(len, ours)), sum(map(len, theirs)))
    return shared / most if most else 1.0


def _report(
    gold: Sequence[set[Fact]], found: Sequence[set[Fact]], calibrated: Calibration
) -> Report:
    labels = sorted({str(fact[0]) for facts in gold for fact in facts})
    strange = {str(fact[0]) for facts in found for fact in facts} - set(labels)
    by_label = {name: _counts(gold, found, name) for name in [*labels, *sorted(strange)]}
    total = (
        np.sum(list(by_label.values()), axis=0) if by_label else np.zeros((len(gold), 3), np.int64)
    )
    weights = _resamples(len(gold))
    resampled = {name: _f1(weights @ counts, none=np.nan) for name, counts in by_label.items()}
    rows = np.ma.masked_invalid([resampled[name] for name in labels])
    macro = rows.mean(axis=0).filled(np.nan) if labels else np.zeros(1)
    scores = {name: _score(counts, resampled[name]) for name, counts in by_label.items()}
    return Report(
        _score(total, _f1(weights @ total, none=np.nan)),
        scores,
        float(np.mean([scores[name].f1 for name in labels])) if labels else 0.0,
        *_interval(macro),
        calibrated,
    )


def _resamples(records: int) -> Counts:
    """How often each record is in each bootstrap sample: (samples, records)."""
    rng = np.random.default_rng(0)
    draws = (rng.integers(0, records, records) for _ in range(RESAMPLES))
    return np.array([np.bincount(draw, minlength=records) for draw in draws], dtype=np.int32)


def _counts(gold: Sequence[set[Fact]], found: Sequence[set[Fact]], label: str) -> Counts:
    rows = []
    for wanted, got in zip(gold, found, strict=True):
        own_wanted = {fact for fact in wanted if fact[0] == label}
        own_got = {fact for fact in got if fact[0] == label}
        rows.append((len(own_wanted & own_got), len(own_got), len(own_wanted)))
    return np.array(rows, dtype=np.int64)


def _f1(sums: Counts, *, none: float = 0.0) -> NDArray[np.float64]:
    """F1 from (…, 3) sums; ``none`` where nothing was annotated and nothing found."""
    both = sums[..., 1] + sums[..., 2]
    f1: NDArray[np.float64] = np.where(both, 2 * sums[..., 0] / np.maximum(1, both), none)
    return f1


def _score(counts: Counts, resampled: NDArray[np.float64]) -> Score:
    right, found, wanted = (int(value) for value in counts.sum(axis=0))
    low, high = _interval(resampled)
    f1 = float(_f1(counts.sum(axis=0)))
    return Score(right / max(1, found), right / max(1, wanted), f1, low, high, wanted, found)


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """The middle 95 % of the samples that say anything."""
    told = values[np.isfinite(values)]
    low, high = np.percentile(told, [2.5, 97.5]) if len(told) else (0.0, 0.0)
    return float(low), float(high)
