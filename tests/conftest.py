"""A small world for tests: the real schema, and an encoder that looks words up in a lexicon."""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from marsad.bundle import Manifest
from marsad.encode import Batch, Floats, Pairs, Scores
from marsad.pipeline import Pipeline
from marsad.schema import Schema
from marsad.tables import build
from marsad.tokenise import Tokeniser

settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")
ROOT = Path(__file__).parent.parent
collect_ignore = ["chaos.py"]  # a command (make chaos) that holds no doctests
LEXICON = {
    "قصفت": ("O", "B-ATTACK"),
    "غارة": ("O", "B-AIRSTRIKE"),
    "سيطرت": ("O", "B-TERRITORIAL_GAIN"),
    "مقتل": ("O", "B-KILLED"),
    "قوات": ("B-ARMED", "O"),
    "النظام": ("I-ARMED", "O"),
    "الفصائل": ("B-ARMED", "O"),
    "حلب": ("B-LOC", "O"),
    "إدلب": ("B-LOC", "O"),
    "بلدة": ("O", "O"),
    "أمس": ("B-DATE", "O"),
    "مدنيين": ("B-VICTIM", "O"),
    "على": ("O", "O"),
    "في": ("O", "O"),
    ".": ("O", "O"),
}
ROLE_OF = {"ARMED": "actor", "LOC": "place", "DATE": "time", "VICTIM": "victim"}


class LexiconEncoder:
    """Scores each word by the lexicon, and keeps the batches it was asked."""

    def __init__(self, schema: Schema, tokenizer: Tokenizer) -> None:
        self.schema = schema
        self.budget = 512
        self.batches: list[Batch] = []
        pieces = tokenizer.get_vocab_size()
        self.entities = np.zeros((pieces, len(schema.entity_tags)), dtype=np.float32)
        self.triggers = np.zeros((pieces, len(schema.trigger_tags)), dtype=np.float32)
        self.entities[:, 0] = self.triggers[:, 0] = 5.0
        for word, (entity, trigger) in LEXICON.items():
            piece = tokenizer.token_to_id(word)
            self.entities[piece, schema.entity_tags.index(entity)] = 10.0
            self.triggers[piece, schema.trigger_tags.index(trigger)] = 10.0

    def encode(self, batch: Batch, /) -> Scores:
        self.batches.append(batch)
        words = np.take_along_axis(batch.ids, batch.firsts, axis=1)
        classes = np.full((len(words), len(self.schema.classes)), -5.0, dtype=np.float32)
        for index, category in enumerate(self.schema.events.values()):
            column = self.schema.classes.index(category)
            seen = (self.triggers[batch.ids][..., 1 + 2 * index] > 5).any(axis=1)
            classes[seen, column] = 5.0
        states = words[..., None].astype(np.float32)
        return Scores(self.entities[words], self.triggers[words], classes, states)

    def encode_all(self, batches: Sequence[Batch], /) -> Iterator[Scores]:
        return map(self.encode, batches)

    def link(self, states: Floats, pairs: Pairs, /) -> Floats:
        roles = tuple(self.schema.roles)
        scores = np.zeros((len(pairs.entity_label), 1 + len(roles)), dtype=np.float32)
        for row, label in enumerate(pairs.entity_label):
            role = ROLE_OF.get(self.schema.entities[label])
            scores[row, 1 + roles.index(role) if role else 0] = 8.0
        return scores


def make_schema() -> Schema:
    path = ROOT / "configs" / "conflict.toml"
    return build(Schema, tomllib.loads(path.read_text(encoding="utf-8")), str(path))


def make_tokenizer() -> Tokenizer:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *LEXICON]
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return made


def make_pipeline(schema: Schema, tokenizer: Tokenizer, encoder: LexiconEncoder) -> Pipeline:
    manifest = Manifest(name="lexicon", schema=schema, window=16)
    return Pipeline(manifest, Tokeniser(tokenizer, manifest.window), encoder)


@pytest.fixture(scope="session")
def schema() -> Schema:
    return make_schema()


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return make_tokenizer()


@pytest.fixture
def encoder(schema: Schema, tokenizer: Tokenizer) -> LexiconEncoder:
    return LexiconEncoder(schema, tokenizer)


@pytest.fixture
def pipeline(schema: Schema, tokenizer: Tokenizer, encoder: LexiconEncoder) -> Pipeline:
    return make_pipeline(schema, tokenizer, encoder)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
