"""Cross-validation: how a recipe does on every part of the data, not on its dev records alone."""

import dataclasses
import json
import logging
import random
from pathlib import Path
from typing import Any

from marsad.errors import MarsadError, naming
from marsad.evaluate import Report, evaluate
from marsad.records import read_records
from marsad_train import checkpoint
from marsad_train.config import Run, read_schema
from marsad_train.export import torch_pipeline
from marsad_train.learn import figures, manifest_of, train

log = logging.getLogger(__name__)


def cross_validate(run: Run, folds: int) -> dict[str, Report]:
    """Train once for each fold, and score each on its own part; resumes what was killed.

    The first training corpus and the dev records are put together and cut anew, records of one
    document (of one ``url`` or ``doc``, where they have it) into the same part. All other corpora
    are trained on each time. Each part's epoch is chosen on that part, as dev's is on dev.

    Raises:
        MarsadError: the first corpus is not of records, or there are too few of them.
    """
    first, *rest = run.train
    if first.format != "records":
        raise MarsadError(f"{first.path}: wanted records as the first corpus, to cut into folds.")
    schema = read_schema(Path(run.schema))
    manifest_of(run, schema)  # which refuses what does not fit the schema
    found, records = [], []
    paths = Path(first.path), Path(run.dev)
    for path in paths:
        read_records(path, schema)  # so that what is wrong is said with its file and line
    lines = [line for path in paths for line in _lines(path)]
    parts = _parts(lines, folds, run.plan.seed)
    for number, part in enumerate(parts, 1):
        folder = Path(run.output) / f"fold{number}"
        with naming(folder):
            folder.mkdir(parents=True, exist_ok=True)
        others = [line for other in parts if other is not part for line in other]
        for name, lines in (("dev", part), ("train", others)):
            checkpoint.write(folder / f"{name}.jsonl", "".join(lines))
        corpus = dataclasses.replace(first, path=str(folder / "train.jsonl"))
        dev = folder / "dev.jsonl"
        train(dataclasses.replace(run, train=(corpus, *rest), output=str(folder), dev=str(dev)))
        own = read_records(dev, schema)
        tagged = list(torch_pipeline(folder).tag(record.text for record in own))
        scores = {kind: round(r.micro.f1, 4) for kind, r in evaluate(own, tagged).items()}
        log.info("fold %d of %d: %s", number, folds, scores)
        records += own
        found += tagged
    reports = evaluate(records, found)
    checkpoint.write(Path(run.output) / "folds.json", json.dumps(figures(reports), indent=2) + "\n")
    return reports


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").split("\n")
    own = (line.removeprefix("\ufeff") for line in lines)  # one wherever files were joined
    return [f"{line}\n" for line in own if line.strip()]


def _document(row: dict[str, Any]) -> str | None:
    name = row.get("url") or row.get("doc")
    return None if name is None else str(name)


def _parts(lines: list[str], folds: int, seed: int) -> list[list[str]]:
    documents: dict[str, list[str]] = {}
    for number, line in enumerate(lines):
        documents.setdefault(_document(json.loads(line)) or str(number), []).append(line)
    if len(documents) < folds:
        raise MarsadError(f"{len(documents)} documents are too few for {folds} folds.")
    names = sorted(documents)
    random.Random(seed).shuffle(names)
    return [
        [line for name in names[part::folds] for line in documents[name]] for part in range(folds)
    ]
