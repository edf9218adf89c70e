"""Names on a command line to files: folders walked, globs matched, in a fixed order."""

import glob
import hashlib
import logging
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

from marsad.errors import MarsadError

STDIN = "-"
COMPRESSED = (".gz", ".zst")

logger = logging.getLogger("marsad")

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
    id: str | None = None  # of the document, where it has one


class Survey(NamedTuple):
    """What is to be read: how many bytes, and a digest of which files, sizes and times."""

    size: int | None  # None where standard input is among it, which has none
    digest: str


class Passed(NamedTuple):
    """A file in a folder that is of no known format."""

    path: str


Found = Path | Failure


def suffix_of(path: Path) -> str:
    """The suffix that tells a file's format: ``.csv`` of ``a.csv``, ``.csv.gz`` of ``a.CSV.gz``."""
    last = path.suffix.lower()
    return Path(path.stem).suffix.lower() + last if last in COMPRESSED else last


def format_of(path: Path) -> str:
    """The suffix that tells a file's format, whether it is compressed or not."""
    suffix = suffix_of(path)
    return suffix.removesuffix(Path(suffix).suffix) if suffix.endswith(COMPRESSED) else suffix


def find_files(
    name: str, suffixes: Collection[str], *, ours: Collection[Path] = ()
) -> Iterator[Found]:
    """Find the files that a file's, folder's or glob's name stands for.

    A file must have one of the suffixes; of what lies in a folder, the others are passed over, and
    so are those that are ours: absolute paths of what the run writes itself.

    Raises:
        MarsadError: it is the name of one that is ours.
    """
    for found in _look(name, suffixes, ours):
        if not isinstance(found, Passed):
            yield found


def _look(name: str, suffixes: Collection[str], ours: Collection[Path]) -> Iterator[Found | Passed]:
    names = {path.name for path in ours}
    for found in _find(name, suffixes):
        file = found if isinstance(found, Path) else Path(_path_of(found))
        outright = isinstance(found, Path) and file == Path(name)
        # The rest need not be resolved.
        if not (outright or file.name in names) or Path(os.path.realpath(file)) not in ours:
            yield found
        elif outright:
            raise MarsadError(f"{name}: this is what is written; give another output.")


def survey(names: Iterable[str], suffixes: Collection[str], ours: Collection[Path] = ()) -> Survey:
    """Look at all files that are to be read, but not into them; log how many are passed over."""
    digest = hashlib.sha256()
    total: int | None = 0
    passed = 0
    for name in names:
        if name == STDIN:
            total = None
            continue
        for found in _look(name, suffixes, ours):
            if isinstance(found, Passed):
                passed += 1
                continue
            size, time = _stamp(found) if isinstance(found, Path) else (0, 0)
            total = None if total is None else total + size
            digest.update(f"{found}\0{size}\0{time}\n".encode("utf-8", "surrogateescape"))
    if passed:
        logger.warning("of no known format, and so passed over in folders: %d.", passed)
    return Survey(total, digest.hexdigest())


def _path_of(found: Failure | Passed) -> str:
    return found.place.file if isinstance(found, Failure) else found.path


def _find(name: str, suffixes: Collection[str]) -> Iterator[Found | Passed]:
    if glob.has_magic(name) and not os.path.lexists(name):
        yield from _match(name, suffixes)
    else:
        yield from _named(name, suffixes)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:  # gone since it was found; whoever reads it will say so
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _failure(name: str, error: Exception) -> Failure:
    reason = error.strerror if isinstance(error, OSError) else None
    return Failure(Place(Path(name).as_posix()), f"{reason or error}.")


def _known(suffixes: Collection[str]) -> str:
    return " or ".join(suffixes)


def _is_known(path: Path, suffixes: Collection[str]) -> bool:
    return format_of(path) in suffixes


def _named(name: str, suffixes: Collection[str]) -> Iterator[Found | Passed]:
    path = Path(name)
    try:
        is_folder = stat.S_ISDIR(os.stat(name).st_mode)
    except (OSError, ValueError) as error:
        yield _failure(name, error)
        return
    if is_folder:
        yield from _look_into(name, suffixes)
    elif _is_known(path, suffixes):
        yield path
    else:
        found = f"the suffix {suffix_of(path)!r}" if path.suffix else "no suffix"
        wanted = f"{_known(suffixes)} (or these with .gz or .zst), or - for standard input"
        yield Failure(Place(path.as_posix()), f"unknown format, {found}; wanted {wanted}.")


def _match(pattern: str, suffixes: Collection[str]) -> Iterator[Found | Passed]:
    path = Path(pattern)
    parts = path.relative_to(path.anchor).parts
    found = {m if isinstance(m, str) else m.place.file: m for m in _below(path.anchor, parts)}
    if not found:
        yield Failure(Place(pattern), "no file matches.")
    walked: set[Path] = set()
    for name, match in sorted(found.items()):
        if not walked.isdisjoint(Path(name).parents):
            continue
        if isinstance(match, Failure):
            yield match
            continue
        if os.path.isdir(name):
            walked.add(Path(name))
        yield from _named(name, suffixes)


def _below(folder: str, parts: Sequence[str]) -> Iterator[str | Failure]:
    """Match the parts of a pattern; unlike pathlib's, folders that cannot be read are told.

    Links are not followed below ``**``, which they may lead round in circles.
    """
    if not parts:
        yield folder
        return
    first = parts[0]
    if first != "**" and not glob.has_magic(first):
        path = os.path.join(folder, first)
        if os.path.lexists(path):
            yield from _below(path, parts[1:])
        return
    if first == "**":  # or nothing at all
        yield from _below(folder, parts[1:])
    try:
        entries = list(os.scandir(folder or "."))
    except (OSError, ValueError) as error:
        yield _failure(folder, error)
        return
    for entry in entries:
        left = _left_of(parts, entry)
        if left is not None:
            yield from _below(os.path.join(folder, entry.name), left)


def _left_of(parts: Sequence[str], entry: os.DirEntry[str]) -> Sequence[str] | None:
    """The parts that are left to be matched below an entry; None: it does not match."""
    first, *rest = parts
    if first == "**":
        return parts if entry.is_dir(follow_symlinks=False) else None
    return rest if fnmatch(entry.name, first) and (not rest or entry.is_dir()) else None


def _look_into(folder: str, suffixes: Collection[str]) -> Iterator[Found | Passed]:
    empty = True
    for found in _walk(folder, suffixes):
        empty = empty and isinstance(found, Passed)
        yield found
    if empty:
        yield Failure(Place(Path(folder).as_posix()), f"no {_known(suffixes)} file in this folder.")


def _walk(top: str, suffixes: Collection[str]) -> Iterator[Found | Passed]:
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
                yield _leaf(path, status, suffixes)
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


def _leaf(path: str, status: os.stat_result, suffixes: Collection[str]) -> Found | Passed:
    if not _is_known(Path(path), suffixes):
        return Passed(path)
    if stat.S_ISREG(status.st_mode):
        return Path(path)
    # A pipe would be waited for without end.
    return Failure(Place(Path(path).as_posix()), "no regular file.")
