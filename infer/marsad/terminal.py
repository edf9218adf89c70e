"""A document as a person reads it on a terminal, whatever that terminal makes of Arabic.

Some terminals reorder right-to-left text line by line, most of them from the left unless told
otherwise; others not at all; few know isolates. So what a line mixes must be right in all of them:

- A line of the text holds nothing but the text, brackets and digits. Behind Arabic these go with
  it from right to left, where a Latin label would cut the line into pieces read in wrong order.
- A line of findings holds label and score, then Arabic to the end, so that nothing stands behind
  Arabic that could slip to its other side.
- Arabic is isolated for those who know isolates, but never at the beginning of a line: terminals
  keep an isolate with the character before it, and lose it where there is none.
"""

import re
import unicodedata
import zlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import NamedTuple

from marsad.schema import Document, Entity, Event, Sentence

INDENT = "  "
BOLD, DIM, TRIGGER = "1", "2", "1;4"
COLOURS = {  # that can be read on black and on white
    "PER": "36",
    "ARMED": "31",
    "ORG": "94",
    "LOC": "32",
    "FAC": "1;32",
    "WEAPON": "35",
    "DATE": "33",
    "VICTIM": "1;31",
}
_RTL_ISOLATE, _LTR_ISOLATE, _POP_ISOLATE = "\u2067", "\u2066", "\u2069"
_RTL, _DIGITS = {"R", "AL"}, {"EN", "AN"}  # bidirectional classes
_SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
_SPACES = re.compile("( +)")

# The text must not drive the terminal. Its direction marks are left out: the isolates stand for
# them. Tags (U+E0000) and other invisible characters could hide text from the reader.
_NEUTRAL: dict[int, str | None] = {
    **{code: chr(0x2400 + code) for code in range(0x20)},
    **dict.fromkeys(map(ord, "\t\n\r\v\f\x85\u2028\u2029"), " "),
    0x7F: "␡",
    **dict.fromkeys(range(0x80, 0x85), "\ufffd"),
    **dict.fromkeys(range(0x86, 0xA0), "\ufffd"),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
    **dict.fromkeys(map(ord, "\u00ad\u061c\u180e\u200b\u200e\u200f\ufeff"), None),
    **dict.fromkeys([*range(0x202A, 0x202F), *range(0x2060, 0x2070), *range(0xFFF9, 0xFFFC)], None),
    **dict.fromkeys(range(0xE0000, 0xE1000), None),
}

Paint = Callable[[str, str], str]  # text and style


class Piece(NamedTuple):
    """A stretch of a line in one style: the numbers of an SGR escape sequence, or none."""

    text: str
    style: str


class Row(NamedTuple):
    """A line of findings."""

    label: Piece
    score: float
    content: str


class Block(NamedTuple):
    """A sentence and what was found in it; entities with their numbers in the document, from 1."""

    sentence: Sentence
    entities: list[tuple[int, Entity]]
    events: list[Event]


def render(document: Document, *, colour: bool, width: int) -> str:
    """Show a document: each sentence with its entities marked, then what was found in it."""
    paint = _in_colour if colour else _without_colour
    lines = [paint("──", DIM) + " " + paint(isolated(plain(document.id)), BOLD)]
    for block in blocks_of(document):
        pieces = list(_marked(document.text, block))
        lines += ["", *_text_lines(pieces, width, paint), *_finding_lines(document, block, paint)]
    if not document.sentences:
        lines.append(INDENT + paint("no text", DIM))
    return "".join(f"{line}\n" for line in lines)


def plain(text: str) -> str:
    """Take from a text what would control a terminal: control characters become their pictures."""
    return text.translate(_NEUTRAL)


def isolated(text: str) -> str:
    """Set a text apart from the direction of what stands around it, if that could disturb it."""
    opening, closing = _isolates(text, leftwards=_reads_leftwards(text))
    return f"{opening}{text}{closing}"


def _isolates(text: str, *, leftwards: bool) -> tuple[str, str]:
    """Choose what to put around a text that reads leftwards or not; nothing where it is enough.

    Some terminals show isolates as boxes, so plain Arabic and plain Latin are left without.
    """
    kinds = [kind for kind in map(unicodedata.bidirectional, text) if kind != "NSM"]
    if not leftwards:
        return (_LTR_ISOLATE, _POP_ISOLATE) if _RTL.intersection(kinds) else ("", "")
    # Marks at either end, and digits at the beginning, would go to the wrong side of the text.
    if kinds and kinds[0] in _RTL and kinds[-1] in _RTL | _DIGITS and "L" not in kinds:
        return "", ""
    return _RTL_ISOLATE, _POP_ISOLATE


def _reads_leftwards(text: str) -> bool:
    kinds = Counter(map(unicodedata.bidirectional, text))
    return sum(kinds[kind] for kind in _RTL) > kinds["L"]


def _in_colour(text: str, style: str) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if style else text


def _without_colour(text: str, style: str) -> str:
    return text


def _colour_of(label: str) -> str:
    known = tuple(COLOURS.values())
    return COLOURS.get(label) or known[zlib.crc32(label.encode("utf-8", "replace")) % len(known)]


def blocks_of(document: Document) -> list[Block]:
    """A document's sentences, each with what was found in it."""
    blocks = [Block(sentence, [], []) for sentence in document.sentences]
    starts = [sentence.start for sentence in document.sentences]
    for number, entity in enumerate(document.entities, 1):
        blocks[bisect_right(starts, entity.start) - 1].entities.append((number, entity))
    for event in document.events:
        blocks[event.sentence].events.append(event)
    return blocks


def _marked(text: str, block: Block) -> Iterator[Piece]:
    """Cut a sentence where its style changes, and put brackets and numbers around its entities."""
    opening = {entity.start: entity.label for _, entity in block.entities}
    closing = {entity.end: number for number, entity in block.entities}
    triggers = {event.start: event.end for event in block.events}
    edges = (block.sentence.start, block.sentence.end)
    cuts = sorted({*edges, *opening, *closing, *triggers, *triggers.values()})
    entity, trigger_end = "", 0
    for start, end in pairwise(cuts):
        if start in opening:
            entity = _colour_of(opening[start])
            yield Piece("[", entity)
        trigger_end = max(trigger_end, triggers.get(start, 0))
        styles = (entity, TRIGGER if start < trigger_end else "")
        yield Piece(plain(text[start:end]), ";".join(filter(None, styles)))
        if end in closing:
            yield Piece(str(closing[end]).translate(_SUPERSCRIPTS) + "]", entity)
            entity = ""


def _text_lines(pieces: Sequence[Piece], width: int, paint: Paint) -> Iterator[str]:
    leftwards = _reads_leftwards(_text_of(pieces))
    for line in _wrapped(pieces, width - 2 * len(INDENT)):
        runs = groupby(line, key=lambda piece: piece.style)
        painted = "".join(paint(_text_of(run), style) for style, run in runs)
        opening, closing = _isolates(_text_of(line), leftwards=leftwards)
        yield f"{INDENT}{opening}{painted}{closing}"


def _text_of(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def _wrapped(pieces: Iterable[Piece], width: int) -> Iterator[list[Piece]]:
    """Break pieces into lines at their spaces; a word that is wider than a line has its own."""
    line: list[Piece] = []
    used = 0
    for word, space in _words(pieces):
        needed = cells(_text_of(word))
        if line and used + needed > width:
            yield line[:-1]
            line, used = [], 0
        line += [*word, space]
        used += needed + 1
    if line:
        yield line[:-1]


def _words(pieces: Iterable[Piece]) -> Iterator[tuple[list[Piece], Piece]]:
    """Cut pieces into words and the space behind each."""
    word: list[Piece] = []
    for piece in pieces:
        for part in filter(None, _SPACES.split(piece.text)):
            if not part.isspace():
                word.append(Piece(part, piece.style))
            elif word:
                yield word, Piece(" ", piece.style)
                word = []
    if word:
        yield word, Piece(" ", "")


def cells(text: str) -> int:
    """Count the terminal's cells that a text takes up."""
    return sum(map(_cells_of, text))


def _cells_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "FW" else 1


def _finding_lines(document: Document, block: Block, paint: Paint) -> Iterator[str]:
    sentence = block.sentence
    if sentence.classes:
        named = (f"{plain(name)} {_percent(sentence.scores[name])}" for name in sentence.classes)
        yield INDENT + paint(", ".join(named), DIM)
    rows = list(_rows(document, block))
    margin = max((cells(row.label.text) for row in rows), default=0)
    yield from map(partial(_row_line, margin=margin, paint=paint), rows)


def _rows(document: Document, block: Block) -> Iterator[Row]:
    for number, entity in block.entities:
        label = f"{str(number).translate(_SUPERSCRIPTS)} {plain(entity.label)}"
        yield Row(
            Piece(label, _colour_of(entity.label)), entity.score, isolated(plain(entity.text))
        )
    for event in block.events:
        trigger = f'"{isolated(plain(event.text))}"'
        yield Row(Piece(plain(event.type), BOLD), event.score, trigger)
        for argument in event.arguments:
            filler = document.entities[argument.entity]
            role = Piece(INDENT + plain(argument.role), "")
            yield Row(role, argument.score, isolated(plain(filler.text)))


def _row_line(row: Row, *, margin: int, paint: Paint) -> str:
    label = paint(row.label.text, row.label.style) + " " * (margin - cells(row.label.text))
    return f"{INDENT}{label}  {paint(_percent(row.score).rjust(4), DIM)}  {row.content}"


def _percent(score: float) -> str:
    return f"{score:.0%}"
