"""``marsad-train``: pretrain an encoder, train a network, export a bundle."""

import json
import logging
import os
import sys
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from marsad.errors import MarsadError, check_writable
from marsad.report import score_table
from marsad_train.bench import bench, lengths, lengths_table, table
from marsad_train.config import Run, read_config
from marsad_train.export import Precision, export
from marsad_train.folds import cross_validate
from marsad_train.learn import train
from marsad_train.peaks import peaks, reached
from marsad_train.pretrain import Pretraining, pretrain

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train Marsad's models. `marsad` runs them.",
)
Changes = Annotated[
    list[str],
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Override a key, e.g. encoder.name=path/to/bert."
    ),
]
Config = Annotated[Path, typer.Argument(help="A TOML file, e.g. configs/small.toml.")]


@app.command("run")
def run_command(config: Config, changes: Changes = []) -> None:  # noqa: B006 - typer copies it
    """Train a network; the same command again goes on where a killed run was."""
    train(read_config(Run, config, changes))


@app.command("crossvalidate")
def crossvalidate_command(
    config: Config,
    changes: Changes = [],  # noqa: B006
    folds: Annotated[int, typer.Option(min=2, help="Parts of the data.")] = 5,
) -> None:
    """Train and score a recipe once for each part of its records that is left out."""
    for line in score_table(cross_validate(read_config(Run, config, changes), folds)):
        typer.echo(line)


@app.command("pretrain")
def pretrain_command(config: Config, changes: Changes = []) -> None:  # noqa: B006
    """Train an encoder on unlabelled text, by masked words."""
    pretrain(read_config(Pretraining, config, changes))


@app.command("bench")
def bench_command(
    run: Annotated[
        Path | None, typer.Option(help="A run, to measure its network and fp32 graph, too.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each reads all articles.")] = 3,
    out: Annotated[Path | None, typer.Option(help="Write the figures there, as JSON.")] = None,
) -> None:
    """Measure Marsad's speed beside transformers' pipelines, in turns."""
    if out:
        check_writable(out)
    with TemporaryDirectory() as folder:
        fp32 = Path(folder) / "fp32" if run else None
        if run and fp32:
            export(run, fp32, precision="fp32")
        figures = bench(run, fp32, rounds=rounds)
        encoders = {"fp32": reached(fp32)} if fp32 else {}
    encoders["int8"] = reached(None)
    for line in table(figures):
        typer.echo(line)
    documents = lengths()
    typer.echo()
    for line in lengths_table(documents):
        typer.echo(line)
    products = peaks()
    typer.echo()
    for name, most in products.items():
        share = f", the encoder {encoders[name] / most:.0%} of it" if name in encoders else ""
        typer.echo(f"matrix products, {name}: {most:.0f} GFLOP/s{share}")
    if out:
        ways = {name: asdict(own) for name, own in figures.items()}
        by_length = {length: own._asdict() for length, own in documents.items()}
        all_of_it = {"ways": ways, "lengths": by_length, "peaks": products, "encoders": encoders}
        out.write_text(json.dumps(all_of_it, indent=2) + "\n")


@app.command("export")
def export_command(
    run: Annotated[Path, typer.Argument(help="The output folder of a run.")],
    bundle: Annotated[Path, typer.Argument(help="The folder to write the bundle to.")],
    precision: Annotated[Precision, typer.Option(help="int8 for CPUs; fp32 for GPUs.")] = "int8",
) -> None:
    """Write a run's best weights as a bundle that `marsad --model` reads."""
    export(run, bundle, precision=precision)


def main() -> None:
    """Run the command line; what a caller can mend is one line on stderr and status 2."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    for chatty in ("httpx", "onnx_ir", "onnxscript"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app()
    except MarsadError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201 - the one place that prints
        sys.exit(2)
