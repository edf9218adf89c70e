"""The model card, written from what a bundle says of itself."""

from pathlib import Path
from typing import Any

from marsad.bundle import Manifest

NAMES = {"entity": "Entities", "trigger": "Triggers", "argument": "Arguments", "class": "Sentence classes"}


def write_card(folder: Path, manifest: Manifest) -> None:
    """Write ``README.md`` beside a bundle's manifest."""
    run = manifest.training.get("run", {})
    lines = [
        f"# {manifest.name}",
        "",
        "A Marsad model: named entities and conflict events in Arabic news. This card is written by",
        "`marsad-train export`; `marsad info` prints the same facts.",
        "",
        f"- **Schema**: {manifest.schema.name}. Entities: {', '.join(manifest.schema.entities)}. "
        f"Events: {', '.join(manifest.schema.events)}. Roles: {', '.join(manifest.schema.roles)}.",
        f"- **Encoder**: {run.get('encoder', {}).get('name', '')}, read in windows of "
        f"{manifest.window} pieces, {manifest.training.get('precision', '')}.",
        f"- **Training data**: {run.get('data', '')}.",
        f"- **Seed** {run.get('plan', {}).get('seed', '')}, {run.get('epochs', '')} epochs, "
        f"batches of {run.get('batch_size', '')} sentences; commit {manifest.training.get('commit') or 'unknown'}.",
        f"- **Licence**: {manifest.licence}.",
        "",
        f"## Scores on {manifest.metrics.get('dev', 'dev')}",
        "",
        "Strict: labels and both offsets must be right. In brackets a 95 % bootstrap interval. The best",
        "epoch was chosen on these very records, so expect a little less elsewhere.",
        "",
        "| | precision | recall | F1 | annotated |",
        "|---|---|---|---|---|",
    ]
    for kind, title in NAMES.items():
        if kind in manifest.metrics:
            lines += _rows(title, manifest.metrics[kind])
    lines += [
        "",
        "## Limits",
        "",
        "Read one sentence at a time: what a pronoun or an earlier sentence names is not linked. Events",
        "that are denied, planned or feared should not be reported, but some are. Dialects, poetry and",
        "text older than the news it was trained on are read worse. Do not act on one report alone.",
        "",
    ]
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")


def _rows(title: str, report: dict[str, Any]) -> list[str]:
    rows = [_row(f"**{title}**", report["micro"])]
    rows += [_row(label, score) for label, score in report["labels"].items()]
    if title == NAMES["class"]:
        interval = f"[{report['macro_low']:.3f}, {report['macro_high']:.3f}]"
        rows.append(f"| macro-F1 of classes | | | {report['macro_f1']:.3f} {interval} | |")
    return rows


def _row(title: str, score: dict[str, Any]) -> str:
    interval = f"{score['f1']:.3f} [{score['low']:.3f}, {score['high']:.3f}]"
    return f"| {title} | {score['precision']:.3f} | {score['recall']:.3f} | {interval} | {score['gold']} |"
