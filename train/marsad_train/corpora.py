"""Annotated corpora of four formats to one kind of example, with the tags each word may have."""

import logging
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from datasets import Dataset
from numpy.typing import NDArray

from marsad.errors import MarsadError
from marsad.records import Record, Span, read_records
from marsad.schema import Schema, bio_tags
from marsad.tables import positive, within
from marsad.words import Word, WordCutter
from marsad_train.conll import Tagged, read_columns
from marsad_train.standoff import read_standoff

log = logging.getLogger(__name__)

ANY = "*"  # the tag of a word of which nothing is known
PROCLITICS = frozenset("وفبلكس")
ENCLITICS = frozenset(("ه", "ها", "هم", "هما", "هن", "كم", "نا", "ي"))
Token = tuple[str, str]  # and its tag
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A corpus, and what its entity labels say in terms of the schema's.

    ``labels`` maps a label of the corpus to the schema's labels that it may be, and may map "O" to
    those that the corpus never marks. A label that may be "O" says nothing of where a mention
    begins. Without ``labels`` the corpus has the schema's own.
    """

    path: str
    format: Literal["records", "standoff", "conll", "wojood"] = "records"
    texts: str = ""  # of "standoff": the JSONL file (or .jsonl.xz) with the documents' texts
    labels: dict[str, tuple[str, ...]] = field(default_factory=dict)
    weight: float = 1.0  # how often an epoch visits each sentence, on average
    last_weight: float | None = None  # the same in the last epoch; it changes evenly until then
    enclitics: bool = False  # whether it splits off pronouns, which are then joined again
    share: float = 1.0  # of its sentences, drawn once: for a learning curve

    def __post_init__(self) -> None:
        """Refuse what leaves nothing to read."""
        within(f"{self.path}: weight", self.weight, 0)
        within(f"{self.path}: last_weight", self.last_weight or 0, 0)
        positive(f"{self.path}: share", self.share)
        within(f"{self.path}: share", self.share, 0, 1)
        if self.format == "standoff" and not self.texts:
            raise MarsadError(f"{self.path}: standoff needs 'texts', the file with the documents.")


class Example(NamedTuple):
    """A sentence to learn from. Tags are the corpus's own, its matrix says what they allow."""

    corpus: int
    forms: list[str]
    entity_tags: list[int]  # into the corpus's tags; 0: anything
    trigger_tags: list[int]  # into (ANY, *schema.trigger_tags)
    classes: list[float] | None
    entities: list[list[int]]  # [first word, last word, label]
    triggers: list[list[int]]  # [first word, last word, type]
    links: list[list[int]]  # [trigger, entity, role]
    linked: bool  # whether the absence of a link means something
    widened: int = 0  # spans that do not begin and end with a word, and are read as if they did


def read_corpus(corpus: Corpus, index: int, schema: Schema, cutter: WordCutter) -> Dataset:
    """Read and check a whole corpus; a row is an ``Example``.

    Raises:
        MarsadError: a file, line or label of it is not what it should be.
    """
    allowed_tags(corpus, schema)  # refuses labels that mean nothing
    tags = corpus_tags(corpus, schema)
    path = Path(corpus.path)
    if corpus.format in ("records", "standoff"):
        if corpus.labels:
            raise MarsadError(f"{path}: records have the schema's own labels; take out 'labels'.")
        records = (
            read_records(path, schema)
            if corpus.format == "records"
            else read_standoff(path, Path(corpus.texts), schema)
        )
        examples: Iterable[Example] = (
            _checked(record, index, schema, cutter, path) for record in records
        )
    else:
        sentences = read_columns(
            path, nested=corpus.format == "wojood", known=[tag[2:] for tag in tags[2::2]]
        )
        examples = (_from_columns(s, index, tags, cutter, corpus.enclitics) for s in sentences)
        given = {tag[2:] for one in sentences for tag in one.tags}
        if absent := sorted(corpus.labels.keys() - given - {"O"}):
            log.warning("%s: labels that do not occur there: %s.", path, ", ".join(absent))
    rows = Dataset.from_list([example._asdict() for example in examples if example.forms])
    if widened := sum(row["widened"] for row in rows):
        log.warning("%s: %d spans cut into words; they are read as whole words.", path, widened)
    if corpus.share == 1:
        return rows
    return rows.shuffle(seed=13).select(range(math.ceil(corpus.share * len(rows))))


def corpus_tags(corpus: Corpus, schema: Schema) -> tuple[str, ...]:
    """The tags a corpus uses, after the one that says nothing."""
    labels = tuple(label for label in corpus.labels if label != "O") or schema.entities
    return (ANY, *bio_tags(labels))


def allowed_tags(corpus: Corpus, schema: Schema) -> Bools:
    """Which of the schema's entity tags (columns) a word may have that a corpus tags so (rows).

    Raises:
        MarsadError: the corpus's labels name one that the schema does not have.
    """
    own, ours = corpus_tags(corpus, schema), schema.entity_tags
    allowed = np.zeros((len(own), len(ours)), dtype=np.bool_)
    allowed[0] = True
    for row, tag in enumerate(own[1:], 1):
        prefix, _, label = tag.rpartition("-") if tag == "O" else tag.partition("-")
        targets = corpus.labels.get(label, (label,) if label != "O" else ())
        if label in corpus.labels and not targets:
            raise MarsadError(
                f"{corpus.path}: labels.{label}: an empty list; for what is none of yours, "
                'wanted ["O"].'
            )
        loose = label == "O" or "O" in targets
        for target in targets:
            if target not in ("O", *schema.entities):
                raise MarsadError(
                    f"{corpus.path}: labels.{label}: unknown label {target!r}. "
                    f"Known: O, {', '.join(schema.entities)}."
                )
            for end in "BI" if loose else prefix:
                if target != "O":
                    allowed[row, ours.index(f"{end}-{target}")] = True
        allowed[row, 0] = loose
    return allowed


def _from_columns(
    sentence: Tagged, index: int, tags: Sequence[str], cutter: WordCutter, enclitics: bool
) -> Example:
    forms: list[str] = []
    numbers: list[int] = []
    before = "O"
    for token, tag in _joined(sentence.tokens, sentence.tags, enclitics):
        words = cutter(token)
        for word in words:
            bare = not any(letter.isalnum() for letter in word.form)
            # A bracket glued to a name is part of a corpus's token, but not of ours.
            own = ANY if bare and len(words) > 1 else _continued(tag, before)
            forms.append(word.form)
            numbers.append(tags.index(own))
            if own not in (ANY, "O"):
                tag = f"I-{tag[2:]}"  # the token's next words go on with what it began
            before = before if own == ANY else own
    return Example(index, forms, numbers, [0] * len(forms), None, [], [], [], linked=False)


def _continued(tag: str, before: str) -> str:
    """A tag made good: I- after the same label, B- where a mention begins."""
    if tag == "O":
        return tag
    inside = before[2:] == tag[2:] and before != "O"
    return f"I-{tag[2:]}" if tag[0] == "I" and inside else f"B-{tag[2:]}"


def _joined(tokens: Sequence[str], tags: Sequence[str], enclitics: bool) -> Iterator[Token]:
    """Tokens with the clitics that some corpora split off joined to their words again."""
    whole: list[Token] = []
    held = ""
    for index, (token, tag) in enumerate(zip(tokens, tags, strict=True)):
        follows = index + 1 < len(tokens) and tokens[index + 1][0].isalpha()
        if not held and token in PROCLITICS and tag == "O" and follows:
            held = token
        elif not held and enclitics and token in ENCLITICS and whole and whole[-1][0][-1].isalpha():
            before, own = whole.pop()
            whole.append((re.sub("ة$", "ت", before) + token, own))
        else:
            # The lam of a preposition swallows the alif of an article.
            bare = token[1:] if held == "ل" and token.startswith("ال") else token
            whole.append((held + bare, tag))
            held = ""
    return iter(whole)


def _checked(record: Record, index: int, schema: Schema, cutter: WordCutter, path: Path) -> Example:
    try:
        return _from_record(record, index, schema, cutter)
    except MarsadError as error:
        raise MarsadError(f"{path}, record {record.id!r}: {error}") from error


def _from_record(record: Record, index: int, schema: Schema, cutter: WordCutter) -> Example:
    words = cutter(record.text)
    entities = _runs(words, record.entities or (), schema.entities)
    triggers = _runs(words, record.triggers or (), tuple(schema.events))
    roles = tuple(schema.roles)
    links = [[link.event, link.entity, roles.index(link.role) + 1] for link in record.links or ()]
    classes = None
    if record.classes is not None:
        classes = [float(name in record.classes) for name in schema.classes]
    return Example(
        index,
        [word.form for word in words],
        _bio(len(words), entities, known=record.entities is not None),
        _bio(len(words), triggers, known=record.triggers is not None),
        classes,
        entities,
        triggers,
        links,
        linked=record.links is not None and record.entities is not None,
        widened=count_widened(words, (*(record.entities or ()), *(record.triggers or ()))),
    )


def count_widened(words: Sequence[Word], spans: Sequence[Span]) -> int:
    """How many spans begin or end within a word."""
    starts, ends = ({word[side] for word in words} for side in (0, 1))
    return sum(span.start not in starts or span.end not in ends for span in spans)


def _runs(words: Sequence[Word], spans: Sequence[Span], labels: tuple[str, ...]) -> list[list[int]]:
    """Spans as runs of whole words: every word that a span touches."""
    starts = np.array([word.start for word in words])
    ends = np.array([word.end for word in words])
    runs: list[list[int]] = []
    for span in spans:
        first = int(np.searchsorted(ends, span.start, side="right"))
        last = int(np.searchsorted(starts, span.end, side="left")) - 1
        others = [run for run, other in zip(runs, spans, strict=False) if other[:2] != span[:2]]
        if last < first or any(first <= end and start <= last for start, end, _ in others):
            raise MarsadError(
                f"{span}: no word of the text is its own; spans are read as whole words."
            )
        runs.append([first, last, labels.index(span.label)])
    return runs


def _bio(words: int, runs: Sequence[Sequence[int]], *, known: bool) -> list[int]:
    """Tags as indexes after ANY: 1 is O, then B- and I- of each label."""
    tags = [int(known)] * words
    for first, last, label in runs:
        tags[first] = 2 + 2 * label
        for word in range(first + 1, last + 1):
            tags[word] = 3 + 2 * label
    return tags
