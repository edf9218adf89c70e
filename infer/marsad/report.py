"""What ``marsad evaluate`` and ``marsad info`` show: tables and lists, as text and for JSON."""

import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from marsad import __version__
from marsad.bundle import Manifest
from marsad.evaluate import Report, Score
from marsad.schema import Role, Schema
from marsad.terminal import cells

LIBRARIES = ("onnxruntime", "tokenizers", "numpy")
HEAD = ("", "P", "R", "F1", "[95 %]", "gold", "found")


def score_table(reports: Mapping[str, Report]) -> Iterator[str]:
    """Show every kind's scores, in percent, and below it those of its labels and their mean F1."""
    rows: list[tuple[str, ...]] = [HEAD]
    for kind, report in reports.items():
        rows.append(_score_row(kind, report.micro))
        rows += [_score_row(f"  {label}", score) for label, score in report.labels.items()]
        interval = _interval(report.macro_low, report.macro_high)
        rows.append(("  macro-F1", "", "", _percent(report.macro_f1), interval, "", ""))
    margin = max(cells(row[0]) for row in rows)
    for name, *figures in rows:
        columns = (
            figure.rjust(width) for figure, width in zip(figures, (5, 5, 5, 14, 6, 6), strict=True)
        )
        yield (name + " " * (margin - cells(name)) + "  " + " ".join(columns)).rstrip()


def _score_row(name: str, score: Score) -> tuple[str, ...]:
    rates = map(_percent, (score.precision, score.recall, score.f1))
    return (name, *rates, _interval(score.low, score.high), str(score.gold), str(score.predicted))


def _interval(low: float, high: float) -> str:
    return f"[{_percent(low)}, {_percent(high)}]"


def _percent(value: float) -> str:
    return f"{100 * value:.1f}"


def describe(folder: Path, manifest: Manifest) -> dict[str, Any]:
    """Say what a bundle is, and what would run it, as JSON has it."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    versions = {"marsad": __version__, **{name: version(name) for name in LIBRARIES}}
    return {
        "folder": str(folder),
        "bytes": size,
        **asdict(manifest),
        "versions": versions | {"python": platform.python_version()},
    }


def info_lines(about: Mapping[str, Any], schema: Schema) -> Iterator[str]:
    """Show what ``describe`` says, the schema as one reads it and other tables by dotted keys."""
    yield f"{about['name']}, in {about['folder']}, {about['bytes'] / 1e6:.1f} MB"
    yield from _schema_lines(schema)
    yield f"window    {about['window']} pieces"
    yield f"licence   {about['licence'] or 'not stated'}"
    for key in ("metrics", "training", "versions"):
        if about[key]:
            yield key
            yield from (f"  {name}  {value}" for name, value in _flat(about[key]))


def _schema_lines(schema: Schema) -> Iterator[str]:
    yield f"schema    {schema.name}"
    yield f"entities  {', '.join(schema.entities)}"
    yield f"classes   {', '.join(schema.classes) or 'none'}"
    events = (f"{kind} ({category})" for kind, category in schema.events.items())
    yield f"events    {', '.join(events) or 'none'}"
    for name, role in schema.roles.items():
        yield f"role      {name}: {_role(role)}"


def _role(role: Role) -> str:
    fillers = ", ".join(role.fillers)
    return f"{fillers} in {', '.join(role.events)}" if role.events else fillers


def _flat(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value
