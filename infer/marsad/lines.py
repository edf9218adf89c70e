"""Documents to lines: JSON, words with their tags (CoNLL), and what a person reads."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from marsad.schema import Document, Entity, Event
from marsad.terminal import render
from marsad.words import find_words

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
    """Write a JSON object a line."""
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
    for document in documents:
        out.write(f"# id = {encodable(' '.join(document.id.split()))}\n".encode())
        ends = {sentence.end for sentence in document.sentences}
        words = list(find_words(document.text))
        tags = (iob2(words, document.entities), iob2(words, document.events))
        for (start, end), (entity, _), (trigger, _) in zip(words, *tags, strict=True):
            surface = "".join(document.text[start:end].split())
            out.write(f"{encodable(surface)}\t{entity}\t{trigger}\n".encode())
            if end in ends:
                out.write(b"\n")
        if not document.sentences:
            out.write(b"\n")


def iob2(
    words: Iterable[tuple[int, int]], found: Iterable[Entity | Event]
) -> Iterator[tuple[str, Entity | Event | None]]:
    """The tag of each word and what it is part of; both arguments in the order of the text."""
    left = iter(found)
    own = next(left, None)
    for start, _ in words:
        while own and own.end <= start:
            own = next(left, None)
        if own and own.start <= start:
            label = own.label if isinstance(own, Entity) else own.type
            yield f"{'B' if start == own.start else 'I'}-{label}", own
        else:
            yield "O", None


def encodable(text: str) -> str:
    """Replace what UTF-8 cannot carry, lone surrogates, one character for one."""
    return _SURROGATES.sub("\ufffd", text)
