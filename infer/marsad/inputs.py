"""Names on a command line to files: folders walked, globs matched, in a fixed order."""

import glob
import os
import stat
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

STDIN = "-"

Identity = tuple[int, int]  # of a folder, whatever the path to it


class Place(NamedTuple):
    """Where a document stands: a file, and the line of it where a line is a document."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        """Name the place as errors do."""
        return self.file if self.line is None else f"{self.file}:{self.line}"


class Failure(NamedTuple):
    """A place from which no document could be read, and why."""

    place: Place
    reason: str


Found = Path | Failure


def find_files(name: str, suffixes: Collection[str]) -> Iterator[Found]:
    """Find the files that a file's, folder's or glob's name stands for.

    A file must have one of the suffixes; of what lies in a folder, the others are passed over.
    """
    if glob.has_magic(name) and not os.path.lexists(name):
        yield from _match(name, suffixes)
    else:
        yield from _named(name, suffixes)


def total_bytes(names: Iterable[str], suffixes: Collection[str]) -> int | None:
    """Add up the sizes of all files; None if standard input, which has none, is among the names."""
    total = 0
    for name in names:
        if name == STDIN:
            return None
        for found in find_files(name, suffixes):
            if isinstance(found, Path):
                total += _size(found)
    return total


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # gone since it was found; whoever reads it will say so
        return 0


def _failure(name: str, error: Exception) -> Failure:
    reason = error.strerror if isinstance(error, OSError) else None
    return Failure(Place(Path(name).as_posix()), f"{reason or error}.")


def _known(suffixes: Collection[str]) -> str:
    return " or ".join(suffixes)


def _named(name: str, suffixes: Collection[str]) -> Iterator[Found]:
    path = Path(name)
    try:
        is_folder = stat.S_ISDIR(os.stat(name).st_mode)
    except (OSError, ValueError) as error:
        yield _failure(name, error)
        return
    if is_folder:
        yield from _look_into(name, suffixes)
    elif path.suffix.lower() in suffixes:
        yield path
    else:
        found = f"the suffix {path.suffix!r}" if path.suffix else "no suffix"
        wanted = f"{_known(suffixes)}, or - for standard input"
        yield Failure(Place(path.as_posix()), f"unknown format, {found}; wanted {wanted}.")


def _match(pattern: str, suffixes: Collection[str]) -> Iterator[Found]:
    anchor = Path(Path(pattern).anchor)
    try:
        # Unlike glob.glob, pathlib follows no links below **, which may lead round in circles.
        matches = sorted(map(str, anchor.glob(str(Path(pattern).relative_to(anchor)))))
    except (OSError, ValueError, NotImplementedError) as error:
        yield _failure(pattern, error)
        return
    if not matches:
        yield Failure(Place(pattern), "no file matches.")
    walked: set[Path] = set()
    for match in matches:
        if not walked.isdisjoint(Path(match).parents):
            continue
        if os.path.isdir(match):
            walked.add(Path(match))
        yield from _named(match, suffixes)


def _look_into(folder: str, suffixes: Collection[str]) -> Iterator[Found]:
    empty = True
    for found in _walk(folder, suffixes):
        empty = False
        yield found
    if empty:
        yield Failure(Place(Path(folder).as_posix()), f"no {_known(suffixes)} file in this folder.")


def _walk(top: str, suffixes: Collection[str]) -> Iterator[Found]:
    """Walk a folder in the order of names; linked folders too, unless they lead back up."""
    above: list[Identity] = []  # the folders that are open
    levels = [iter([top])]  # and what is still to be seen beside and in each of them
    while levels:
        path = next(levels[-1], None)
        if path is None:
            levels.pop()
            del above[-1:]
            continue
        try:
            status = os.stat(path)
            if not stat.S_ISDIR(status.st_mode):
                yield from _regular(path, status, suffixes)
                continue
            identity = (status.st_dev, status.st_ino)
            if identity in above:
                yield Failure(Place(Path(path).as_posix()), "a link back to a folder above it.")
                continue
            levels.append(_children(path))
            above.append(identity)
        except OSError as error:
            yield _failure(path, error)


def _children(folder: str) -> Iterator[str]:
    names = sorted(os.listdir(folder))
    return (os.path.join(folder, name) for name in names)


def _regular(path: str, status: os.stat_result, suffixes: Collection[str]) -> Iterator[Found]:
    if Path(path).suffix.lower() not in suffixes:
        return
    if stat.S_ISREG(status.st_mode):
        yield Path(path)
    else:  # a pipe would be waited for without end
        yield Failure(Place(Path(path).as_posix()), "no regular file.")
