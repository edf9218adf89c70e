"""``marsad``: tag news, serve it over HTTP, evaluate a model, and say what a model is."""

import importlib
import io
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any, BinaryIO, TextIO

import typer
from tqdm import tqdm

from marsad import pipeline
from marsad.bundle import EMBEDDED, read_manifest
from marsad.errors import MarsadError
from marsad.evaluate import evaluate
from marsad.inputs import STDIN, total_bytes
from marsad.meter import Meter, open_bar, tag_sources
from marsad.mistakes import mistakes
from marsad.noise import NOISES, cost_of_noise
from marsad.readers import READERS, read
from marsad.records import read_records
from marsad.report import describe, info_lines, mistake_table, noise_table, score_table
from marsad.schema import Document
from marsad.server.settings import KEY, parse_flags, read_settings
from marsad.terminal import plain
from marsad.writers import WRITERS, Writer, json_text, open_output, write_text

# Exit statuses; the last two are what a shell reports of a program that ended by the signal.
SOME_FAILED, REFUSED, INTERRUPTED, CUT_OFF = 1, 2, 130, 141
WIDEST = 100  # columns; longer lines are hard to follow
USAGE = "nothing to read; give files, folders, globs, or - for standard input: marsad tag news/"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Read Arabic news of armed conflict: who did what to whom, where and when.",
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
        help="Files (.txt: a text; .jsonl: an object with a text a line), folders, globs, or -.",
    ),
]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="OUT", help="Write here, not to stdout.")
]
Format = Annotated[
    str | None,
    typer.Option("--format", metavar="jsonl|text", help="text on a terminal, else jsonl."),
]
MinScore = Annotated[
    float,
    typer.Option(min=0, max=1, metavar="SCORE", help="Leave out what scores less, 0 to 1."),
]


@app.command("tag")
def tag_command(  # noqa: PLR0913 - each is an option
    inputs: Inputs = None,
    output: Output = None,
    format_: Format = None,
    min_score: MinScore = 0.0,
    model: Model = None,
    device: Device = "auto",
    threads: Threads = 0,
    quiet: Quiet = False,
) -> None:
    """Find the entities and events of texts.

    Exit status: 0, all were tagged; 1, some could not be read; 2, none could, or wrong usage.
    """
    with _ending_well():
        names = inputs or _piped()
        to_file = output is not None and str(output) != STDIN
        on_screen = not to_file and _is_terminal(sys.stdout)
        writer = _writer(format_, on_screen=on_screen)
        tagger = pipeline.load(model, device=device, threads=threads)
        watched = not quiet and _is_terminal(sys.stderr)
        total = total_bytes(names, READERS) if watched else None
        with open_bar(total, "B", shown=watched) as bar:
            meter = Meter(bar, _say)
            tagged = tag_sources(tagger, read(names, _stdin()), meter)
            documents = (document.above(min_score) for document in tagged)
            with open_output(output) if output and to_file else _stdout() as out:
                writer(_making_way(documents, bar) if on_screen else documents, out)
                if meter.failed and not meter.documents:
                    raise typer.Exit(REFUSED)  # and leave no empty output behind
        if not quiet:
            _say(meter.summary)
        if meter.failed:
            raise typer.Exit(SOME_FAILED)


@app.command("evaluate")
def evaluate_command(  # noqa: PLR0913 - each is an option
    gold: Annotated[Path, typer.Argument(help="Annotated records, as JSONL.")],
    model: Model = None,
    noise: Annotated[
        bool, typer.Option("--noise", help="Also score the records written in other ways.")
    ] = False,
    listed: Annotated[
        Path | None,
        typer.Option("--mistakes", metavar="OUT", help="Write every mistake there, as JSONL."),
    ] = None,
    as_json: AsJson = False,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Score a model on annotated records: strict, with 95 % bootstrap intervals of F1."""
    with _ending_well():
        tagger = pipeline.load(model, device=device, threads=threads)
        records = read_records(gold, tagger.manifest.schema)
        ways = [list, *NOISES.values()] if noise else [list]
        size = sum(len(part) for way in ways for record in records for part in way(record.text))
        with open_bar(size, "char", shown=_is_terminal(sys.stderr)) as bar:
            tag = partial(tagger.tag, progress=bar.update)
            found = list(tag(record.text for record in records))
            reports = evaluate(records, found)
            costs = cost_of_noise(records, found, tag) if noise else {}
        wrong = list(mistakes(records, found))
        if listed:
            with open_output(listed) as out:
                out.writelines(f"{json_text(mistake._asdict())}\n".encode() for mistake in wrong)
        if as_json:
            table = {kind: asdict(report) for kind, report in reports.items()}
            _print([json_text(table | ({"noise": costs} if noise else {}), indent=2)])
        else:
            _print(map(plain, score_table(reports)))
            _print(map(plain, noise_table(costs)))
            _print(map(plain, mistake_table(wrong) if listed else ()))


@app.command("info")
def info_command(model: Model = None, as_json: AsJson = False) -> None:
    """Say what a model is: its schema, licence, figures and origin."""
    with _ending_well():
        folder = model or EMBEDDED
        manifest = read_manifest(folder)
        about = describe(folder, manifest)
        lines = map(plain, info_lines(about, manifest.schema))
        _print([json_text(about, indent=2)] if as_json else lines)


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
        _say(f"error: {error}")
        raise typer.Exit(REFUSED) from error
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:  # as of ``marsad tag … | head``
        raise typer.Exit(CUT_OFF) from None


def _piped() -> Sequence[str]:
    if sys.stdin is None or _is_terminal(sys.stdin):
        raise MarsadError(USAGE)
    return [STDIN]


def _writer(name: str | None, *, on_screen: bool) -> Writer:
    name = name or ("text" if on_screen else "jsonl")
    if name not in WRITERS:
        raise MarsadError(f"--format {name!r}: wanted {' or '.join(WRITERS)}.")
    if name == "text" and on_screen:
        colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        width = min(WIDEST, shutil.get_terminal_size().columns)
        return partial(write_text, colour=colour, width=width)
    return WRITERS[name]


def _making_way(documents: Iterator[Document], bar: Any) -> Iterator[Document]:
    """Take the bar off the screen before a document is written there; it comes back below."""
    for document in documents:
        bar.clear()
        yield document


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()


def _stdin() -> BinaryIO:
    return sys.stdin.buffer if sys.stdin else io.BytesIO()


@contextmanager
def _stdout() -> Iterator[BinaryIO]:
    if sys.stdout is None:
        raise MarsadError("standard output is closed; write to a file with -o.")
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in the buffer would raise again when Python exits.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise MarsadError(f"standard output: {error.strerror or error}.") from error


def _print(lines: Iterable[str]) -> None:
    with _stdout() as out:
        out.writelines(f"{line}\n".encode() for line in lines)


def _say(line: str) -> None:
    if sys.stderr:
        tqdm.write(plain(line), file=sys.stderr)  # above the bar, if there is one
