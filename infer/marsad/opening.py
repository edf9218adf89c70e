"""Files to streams of bytes: what is compressed is decompressed while it is read."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from marsad.extras import formats_library

# What is raised by a file that is broken; ``gzip`` and pyarrow also raise OSError.
BROKEN = (EOFError, zlib.error)


@contextmanager
def open_input(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """Open a file: its bytes as they were before they were compressed, and as they lie there.

    Raises:
        MarsadError: a library that it needs is not installed.
    """
    with path.open("rb") as raw:
        match path.suffix.lower():
            case ".gz":
                with gzip.open(raw) as stream:
                    yield cast(BinaryIO, stream), raw
            case ".zst":
                arrow = formats_library("pyarrow", f"{path.as_posix()}: a .zst file")
                with arrow.CompressedInputStream(arrow.PythonFile(raw, mode="r"), "zstd") as plain:
                    yield cast(BinaryIO, io.BufferedReader(plain)), raw
            case _:
                yield raw, raw
