"""The model folder, the only contract between training and inference.

marsad.json      what the model is: schema, spelling, window, thresholds, figures, origin
tokenizer.json   the pieces, as the ``tokenizers`` library writes them
model.onnx       batch -> scores
links.onnx       states and pairs -> role scores (only if the schema has roles)
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from marsad.errors import MarsadError, naming
from marsad.schema import Schema
from marsad.tables import build, positive, within
from marsad.words import Spelling

FORMAT = "marsad-bundle"
VERSION = 1
MANIFEST = "marsad.json"
TOKENIZER = "tokenizer.json"
MODEL = "model.onnx"
LINKS = "links.onnx"
EMBEDDED = Path(__file__).parent / "models" / "marsad-small"


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperatures:
    """What logits are divided by before they become probabilities (Guo et al. 2017)."""

    entities: float = 1.0
    triggers: float = 1.0
    classes: float = 1.0
    arguments: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What ``marsad.json`` says of a model."""

    format: str = FORMAT
    version: int = VERSION
    name: str
    schema: Schema
    spelling: Spelling = field(default_factory=Spelling)
    window: int = 192  # pieces that the encoder reads at once
    thresholds: dict[str, float] = field(default_factory=dict)  # by class; 0.5 where silent
    temperatures: Temperatures = field(default_factory=Temperatures)
    min_score: float = 0.0  # what scores less is not reported
    licence: str = ""
    metrics: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what would leave out everything, or mean nothing."""
        if unknown := sorted(self.thresholds.keys() - set(self.schema.classes)):
            raise MarsadError(f"thresholds: {unknown[0]!r} is no class of {self.schema.name}.")
        for name, value in asdict(self.temperatures).items():
            positive(f"temperatures.{name}", value)
        for name, value in self.thresholds.items():
            within(f"thresholds.{name}", value, 0, 1)
        within("min_score", self.min_score, 0, 1)


def read_manifest(folder: Path) -> Manifest:
    """Read what a bundle says of itself.

    Raises:
        MarsadError: the folder is no bundle, or one that this version does not understand.
    """
    table = _read_json(folder)
    found = (table.get("format"), table.get("version")) if isinstance(table, dict) else (None, None)
    if found != (FORMAT, VERSION):
        raise MarsadError(
            f"{folder / MANIFEST}: format {found[0]!r} version {found[1]!r}; "
            f"this Marsad reads {FORMAT!r} version {VERSION}."
        )
    return build(Manifest, table, str(folder / MANIFEST))


def _read_json(folder: Path) -> Any:
    for name in (MANIFEST, TOKENIZER, MODEL):
        if not (folder / name).is_file():
            raise MarsadError(
                f"{folder}: no model bundle here, {name} is missing; "
                f"a bundle is a folder with {MANIFEST}, {TOKENIZER} and {MODEL}."
            )
    try:
        with naming(folder / MANIFEST):
            return json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise MarsadError(f"{folder / MANIFEST}: not JSON: {error}") from error


def fingerprint(folder: Path) -> str:
    """A digest of all that a bundle's results depend on.

    Raises:
        MarsadError: a file of it cannot be read.
    """
    digest = hashlib.sha256()
    for name in (MANIFEST, TOKENIZER, MODEL, LINKS):
        try:
            with (folder / name).open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        except FileNotFoundError:  # a schema without roles has no links
            digest.update(b"-")
        except OSError as error:
            raise MarsadError(f"{folder / name}: {error.strerror or error}.") from error
    return digest.hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write what a bundle says of itself."""
    text = json.dumps(asdict(manifest), ensure_ascii=False, indent=2)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")


def read_tokenizer(folder: Path) -> Tokenizer:
    """Read a bundle's pieces.

    Raises:
        MarsadError: the file is not what the ``tokenizers`` library writes.
    """
    try:
        return Tokenizer.from_file(str(folder / TOKENIZER))
    except Exception as error:  # the library raises bare Exception
        raise MarsadError(f"{folder / TOKENIZER}: no tokenizer: {error}") from error
