"""The model card, written from what a bundle says of itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from marsad.bundle import Manifest
from marsad.calibration import BINS, LEVELS

NAMES = {
    "entity": "Entities",
    "trigger": "Triggers",
    "argument": "Arguments",
    "class": "Sentence classes",
}
CARD = """\
# {name}

A Marsad model: named entities and conflict events in Arabic news. `marsad-train export` writes this
card; `marsad info` prints the same facts.

- **Schema**: {schema}. Entities: {entities}. Events: {events}. Roles: {roles}.
- **Encoder**: {encoder}, read in windows of {window} pieces, {precision}.
- **Training data**: {data}.
- **Run**: seed {seed}, {epochs} epochs, batches of {batch_size} sentences; commit {commit}.
- **Licence**: {licence}.

## Scores on {dev}

Strict: labels and both offsets must be right. In brackets a 95 % bootstrap interval. The best epoch
was chosen on these very records, so expect a little less elsewhere. Of the entities found,
{agreement:.1%} are just those that the network finds in fp32, before quantisation.

| | precision | recall | F1 | annotated |
|---|---|---|---|---|
{scores}

## What a score means

{calibration}

Answers by their score, and the share of them that is right ("expected" is their mean score). For
classes an answer is each class of each sentence, yes or no.

| scores | entities | expected | right | triggers | expected | right | classes | expected | right |
|---|---|---|---|---|---|---|---|---|---|
{bins}

What `--min-score` leaves, and how good that is:

| min-score | entities: precision | recall | triggers: precision | recall |
|---|---|---|---|---|
{levels}

## Limits

It reads one sentence at a time: what a pronoun or an earlier sentence names is not linked. Events
that are denied, planned or feared should not be reported, but some are. Dialects, poetry and text
older than the news it was trained on are read worse. Do not act on one report alone.
"""


def write_card(folder: Path, manifest: Manifest) -> None:
    """Write ``README.md`` beside a bundle's manifest."""
    training = manifest.training
    run = training["run"]
    rows = [row for kind in NAMES if kind in manifest.metrics for row in _rows(kind, manifest)]
    card = CARD.format(
        name=manifest.name,
        schema=manifest.schema.name,
        entities=", ".join(manifest.schema.entities),
        events=", ".join(manifest.schema.events),
        roles=", ".join(manifest.schema.roles),
        encoder=run["encoder"]["name"],
        window=manifest.window,
        precision=training["precision"],
        data=run["data"],
        seed=run["plan"]["seed"],
        epochs=run["epochs"],
        batch_size=run["batch_size"],
        commit=training["commit"] or "unknown",
        licence=manifest.licence,
        dev=manifest.metrics["dev"],
        agreement=manifest.metrics["agreement"],
        scores="\n".join(rows),
        calibration=_calibration(manifest),
        bins="\n".join(_bins(manifest)),
        levels="\n".join(_levels(manifest)),
    )
    (folder / "README.md").write_text(card, encoding="utf-8")


def _rows(kind: str, manifest: Manifest) -> list[str]:
    report = manifest.metrics[kind]
    rows = [_row(f"**{NAMES[kind]}**", report["micro"])]
    rows += [_row(label, score) for label, score in report["labels"].items()]
    if kind == "class":
        interval = f"[{report['macro_low']:.3f}, {report['macro_high']:.3f}]"
        rows.append(f"| macro-F1 of classes | | | {report['macro_f1']:.3f} {interval} | |")
    return rows


def _row(title: str, score: dict[str, Any]) -> str:
    interval = f"{score['f1']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"
    return (
        f"| {title} | {score['precision']:.3f} | {score['recall']:.3f} | {interval} "
        f"| {score['gold']} |"
    )


def _calibration(manifest: Manifest) -> str:
    errors = ", ".join(
        f"{NAMES[kind].lower()} {own['error']:.3f}" for kind, own in _calibrated(manifest).items()
    )
    return (
        "Each head's logits are divided by a temperature that was fitted on these records; "
        f"what then scores less than {manifest.min_score:g} is not reported. "
        f"Expected calibration error (ten bins): {errors}."
    )


def _calibrated(manifest: Manifest) -> dict[str, dict[str, Any]]:
    metrics = manifest.metrics
    return {kind: metrics[kind]["calibration"] for kind in NAMES if kind in metrics}


def _bins(manifest: Manifest) -> Iterator[str]:
    calibrated = _calibrated(manifest)
    for place in range(BINS):
        cells = []
        for kind in ("entity", "trigger", "class"):
            bins = calibrated.get(kind, {}).get("bins", ())
            own = [b for b in bins if round(b["low"] * BINS) == place]
            cells += [f"{b['count']} | {b['score']:.2f} | {b['right']:.2f}" for b in own] or ["| |"]
        if set(cells) != {"| |"}:
            yield f"| {place / BINS:.1f} to {(place + 1) / BINS:.1f} | {' | '.join(cells)} |"


def _levels(manifest: Manifest) -> Iterator[str]:
    calibrated = _calibrated(manifest)
    for number, level in enumerate(LEVELS):
        cells = []
        for kind in ("entity", "trigger"):
            own = calibrated[kind]["levels"][number] if kind in calibrated else None
            cells.append(f"{own['precision']:.3f} | {own['recall']:.3f}" if own else "|")
        yield f"| {level:g} | {' | '.join(cells)} |"
