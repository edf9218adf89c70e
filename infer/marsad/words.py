"""Text to words: where each stands in the text, and the form of it that the encoder reads.

This is the only module that knows about Unicode and Arabic spelling.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from marsad.errors import MarsadError

TATWEEL = "\u0640"
MARKS = (
    "\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed"
    "\u0898-\u089f\u08ca-\u08e1\u08e3-\u08ff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\ufc5e-\ufc63\ufcf2-\ufcf4\ufe70-\ufe72\ufe74\ufe76-\ufe7f"  # tashkeel in presentation forms
)
INVISIBLE = (
    "\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad\u061c\u180e"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0001\U000e0020-\U000e007f"
)
ARABIC = (
    "\u0620-\u063f\u0641-\u064a\u066e\u066f\u0671-\u06d3\u06d5\u06e5\u06e6\u06ee\u06ef\u06fa-\u06fc\u06ff"
    "\u0750-\u077f\u0870-\u0887\u0889-\u088e\u08a0-\u08c9\ufb50-\ufbb1\ufbd3-\ufc5d\ufc64-\ufcf1"
    "\ufcf5-\ufd3d\ufd50-\ufdc7\ufdf0-\ufdf9\ufe73\ufe80-\ufefc"
)
PHRASES = "\ufdfa-\ufdff"  # one character that stands for up to eighteen letters
LONGEST = 64  # letters; a longer run is cut, so that no word outgrows an encoder's window
KEPT = 1 << 16  # words that are not spelt, or cut into pieces, anew whenever they come

_DECORATION = f"[{MARKS}{TATWEEL}{INVISIBLE}]*+"
# Letters are spread with tatweel, spaces, dots to slip past platforms' filters: مـ ـقـ.ـتل is مقتل.
_UNSEEN = f"[{MARKS}{INVISIBLE}]"
_BEHIND_TATWEEL = "|".join(f"(?<={TATWEEL}{_UNSEEN * between})" for between in range(5))
_SPREAD = f"(?:{_BEHIND_TATWEEL})(?:[ \u00a0.]{{1,3}}{_UNSEEN}{{0,4}}{TATWEEL}{_DECORATION})++"
_BETWEEN = f"{_DECORATION}(?:{_SPREAD}|_++{_DECORATION})?+"
_TAIL = f"(?:[{INVISIBLE}]*[{MARKS}{TATWEEL}])*"


def _run(letter: str) -> str:
    return f"{letter}(?:{_BETWEEN}{letter}){{0,{LONGEST - 1}}}{_TAIL}"


_OTHER_LETTER = rf"(?![{ARABIC}{PHRASES}{MARKS}{TATWEEL}])[^\W\d_]"
_DIGIT = r"\d"
_ASCII_DOMAIN = (
    r"[A-Za-z0-9][A-Za-z0-9-]{0,62}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,6}(?![A-Za-z0-9])"
)
_WORD = re.compile(
    rf"""
      (?P<link>(?:https?://|www\.)[!-~]{{1,2000}}(?<![.,;:!?)"'\]])
        |(?:[A-Za-z0-9._%+-]{{1,64}}@)?{_ASCII_DOMAIN}(?:/[!-~]{{0,2000}}(?<![.,;:!?)"'\]]))?)
      |(?P<mention>(?<![A-Za-z0-9])@[A-Za-z0-9_]{{2,64}})
      |{_run(f"[{ARABIC}]")}
      |{_run(_OTHER_LETTER)}
      |{_run(_DIGIT)}
      |[^\s{MARKS}{TATWEEL}{INVISIBLE}]{_TAIL}
    """,
    re.VERBOSE,
)
_LETTERS = str.maketrans(
    {
        **{chr(0x660 + digit): str(digit) for digit in range(10)},
        **{chr(0x6F0 + digit): str(digit) for digit in range(10)},
        "ٱ": "ا",
        "ک": "ك",
        "ی": "ي",
    }
)
_DROPPED = re.compile(_UNSEEN)
_STRETCHED = re.compile(f"{TATWEEL}|(?<={TATWEEL})[ \u00a0.]+(?={TATWEEL})")


class Word(NamedTuple):
    """A word of a text: ``text[start:end]`` is its surface, ``form`` what the encoder reads."""

    start: int
    end: int
    form: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How an encoder's pretraining text was spelt, beyond what is undone for every encoder.

    Always: NFKC, no tashkeel, tatweel, bidi controls or zero-width characters, ASCII digits.
    """

    link: str = "رابط"  # stands for a web or mail address
    mention: str = ""  # stands for an @account; empty: the account as written
    repeats: int = 0  # longest run of one character (not a digit) that is kept; 0: any
    replace: dict[str, str] = field(
        default_factory=lambda: {"_": " "}
    )  # characters, after all else

    def __post_init__(self) -> None:
        """Refuse to replace what is no character."""
        if wrong := [key for key in self.replace if len(key) != 1]:
            raise MarsadError(f"spelling.replace: {wrong[0]!r}: wanted a single character.")


def find_words(text: str) -> Iterator[tuple[int, int]]:
    """Where each word of a text starts and ends, in order."""
    return (match.span() for match in _WORD.finditer(text))


def count_words(text: str, most: int) -> int:
    """Count the words and punctuation marks of a text, but no further than ``most``."""
    return sum(1 for _ in islice(find_words(text), most))


class WordCutter:
    """Cuts texts into words spelt as one encoder expects them; keeps the forms of frequent ones."""

    def __init__(self, spelling: Spelling) -> None:
        self.spelling = spelling
        self._replace = str.maketrans(spelling.replace)
        self._repeated = re.compile(rf"(\D)\1{{{spelling.repeats},}}") if spelling.repeats else None
        self._kept_form = lru_cache(KEPT)(self._form)

    def __call__(self, text: str) -> list[Word]:
        """Cut a text into its words, in order; between them stands nothing visible.

        A word is a run of Arabic letters, of other letters, or of digits (with the marks on them,
        and underscores between letters), a web address, an @account, or one other character.
        """
        return [
            Word(match.start(), match.end(), self._spell(match.group(), match.lastgroup))
            for match in _WORD.finditer(text)
        ]

    def _spell(self, surface: str, kind: str | None) -> str:
        # With its marks and tatweel a word can be of any length, and is not kept then.
        return (self._kept_form if len(surface) <= LONGEST else self._form)(surface, kind)

    def _form(self, surface: str, kind: str | None) -> str:
        if kind == "link":
            return self.spelling.link
        if kind == "mention" and self.spelling.mention:
            return self.spelling.mention
        bare = _STRETCHED.sub("", _DROPPED.sub(_keep_hamza, surface))
        form = unicodedata.normalize("NFKC", bare)
        form = _STRETCHED.sub("", _DROPPED.sub("", form)).translate(_LETTERS)
        if self._repeated:
            form = self._repeated.sub(lambda run: run.group(1) * self.spelling.repeats, form)
        form = " ".join(form.translate(self._replace).split()) or surface[0]
        # A lone surrogate is no character: neither tokenizers nor UTF-8 can carry it.
        return form.encode("utf-8", "replace").decode("utf-8")


def _keep_hamza(match: re.Match[str]) -> str:
    """Drop a mark, but leave the maddah and hamza that NFKC joins with their letter."""
    return match.group() if match.group() in "\u0653\u0654\u0655" else ""
