"""``marsad``: tag news, serve it over HTTP, evaluate a model, and say what a model is."""

import importlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from marsad import __version__, pipeline
from marsad.archive import Archive, Basis, files_of, tag_archive
from marsad.bundle import EMBEDDED, fingerprint, read_manifest
from marsad.console import is_terminal, print_lines, said_warnings, say, stdin
from marsad.errors import MarsadError, check_writable, naming
from marsad.evaluate import annotated_facts, evaluate
from marsad.extras import formats_library
from marsad.inputs import STDIN, Survey, survey
from marsad.lines import json_text
from marsad.meter import Meter, open_bar, tag_sources
from marsad.mistakes import mistakes
from marsad.noise import NOISES, cost_of_noise
from marsad.output import format_name, to_stream
from marsad.readers import READERS, read
from marsad.records import read_records
from marsad.report import describe, info_lines, mistake_table, noise_table, score_table
from marsad.server.settings import KEY, parse_flags, read_settings
from marsad.terminal import plain
from marsad.writers import FORMATS, format_of

# Exit statuses; the last two are what a shell reports of a program that ended by the signal.
SOME_FAILED, REFUSED, INTERRUPTED, CUT_OFF = 1, 2, 130, 141
USAGE = "nothing to read; give files, folders, globs, or - for standard input: marsad tag news/"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
Model = Annotated[
    Path | None, typer.Option(metavar="DIR", help="A model bundle; without it, Marsad's own.")
]
Device = Annotated[str, typer.Option(metavar="auto|cpu|cuda", help="auto: CUDA when it is there.")]
Threads = Annotated[
    int, typer.Option(min=0, metavar="N", help="Threads of the model; 0: one for each core.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no summary; only errors.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Inputs = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="INPUT",
        show_default=False,
        help="Files (.txt: a text; .jsonl .csv .parquet: a text a row; also .gz .zst), folders, "
        "globs, or -.",
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="OUT", help="Write here, not to stdout.")
]
FormatName = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="|".join(FORMATS),
        help="Else what OUT's suffix tells; text on a terminal, jsonl where nothing does.",
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Start afresh, whatever is written of OUT.")
]
MinScore = Annotated[
    float,
    typer.Option(min=0, max=1, metavar="SCORE", help="Leave out what scores less, 0 to 1."),
]


def _tell_version(asked: bool) -> None:
    if asked:
        with _ending_well():
            print_lines([f"marsad {__version__}"])
        raise typer.Exit


@app.callback()
def _common(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Print the version, and end."
        ),
    ] = False,
) -> None:
    """Read Arabic news of armed conflict: who did what to whom, where and when."""


@app.command("tag")
def tag_command(  # noqa: PLR0913 - each is an option
    inputs: Inputs = None,
    output: Output = None,
    format_: FormatName = None,
    min_score: MinScore = 0.0,
    overwrite: Overwrite = False,
    model: Model = None,
    device: Device = "auto",
    threads: Threads = 0,
    quiet: Quiet = False,
) -> None:
    """Find the entities and events of texts.

    With -o, what could not be read is listed in OUT.errors.jsonl, and a run that was broken off
    goes on when the same command is given again.

    Exit status: 0, all were tagged; 1, some could not be read; 2, none could, or wrong usage.
    """
    with _ending_well(), nullcontext() if quiet else said_warnings():
        names = inputs or _piped()
        path = None if output is None or str(output) == STDIN else output
        name = format_name(format_, path)
        if FORMATS[name].needs:  # or it would be missed at the end
            formats_library(FORMATS[name].needs, f"--format {name}")
        ours = files_of(path) if path else ()
        found = survey(names, READERS, ours)
        options = f"{name}, --min-score {min_score}, --device {device}, marsad {__version__}"
        basis = Basis(_known(names, found), fingerprint(model or EMBEDDED), options)
        archive = _archive(path, basis, overwrite=overwrite) if path else None
        if archive and archive.progress.state == "finished":
            say(f"{path}: finished already, and not touched; --overwrite starts afresh.")
            raise typer.Exit(SOME_FAILED if archive.progress.failed else 0)
        tagger = pipeline.load(model, device=device, threads=threads)
        form = format_of(name, tagger.manifest.schema)
        tag = partial(tag_sources, tagger, min_score=min_score)
        items = read(names, stdin(), ours=ours)
        with _meter(found.size, archive, quiet=quiet) as meter:
            if archive and path:
                with naming(path), archive:
                    tag_archive(tag, items, archive, meter)
                    archive.close(form)
            else:
                to_stream(tag(items, meter), form, path, meter)
        if not quiet and (meter.documents or not meter.failed):
            say(meter.summary)
        if meter.failed:
            raise typer.Exit(SOME_FAILED if meter.documents else REFUSED)


@app.command("evaluate")
def evaluate_command(  # noqa: PLR0913 - each is an option
    gold: Annotated[Path, typer.Argument(help="Annotated records, as JSONL.")],
    model: Model = None,
    noise: Annotated[
        bool, typer.Option("--noise", help="Also score the records written in other ways.")
    ] = False,
    listed: Annotated[
        Path | None,
        typer.Option(
            "--mistakes", metavar="OUT", help="Write wrong entities and triggers there, as JSONL."
        ),
    ] = None,
    as_json: AsJson = False,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Score a model on annotated records: strict, with 95 % bootstrap intervals of F1."""
    with _ending_well():
        tagger = pipeline.load(model, device=device, threads=threads)
        records = read_records(gold, tagger.manifest.schema)
        if not any(annotated_facts(record) for record in records):
            raise MarsadError(
                f'{gold}: nothing is annotated there; wanted "entities", "events" or "classes".'
            )
        if listed and listed.exists() and listed.samefile(gold):
            raise MarsadError(f"{listed}: this is what is read; give another file.")
        if listed:
            check_writable(listed)
        ways = [list, *NOISES.values()] if noise else [list]
        size = sum(len(part) for way in ways for record in records for part in way(record.text))
        with open_bar(size, "char", shown=is_terminal(sys.stderr)) as bar:
            tag = partial(tagger.tag, progress=bar.update)
            found = list(tag(record.text for record in records))
            reports = evaluate(records, found)
            costs = cost_of_noise(records, found, tag) if noise else {}
        wrong = list(mistakes(records, found))
        if listed:
            with naming(listed), listed.open("wb") as out:
                out.writelines(f"{json_text(mistake._asdict())}\n".encode() for mistake in wrong)
        if as_json:
            table = {kind: asdict(report) for kind, report in reports.items()}
            print_lines([json_text(table | ({"noise": costs} if noise else {}), indent=2)])
        else:
            print_lines(map(plain, score_table(reports)))
            print_lines(map(plain, noise_table(costs)))
            print_lines(map(plain, mistake_table(wrong) if listed else ()))


@app.command("info")
def info_command(model: Model = None, as_json: AsJson = False) -> None:
    """Say what a model is: its schema, licence, figures and origin."""
    with _ending_well():
        folder = model or EMBEDDED
        manifest = read_manifest(folder)
        about = describe(folder, manifest)
        lines = map(plain, info_lines(about, manifest.schema))
        print_lines([json_text(about, indent=2)] if as_json else lines)


@app.command("serve")
def serve_command(
    host: Annotated[str | None, typer.Option(help="Where to listen; 0.0.0.0: everywhere.")] = None,
    port: Annotated[int | None, typer.Option(help="0: any that is free.")] = None,
    model: Annotated[
        str | None, typer.Option(metavar="DIR", help="A model bundle; without it, Marsad's own.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option(metavar="TOML", help="Settings, as in configs/serve.toml.")
    ] = None,
    others: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Any other setting.")
    ] = None,
) -> None:
    """Answer over HTTP, with a page for people at /.

    Every setting can also come from the environment, as MARSAD_SERVE_PORT=8080. If
    MARSAD_SERVE_KEY is set there, clients must send it as a bearer token.
    """
    with _ending_well():
        flags = {"host": host, "port": port, "model": model}
        given = {name: value for name, value in flags.items() if value is not None}
        settings = read_settings(config, os.environ, parse_flags(others or []) | given)
        try:
            run = importlib.import_module("marsad.server.run")
        except ModuleNotFoundError as error:
            raise MarsadError(
                f"marsad serve needs {error.name}: pip install 'marsad[serve]'."
            ) from error
        run.serve(settings, key=os.environ.get(KEY, ""))


def main() -> None:
    """Run the command line."""
    app(prog_name="marsad")


@contextmanager
def _ending_well() -> Iterator[None]:
    """Say in one line what the caller can mend; end quietly when interrupted or cut off."""
    try:
        yield
    except MarsadError as error:
        say(f"error: {error}")
        raise typer.Exit(REFUSED) from error
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:  # as of ``marsad tag … | head``
        raise typer.Exit(CUT_OFF) from None


def _piped() -> Sequence[str]:
    if sys.stdin is None or is_terminal(sys.stdin):
        raise MarsadError(USAGE)
    return [STDIN]


def _archive(path: Path, basis: Basis, *, overwrite: bool) -> Archive | None:
    """The files of a run; None where its output is a device or a pipe."""
    with naming(path):
        plain_file = path.is_file() or path.is_dir() or not path.exists()
        return Archive(path, basis, overwrite=overwrite) if plain_file else None


def _known(names: Sequence[str], found: Survey) -> str:
    """What tells an input from another; standard input is never the same again."""
    return found.digest if STDIN not in names else f"standard input {uuid4()}"


@contextmanager
def _meter(total: int | None, archive: Archive | None, *, quiet: bool) -> Iterator[Meter]:
    watched = not quiet and is_terminal(sys.stderr)
    start = archive.progress.position if archive else 0
    with open_bar(total, "B", shown=watched, initial=start) as bar:
        yield Meter(bar, say, None if quiet or watched else say)
