"""Words to sentences: where one sentence ends and the next begins, as Arabic news is written."""

import re
from collections.abc import Iterator, Sequence

from marsad.words import ARABIC, TATWEEL, Word

LONGEST_SENTENCE = 512  # words
_STOPS = ".…؟?!۔"
_CLOSERS = "\"'»”’)]›"
_RUN = _STOPS + _CLOSERS

_LINE_BREAK = re.compile("[\n\r\x0b\x0c\x85\u2028\u2029]")
_APART = re.compile(rf"[\s{TATWEEL}]")
_ARABIC_LETTER = re.compile(f"[{ARABIC}]")
# Two dots or more are a pause, as in غارة ... قصفت, unless a mark that does end stands with them.
_ENDING = re.compile(r"[؟?!۔]|(?<![.…])\.(?![.…])")
# Shorter ones are mostly letters spelt by name, as in بي.بي.سي, or half a word: د!عش.
_SHORTEST_GLUED = 3  # letters
_BEGINNERS = frozenset(  # but these begin sentences
    ("من", "ما", "في", "لا", "لم", "لن", "قد", "ثم", "إن", "أن", "هو", "هي", "كل", "مع", "أو")
)
_YEAR = 4  # digits


def split_sentences(text: str, words: Sequence[Word]) -> list[range]:
    """Group the words of a text into sentences: ranges of indexes that tile ``words`` in order.

    A line break always ends a sentence, so unwrap hard-wrapped text first. Within a line a stop
    ends it, together with the quotes and brackets closed right behind. What holds no letter (a
    list number, an emoji, a lone quote) is no sentence of its own, unless it is a whole line. None
    is longer than ``LONGEST_SENTENCE``.
    """
    return [
        part
        for line in _lines(text, words)
        for sentence in _split_line(text, words, line)
        for part in _cut_endless(text, words, sentence)
    ]


def _cut_endless(text: str, words: Sequence[Word], sentence: range) -> Iterator[range]:
    """Cut what no one wrote as a sentence, at its last comma where it has one.

    What a sentence costs to read grows with the square of its length.
    """
    while len(sentence) > LONGEST_SENTENCE:
        end = sentence.start + LONGEST_SENTENCE
        commas = (
            i for i in range(end, end - LONGEST_SENTENCE // 2, -1) if _is_comma(text, words[i - 1])
        )
        end = next(commas, end)
        yield range(sentence.start, end)
        sentence = range(end, sentence.stop)
    yield sentence


def _is_comma(text: str, word: Word) -> bool:
    around = text[word.start - 1 : word.start] + text[word.end : word.end + 1]
    return text[word.start] in "،؛,;" and not around.isdigit()


def _lines(text: str, words: Sequence[Word]) -> Iterator[range]:
    start = 0
    for index in range(1, len(words)):
        if _breaks(text, words, index):
            yield range(start, index)
            start = index
    if words:
        yield range(start, len(words))


def _split_line(text: str, words: Sequence[Word], line: range) -> list[range]:
    starts = [line.start]
    has_letter = False
    index = line.start
    while index < line.stop:
        run = _stop_run(text, words, range(index, line.stop))
        if not run:
            has_letter = has_letter or any(map(str.isalpha, words[index].form))
            index += 1
            continue
        index = run.stop
        if has_letter and index < line.stop and _ends_sentence(text, words, run):
            starts.append(index)
            has_letter = False
    if not has_letter and len(starts) > 1:
        starts.pop()
    return [range(*pair) for pair in zip(starts, [*starts[1:], line.stop], strict=True)]


def _stop_run(text: str, words: Sequence[Word], rest: range) -> range:
    """Find the stops that ``rest`` begins with and what closes right behind them; maybe none."""
    if text[words[rest.start].start] not in _STOPS:
        return range(0)
    end = rest.start + 1
    while end < rest.stop and text[words[end].start] in _RUN and _touch(text, words, end):
        end += 1
    return range(rest.start, end)


def _ends_sentence(text: str, words: Sequence[Word], run: range) -> bool:
    """Tell whether a run of stops ends its sentence, given that the line goes on behind it."""
    marks = "".join(text[words[index].start] for index in run)
    if not _ENDING.search(marks):
        return False
    stops = marks.rstrip(_CLOSERS)
    if stops != marks and stops[-1] in "؟?!":  # mostly asked inside a sentence: لقاء «من أنا؟» غدا
        return False
    if _spreads_word(text, words, run) or (stops == "." and _abbreviates(text, words, run.start)):
        return False
    if _touch(text, words, run.stop):
        after = words[run.stop]
        begins = after.form in _BEGINNERS or _is_long(text, after)
        return begins and _can_end_glued(text, words, run.start)
    return True


def _abbreviates(text: str, words: Sequence[Word], stop: int) -> bool:
    """Tell whether a period only shortens the word before it: د. and ق.م. and U.S. do."""
    letter = words[stop - 1].form
    if len(letter) != 1 or not letter.isalpha():
        return False
    # The era behind a year is the exception: عام 2015م. وأضاف and 1436هـ. وأضاف are two sentences.
    has_year = stop > 1 and words[stop - 2].form.isdigit() and not _breaks(text, words, stop - 1)
    return not (has_year and letter in "مه")


def _spreads_word(text: str, words: Sequence[Word], run: range) -> bool:
    """Tell whether stops only spread a word to slip past filters: قـ.ـصف or قصـ. ـف or قـ. صف."""
    before, after = words[run.start - 1], words[run.stop]
    joined_before = text[words[run.start].start - 1] == TATWEEL and len(before.form) > 1  # not هـ.
    return joined_before or text[after.start - 1] == TATWEEL


def _can_end_glued(text: str, words: Sequence[Word], stop: int) -> bool:
    before = words[stop - 1]
    closed = text[before.start] in _CLOSERS and _touch(text, words, stop)
    year = len(before.form) == _YEAR and before.form.isdigit()
    return closed or year or _is_long(text, before)


def _is_long(text: str, word: Word) -> bool:
    """Tell whether a word is Arabic and long enough to end or begin a sentence without a space."""
    return len(word.form) >= _SHORTEST_GLUED and bool(_ARABIC_LETTER.match(text, word.start))


def _breaks(text: str, words: Sequence[Word], index: int) -> bool:
    """Tell whether a line break stands between a word and the one before it."""
    return bool(_LINE_BREAK.search(text, words[index - 1].end, words[index].start))


def _touch(text: str, words: Sequence[Word], index: int) -> bool:
    """Tell whether nothing visible stands between a word and the one before it."""
    return not _APART.search(text, words[index - 1].end, words[index].start)
