"""Sentences of column formats: a token and its tag, or several nested ones, a line."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from marsad.errors import MarsadError


class Tagged(NamedTuple):
    """A sentence of a column format: tokens and their tags."""

    line: int
    tokens: list[str]
    tags: list[str]


def read_columns(path: Path, *, nested: bool, known: Collection[str]) -> list[Tagged]:
    """Read a file of a token and its tag (or several, outermost first) a line, as sentences.

    Of several tags the first whose label is ``known`` counts.

    Raises:
        MarsadError: a line is not of that form, or its label is not known.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise MarsadError(f"{path}: {error}.") from error
    sentences: list[Tagged] = []
    fresh = True
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if not parts:
            fresh = True
            continue
        tag = _tag(parts[1:], nested, known, f"{path}, line {number}")
        if fresh:
            sentences.append(Tagged(number, [], []))
            fresh = False
        sentences[-1].tokens.append(parts[0])
        sentences[-1].tags.append(tag)
    if not sentences:
        raise MarsadError(f"{path}: no sentences; wanted a token and its tag a line.")
    return sentences


def _tag(tags: Sequence[str], nested: bool, known: Collection[str], where: str) -> str:
    if not tags or (len(tags) > 1 and not nested):
        raise MarsadError(f"{where}: {len(tags) + 1} columns, wanted a token and its tag.")
    for tag in tags:
        if tag != "O" and not re.fullmatch(r"[BI]-.+", tag):
            raise MarsadError(f"{where}: tag {tag!r}; wanted O, B-label or I-label.")
        if tag == "O" or tag[2:] in known:
            return tag
    if nested:
        return "O"
    raise MarsadError(f"{where}: unknown label {tags[0][2:]!r}. Known: {', '.join(known)}.")
