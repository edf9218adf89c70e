"""Bytes to text: UTF-8, unless the head of a file says that it is something else."""

import codecs
import logging
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from marsad.errors import MarsadError
from marsad.extras import formats_library

UTF8 = "utf-8"
HEAD = 65_536  # bytes that are looked at
FEW = 4  # fewer bytes that are not UTF-8 are garbled, and no sign of another encoding
LONGEST = 1 << 26  # bytes of a line, or of a plain text
TOO_LONG = f"more than {LONGEST >> 20} MiB"
BOM = "\ufeff"
MARKS = {  # the longer first: a mark of UTF-32 begins like one of UTF-16
    codecs.BOM_UTF8: UTF8,
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# What Arabic was and is written in; a detector that may choose among all others errs more.
CANDIDATES = ["cp1256", "iso8859_6", "utf_16_le", "utf_16_be"]
NAMES = {
    "cp1256": "Windows-1256",
    "iso8859_6": "ISO 8859-6",
    "utf_16_le": "UTF-16",
    "utf_16_be": "UTF-16",
}

logger = logging.getLogger("marsad")


class Binary(ValueError):
    """Bytes that are no text."""

    def __init__(self) -> None:
        super().__init__("no text: it holds NUL bytes, and is not UTF-16")


def encoding_of(stream: BinaryIO, file: str) -> tuple[str, bytes]:
    """Tell the encoding of a stream by its head, which is returned with it; log what is not UTF-8.

    Raises:
        Binary: it is no text.
        MarsadError: it is not UTF-8, and the detector is not installed.
    """
    head = read_up_to(stream, HEAD)
    encoding = next((name for mark, name in MARKS.items() if head.startswith(mark)), None)
    if encoding is None:
        encoding = UTF8 if _is_mostly_utf8(head) else _detect(head)
    if encoding != UTF8:
        logger.warning("%s: read as %s.", file, NAMES.get(encoding, encoding.upper()))
    return encoding, head


def decoded(data: bytes, encoding: str) -> str:
    """Decode a text or a line, without the mark that it may begin with."""
    return data.decode(encoding).removeprefix(BOM)


def lines_of(stream: BinaryIO, encoding: str, head: bytes) -> Iterator[bytes | None]:
    """The lines behind a head, in bytes of ``line_coding``; None: it is ``TOO_LONG``."""
    chunks = _chunks(stream, head)
    if _is_wide(encoding):
        chunks = _as_utf8(chunks, encoding)
    rest = bytearray()
    for chunk in chunks:
        at = chunk.rfind(b"\n") + 1
        if at:
            rest += chunk[:at]
            yield from _cut(rest)
            rest = bytearray(chunk[at:])
        elif len(rest) <= LONGEST:  # of a line that is too long, the rest need not be kept
            rest += chunk
    if rest:
        yield _unless_too_long(rest)


def line_coding(encoding: str) -> str:
    """What the lines of ``lines_of`` are encoded in: UTF-8 for what has no lines in bytes."""
    return UTF8 if _is_wide(encoding) else encoding


def explain(error: UnicodeDecodeError) -> str:
    """Say in a sentence what does not decode."""
    name = "UTF-8" if error.encoding == UTF8 else NAMES.get(error.encoding, error.encoding.upper())
    return f"not {name}: 0x{error.object[error.start]:02x} at byte {error.start}, {error.reason}."


def _is_wide(encoding: str) -> bool:
    return encoding.startswith(("utf-16", "utf-32", "utf_16"))


def _cut(data: bytearray) -> Iterator[bytes | None]:
    """Cut at line feeds only, as files are cut."""
    start = 0
    while end := data.find(b"\n", start) + 1:
        yield _unless_too_long(data[start:end])
        start = end


def _unless_too_long(line: bytearray) -> bytes | None:
    return bytes(line) if len(line) <= LONGEST else None


def _chunks(stream: BinaryIO, head: bytes) -> Iterator[bytes]:
    yield head
    while chunk := stream.read(HEAD):
        yield chunk


def _as_utf8(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """What does not decode becomes bytes that are not UTF-8 either, so that its line fails."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for chunk in chunks:
        yield decoder.decode(chunk).encode(UTF8, "surrogatepass").replace(b"\xef\xbf\xbd", b"\xff")
    yield decoder.decode(b"", final=True).encode(UTF8).replace(b"\xef\xbf\xbd", b"\xff")


def read_up_to(stream: BinaryIO, size: int) -> bytes:
    """Read so many bytes, unless the stream ends before."""
    data = bytearray()
    while len(data) < size and (part := stream.read(size - len(data))):
        data += part
    return bytes(data)


def _is_mostly_utf8(head: bytes) -> bool:
    """Whether a head is UTF-8, but for odd bytes and the character that its end may cut."""
    text = head.decode(UTF8, "replace")
    wrong = text.count("\ufffd")
    right = sum(character > "\x7f" for character in text) - wrong
    if head.count(0) > max(right, len(head) / 100):  # as of UTF-16, and of most that is no text
        return False
    # Of Arabic in one byte a letter next to nothing is right, and that by chance, as "ا،" is.
    return wrong <= right or wrong < min(len(head) / 10, FEW)


def _detect(head: bytes) -> str:
    try:
        detector = formats_library("charset_normalizer", "an encoding other than UTF-8")
    except MarsadError:
        if b"\0" in head:
            raise Binary from None
        raise
    wide = b"\0" in head
    candidates = [name for name in CANDIDATES if _is_wide(name) == wide]
    # Half a character at the end is no error of the encoding.
    best = detector.from_bytes(head[: len(head) & ~1], cp_isolation=candidates).best()
    if wide and (best is None or not _is_wide(best.encoding)):
        raise Binary
    # The detector may fall back on UTF-8, under another name.
    return str(best.encoding) if best and best.encoding in candidates else UTF8
