"""A run over an archive: written so that a kill at any moment leaves what the same command goes on.

OUT.part                what is tagged, as JSON lines whatever the format of OUT
OUT.errors.jsonl.part   what is not, and why
OUT.progress            how far both are valid, written after them and in one piece; it stays, to
                        tell whether a finished OUT is that of the same input, model and options

A rerun cuts both files to what was recorded, and skips as many items of the input. They must be the
same: where a file failed and is read now, all behind it stands elsewhere. Documents are tagged in
batches that depend on nothing but where the one before ended, so that scores, whose last digits may
differ with what a sentence is computed with, are those of an unbroken run.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from marsad.errors import MarsadError
from marsad.inputs import Failure
from marsad.lines import json_text, write_jsonl
from marsad.meter import Meter
from marsad.schema import Document
from marsad.sources import Item, Source
from marsad.writers import Format, Tagged, Writer

BATCH = 60_000  # characters that are tagged between two records of progress: about a chunk
AGAIN = "--overwrite starts afresh"
VERSION = 2


# ``tag_sources`` of a pipeline, with what may be done to its documents.
Tagger = Callable[[Iterable[Item], Meter, Callable[[Failure], None]], Iterator[Document]]


class Basis(NamedTuple):
    """What a result depends on, each as a digest or a description."""

    input: str
    model: str
    options: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a run has come."""

    basis: Basis
    version: int = VERSION
    consumed: int = 0  # items of the input: documents and failures
    trail: str = ""  # a digest of which they were
    failed: int = 0
    words: int = 0
    position: int = 0  # in bytes of the input
    written: int = 0  # bytes of OUT.part
    errors: int = 0  # bytes of OUT.errors.jsonl.part
    state: str = "tagging"  # then "closing", from when on nothing is computed, and "finished"


class Archive:
    """The files of a run: opened where it was left, recorded step by step, and closed at the end.

    Raises:
        MarsadError: they are of another run.
        OSError: they cannot be written; ``naming`` says so.
    """

    def __init__(self, path: Path, basis: Basis, *, overwrite: bool) -> None:
        self.path = path.resolve()
        self.errors_path = _beside(self.path, ".errors.jsonl")
        self._name = str(path)
        self._part = _beside(self.path, ".part")
        self._errors_part = _beside(self.errors_path, ".part")
        self._journal = _beside(self.path, ".progress")
        if self.path.is_dir():
            raise MarsadError(f"{path}: Is a directory.")
        known = None if overwrite else self._recorded(basis)
        self.progress = known or Progress(basis=basis)
        self._resumed = known is not None

    def __enter__(self) -> Self:
        """Open the files, and cut off what was not recorded."""
        if self.progress.state == "tagging":
            if not self._resumed:  # what is there of another run must not be taken for this one's
                self._record(self.progress)
            self._out = _open_at(self._part, self.progress.written)
            self._errors = _open_at(self._errors_part, self.progress.errors)
        return self

    def __exit__(self, *_: object) -> None:
        """Close the files; what was not recorded of them does not count."""
        if self.progress.state == "tagging":
            self._out.close()
            self._errors.close()

    def fail(self, failure: Failure) -> None:
        """Write an entry of the error file."""
        entry = {"id": failure.id, "place": str(failure.place), "reason": failure.reason}
        self._errors.write(json_text(entry).encode() + b"\n")

    def write(self, documents: Iterable[Document]) -> None:
        """Write results; they count when they are recorded."""
        write_jsonl(documents, self._out)

    def record(self, progress: Progress) -> None:
        """Record how far the run has come, once what was written is safe on the disk."""
        for stream in (self._out, self._errors):
            stream.flush()
            os.fsync(stream.fileno())
        self._record(replace(progress, written=self._out.tell(), errors=self._errors.tell()))

    def close(self, format_: Format) -> None:
        """Make the output of what was tagged, and put it and the error file in their places.

        Every step may be repeated after a kill, so that they all come to the same end.
        """
        if self.progress.state == "tagging":
            self._out.close()
            self._errors.close()
            if self.progress.failed and self.progress.failed == self.progress.consumed:
                self._give_up()
                return
            if format_.suffix != ".jsonl":
                self._convert(format_.write)
            self._record(replace(self.progress, state="closing"))
        made = self._part if format_.suffix == ".jsonl" else self._made
        for part, target, size in (
            (made, self.path, 1),
            (self._errors_part, self.errors_path, self.progress.errors),
        ):
            if not size:
                target.unlink(missing_ok=True)
                part.unlink(missing_ok=True)
            elif part.exists():
                os.replace(part, target)
        self._part.unlink(missing_ok=True)
        _sync_folder(self.path.parent)
        self._record(replace(self.progress, state="finished"))

    def _give_up(self) -> None:
        """Leave the error file alone: nothing could be tagged, and an output there stays."""
        self._journal.unlink()
        os.replace(self._errors_part, self.errors_path)
        self._part.unlink()

    @property
    def _made(self) -> Path:
        return _beside(self.path, ".made")

    def _convert(self, write: Writer) -> None:
        with self._made.open("wb") as made:
            write(Tagged(self._part), made)
            made.flush()
            os.fsync(made.fileno())

    def _recorded(self, basis: Basis) -> Progress | None:
        """What is recorded of an earlier run; None if there was none."""
        try:
            value = json.loads(self._journal.read_bytes())
            known = Progress(**value | {"basis": Basis(**value["basis"])})
        except FileNotFoundError:
            if self.path.exists():
                raise MarsadError(
                    f"{self._name}: exists, and no {self._journal.name} says of what; {AGAIN}."
                ) from None
            return None
        except (ValueError, TypeError, KeyError) as error:
            raise MarsadError(f"{self._journal}: no record of progress; {AGAIN}.") from error
        if known.version != VERSION:
            raise MarsadError(f"{self._journal}: of another version of Marsad; {AGAIN}.")
        for name, before, now in zip(Basis._fields, known.basis, basis, strict=True):
            if before != now:
                raise MarsadError(
                    f"{self._name}: begun with another {name.replace('options', 'set of options')}"
                    f"; give the same again, or another OUT, or {AGAIN}."
                )
        if known.state == "finished" and not self.path.exists():
            return None
        self._check_lengths(known)
        return known

    def _check_lengths(self, known: Progress) -> None:
        if known.state != "tagging":
            return
        for part, length in ((self._part, known.written), (self._errors_part, known.errors)):
            if length and (not part.exists() or part.stat().st_size < length):
                raise MarsadError(f"{part}: shorter than the {length} bytes recorded; {AGAIN}.")

    def _record(self, progress: Progress) -> None:
        self.progress = progress
        value = asdict(progress) | {"basis": progress.basis._asdict()}
        fresh = _beside(self._journal, ".new")
        with fresh.open("w", encoding="utf-8") as stream:
            json.dump(value, stream, indent=1)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(fresh, self._journal)
        _sync_folder(self.path.parent)


def tag_archive(tagger: Tagger, items: Iterable[Item], archive: Archive, meter: Meter) -> None:
    """Tag what an earlier run has left, and record every batch."""
    done = archive.progress
    tagged = done.consumed - done.failed
    meter.resume(documents=tagged, failed=done.failed, words=done.words, position=done.position)
    for batch, trail in _left(items, done) if done.state == "tagging" else ():
        archive.write(tagger(batch, meter, archive.fail))
        archive.record(
            replace(
                archive.progress,
                consumed=meter.documents + meter.failed,
                trail=trail,
                failed=meter.failed,
                words=meter.words,
                position=meter.position,
            )
        )


def _left(items: Iterable[Item], done: Progress) -> Iterator[tuple[list[Item], str]]:
    """The batches that an earlier run has left, each with the trail up to its end.

    Raises:
        MarsadError: those that it did not leave are others now.
    """
    found = batches(items)
    consumed, trail = 0, ""
    while consumed < done.consumed and (batch := next(found, None)):
        consumed, trail = consumed + len(batch), _trail(trail, batch)
    if (consumed, trail) != (done.consumed, done.trail):
        raise MarsadError(
            "the input reads otherwise than when the run was begun: what could not be read then "
            f"can be now, or the other way round; {AGAIN}."
        )
    for batch in found:
        trail = _trail(trail, batch)
        yield batch, trail


def _trail(before: str, batch: Iterable[Item]) -> str:
    digest = hashlib.sha256(before.encode())
    for item in batch:
        line = f"{isinstance(item, Source)} {item.place}\n"
        digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Cut a stream into batches of about a size, each beginning where the one before ended."""
    batch: list[Item] = []
    size = 0
    for item in items:
        batch.append(item)
        size += 1 + (len(item.text) if isinstance(item, Source) else 0)
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def files_of(path: Path) -> set[Path]:
    """What a run writes, which is never to be read as its input."""
    out = path.resolve()
    errors = _beside(out, ".errors.jsonl")
    beside = (_beside(out, end) for end in (".part", ".made", ".progress", ".progress.new"))
    return {out, errors, _beside(errors, ".part"), *beside}


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _open_at(path: Path, length: int) -> BinaryIO:
    """Open a file for writing behind so many bytes of it, the rest of which is cut off."""
    stream = path.open("r+b" if path.exists() else "w+b")
    stream.truncate(length)
    stream.seek(length)
    return stream


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder as safe as what is in the files."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
