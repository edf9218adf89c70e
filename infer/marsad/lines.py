"""Documents to lines: JSON, words with their tags (CoNLL), and what a person reads."""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from marsad.schema import Document, Entity, Event
from marsad.terminal import render
from marsad.words import Spelling, Word, WordCutter

_SURROGATES = re.compile("[\ud800-\udfff]")
# What JSON leaves as it is, but UTF-8 cannot carry (lone surrogates), terminals obey (C1 controls)
# or other tools take for the end of a line.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ESCAPES = {
    code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0x2028, 0x2029, *range(0xD800, 0xE000))
}


def json_text(value: object, *, indent: int | None = None) -> str:
    """Write JSON that is safe to encode, to show, and to split into lines."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    return text.translate(_ESCAPES) if _UNSAFE.search(text) else text


def write_jsonl(documents: Iterable[Document], out: BinaryIO) -> None:
    """Write a JSON object a line (DESIGN §3)."""
    for document in documents:
        out.write(json_text(document.as_dict()).encode() + b"\n")


def write_text(
    documents: Iterable[Document], out: BinaryIO, *, colour: bool = False, width: int = 80
) -> None:
    """Write what a person reads, each document as soon as it is there."""
    for document in documents:
        out.write(render(document, colour=colour, width=width).encode() + b"\n")
        out.flush()


def write_conll(documents: Iterable[Document], out: BinaryIO) -> None:
    """Write a word a line, with its entity tag and its trigger tag (IOB2), parted by tabs.

    A blank line ends a sentence; ``# id = …`` begins a document. White space inside a word, as of
    letters spread out, is left out.
    """
    cut = WordCutter(Spelling())
    for document in documents:
        out.write(f"# id = {encodable(' '.join(document.id.split()))}\n".encode())
        words = iter(cut(document.text))
        for sentence in document.sentences or ():
            own = _until(words, sentence.end)
            rows = zip(own, _tags(own, document.entities), _tags(own, document.events), strict=True)
            for word, entity, trigger in rows:
                surface = "".join(document.text[word.start : word.end].split())
                out.write(f"{encodable(surface)}\t{entity}\t{trigger}\n".encode())
            out.write(b"\n")
        if not document.sentences:
            out.write(b"\n")


def encodable(text: str) -> str:
    """Replace what UTF-8 cannot carry, lone surrogates, one character for one."""
    return _SURROGATES.sub("\ufffd", text)


def _until(words: Iterator[Word], end: int) -> list[Word]:
    """Take the words up to an end, which is the end of one of them."""
    taken = []
    for word in words:
        taken.append(word)
        if word.end >= end:
            break
    return taken


def _tags(words: Sequence[Word], found: Sequence[Entity | Event]) -> list[str]:
    tags = dict.fromkeys((word.start for word in words), "O")
    for span in found:
        label = span.label if isinstance(span, Entity) else span.type
        inside = [word.start for word in words if span.start <= word.start < span.end]
        tags.update({start: f"{'I' if at else 'B'}-{label}" for at, start in enumerate(inside)})
    return list(tags.values())
