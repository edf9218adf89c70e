"""What ``marsad evaluate`` and ``marsad info`` show: tables and lists, as text and for JSON."""

import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from marsad import __version__
from marsad.bundle import Manifest
from marsad.evaluate import Report, Score
from marsad.mistakes import Mistake, tally
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
        error = _percent(report.calibration.error)
        rows.append(("  calibration error", "", "", error, "", "", ""))
    margin = max(cells(row[0]) for row in rows)
    for name, *figures in rows:
        columns = (
            figure.rjust(width) for figure, width in zip(figures, (5, 5, 5, 14, 6, 6), strict=True)
        )
        yield (name + " " * (margin - cells(name)) + "  " + " ".join(columns)).rstrip()


def noise_table(costs: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Show what each noise costs: F1 by kind, and the share of entities that flip, in percent."""
    for number, (name, figures) in enumerate(costs.items()):
        if not number:
            yield ""
            yield " " * 20 + "".join(title.rjust(10) for title in figures)
        yield name.ljust(20) + "".join(_percent(value).rjust(10) for value in figures.values())


def mistake_table(found: Iterable[Mistake]) -> Iterator[str]:
    """Show how often what was taken for what, the most frequent first."""
    for number, ((kind, sort, wanted, got), count) in enumerate(tally(found)):
        if not number:
            yield ""
            yield f"{'':9}{'mistake':10}{'annotated':18}{'found':18}{'count':>5}"
        yield f"{kind:9}{sort:10}{wanted or '-':18}{got or '-':18}{count:5}"


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
    versions = {name: import_module(name).__version__ for name in LIBRARIES}
    return {
        "folder": str(folder),
        "bytes": size,
        **asdict(manifest),
        "versions": {"marsad": __version__, **versions, "python": platform.python_version()},
    }


def info_lines(about: Mapping[str, Any], schema: Schema) -> Iterator[str]:
    """Show the gist of what ``describe`` says, the schema as one reads it."""
    yield f"{about['name']}, in {about['folder']}, {about['bytes'] / 1e6:.1f} MB"
    yield from _schema_lines(schema)
    yield f"window    {about['window']} pieces"
    yield f"licence   {about['licence'] or 'not stated'}"
    for key in ("metrics", "training", "versions"):
        if lines := list(_facts(about[key])):
            yield key
            yield from lines
    yield "more in its README.md, all of it with --json"


def _facts(table: Mapping[str, Any]) -> Iterator[str]:
    """What a table says in plain values, and the F1 of the reports in it."""
    for key, value in table.items():
        micro = value.get("micro") if isinstance(value, Mapping) else None
        if isinstance(micro, Mapping) and {"f1", "low", "high"} <= micro.keys():
            yield f"  {key}  F1 {micro['f1']:.3f} [{micro['low']:.3f}, {micro['high']:.3f}]"
        elif isinstance(value, str | int | float):
            yield f"  {key}  {value:.3f}" if isinstance(value, float) else f"  {key}  {value}"


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
