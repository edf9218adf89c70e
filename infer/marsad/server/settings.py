"""What ``marsad serve`` can be told: by a file, by the environment, and by flags."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from marsad.errors import MarsadError
from marsad.tables import build, read_toml, within

PREFIX = "MARSAD_SERVE_"  # MARSAD_SERVE_PORT=8080 in the environment
KEY = "MARSAD_SERVE_KEY"  # only in the environment: files are committed, and flags seen by ``ps``


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The address, the model, and the limits of a server."""

    host: str = "127.0.0.1"
    port: int = 8000
    model: str = ""  # a bundle; empty: Marsad's own
    device: str = "auto"
    threads: int = 0  # of the model; 0: one for each core
    max_body_bytes: int = 1_048_576
    max_documents: int = 256  # in a request
    max_words: int = 20_000  # and punctuation marks, in a request, or six times as many characters
    max_requests: int = 256  # that are read or wait at once; more are answered 429
    queue_words: int = 60_000  # that wait at once; more are answered 429
    batch_words: int = 4_096  # that are read together, of as many clients as there are
    gather_seconds: float = 0.004  # how long a batch waits for others, while clients crowd
    client_seconds: float = 15.0  # to send a request, or to take an answer
    idle_seconds: int = 30  # that a connection may stay open between requests
    drain_seconds: int = 60  # to finish what was accepted, after SIGTERM

    def __post_init__(self) -> None:
        """Refuse limits that would refuse everything."""
        for field in fields(self):
            value = getattr(self, field.name)
            least = 0 if field.name in ("port", "threads", "gather_seconds") else 1
            most = 65_535 if field.name == "port" else 10**9
            if not isinstance(value, str):
                within(field.name, value, least, most)
        if not self.host:  # which would mean every address
            raise MarsadError("host: found nothing, wanted an address; 0.0.0.0 means all of them.")
        if self.queue_words < self.max_words:
            raise MarsadError(
                f"queue_words: found {self.queue_words}, wanted at least max_words "
                f"({self.max_words}): a request that is allowed must fit."
            )


def read_settings(
    path: Path | None, environment: Mapping[str, str], flags: Mapping[str, object]
) -> Settings:
    """Put settings together; a flag counts more than the environment, and that more than the file.

    Raises:
        MarsadError: an unknown setting, or a value that it cannot have.
    """
    table = read_toml(path) if path else {}
    build(Settings, table, str(path))  # so that an error names the file
    named = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environment.items()
        if name.startswith(PREFIX) and name != KEY
    }
    table |= {name: _parse(name, text, f"{PREFIX}{name.upper()}") for name, text in named.items()}
    return build(Settings, table | dict(flags), "marsad serve")


def parse_flags(pairs: list[str]) -> dict[str, object]:
    """Read ``--set name=value``."""
    flags = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise MarsadError(f"--set {pair!r}: wanted name=value.")
        flags[name] = _parse(name, text, f"--set {name}")
    return flags


def _parse(name: str, text: str, where: str) -> object:
    kinds: dict[str, type[Any]] = {field.name: type(field.default) for field in fields(Settings)}
    if name not in kinds:
        raise MarsadError(f"{where}: no such setting. Known: {', '.join(kinds)}.")
    try:
        return kinds[name](text)
    except ValueError:
        raise MarsadError(f"{where}: found {text!r}, wanted {kinds[name].__name__}.") from None
