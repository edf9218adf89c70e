"""The one kind of error that a caller can mend."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class MarsadError(Exception):
    """Something the caller gave is not as it should be.

    The message says what was found, where, and what would be accepted.
    Anything else that is raised is a bug of ours.
    """


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn what the system says of a file into an error that names it.

    Raises:
        BrokenPipeError: it is a pipe that nobody reads any more.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise MarsadError(f"{path}: {error.strerror or error}.") from error


def check_writable(path: Path) -> None:
    """Refuse a file that cannot be written, before what takes long; what is in it stays.

    Raises:
        MarsadError: it cannot.
    """
    with naming(path), path.open("ab"):
        pass
