"""Whether scores mean what they say: calibration error, reliability, and what abstaining costs."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 10
LEVELS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers whose scores lie in ``low`` to ``high``: how many, their mean score, share right."""

    low: float
    high: float
    count: int
    score: float
    right: float


@dataclass(frozen=True, slots=True)
class Level:
    """What is left of the answers when those that score below ``min_score`` are dropped."""

    min_score: float
    kept: int
    precision: float
    recall: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How scores and truth go together, over bins of equal width and at levels of abstention.

    ``error`` is the expected calibration error (Guo et al. 2017): the mean over answers of how far
    the mean score of their bin is from the share of it that is right.
    """

    error: float
    bins: tuple[Bin, ...]
    levels: tuple[Level, ...]


def calibration(scores: Sequence[float], right: Sequence[bool], wanted: int) -> Calibration:
    """Compare the scores of answers with whether they are right; ``wanted`` counts all truths."""
    values, truth = np.array(scores, dtype=np.float64), np.array(right, dtype=np.bool_)
    places = np.minimum((values * BINS).astype(np.int64), BINS - 1)
    bins = tuple(_bin(place, values, truth, places == place) for place in np.unique(places))
    error = sum(one.count * abs(one.score - one.right) for one in bins) / max(1, len(values))
    return Calibration(error, bins, tuple(_level(level, values, truth, wanted) for level in LEVELS))


def _bin(
    place: int, values: NDArray[np.float64], truth: NDArray[np.bool_], inside: NDArray[np.bool_]
) -> Bin:
    score, right = float(values[inside].mean()), float(truth[inside].mean())
    return Bin(place / BINS, (place + 1) / BINS, int(inside.sum()), score, right)


def _level(
    level: float, values: NDArray[np.float64], truth: NDArray[np.bool_], wanted: int
) -> Level:
    kept = values >= level
    count, right = int(kept.sum()), int((kept & truth).sum())
    return Level(level, count, right / max(1, count), right / max(1, wanted))
