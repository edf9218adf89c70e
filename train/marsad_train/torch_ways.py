"""Ways to read news that need torch: transformers' own pipelines, and a run's network."""

from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    PreTrainedTokenizerFast,
    pipeline,
)

from marsad_train.export import torch_pipeline
from marsad_train.ways import Found, Read, Way, articles, found_by, sentences_of

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ARABERT_BASE = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
}
MARSAD_SMALL = ARABERT_BASE | {"hidden_size": 384, "intermediate_size": 1536}
TAGS, CLASSES = 17, 4  # of conflict v1
CORES = torch.get_num_threads()  # before anybody sets it: as many as there are


def transformers_way(name: str, shape: dict[str, int], vocabulary: int, batch: int) -> Way:
    """Token and text classification by transformers' pipelines, with random weights of a shape.

    Their WordPiece vocabulary is learnt from the texts that are read, so that few words fall into
    pieces: fewer than with a vocabulary that did not know them.
    """
    make = partial(_pipelines, tuple(shape.items()), vocabulary, batch)
    return Way(f"{name}, {batch} at once", make, reads=False)


def torch_way(name: str, run: Path) -> Way:
    """Marsad over the torch network of a training run."""
    return Way(name, partial(_network, run))


def _network(run: Path, threads: int) -> Read:
    read = torch_pipeline(run)

    def read_with_threads(texts: Sequence[str]) -> list[Found]:
        torch.set_num_threads(threads or CORES)
        return found_by(read, texts)

    return read_with_threads


def _pipelines(
    shape: tuple[tuple[str, int], ...], vocabulary: int, batch: int, threads: int
) -> Read:
    torch.manual_seed(0)
    labels, classes = (
        BertConfig(vocab_size=vocabulary, num_labels=number, **dict(shape))
        for number in (TAGS, CLASSES)
    )
    own = {"tokenizer": _tokenizer(), "device": "cpu", "batch_size": batch}
    tag: Any = pipeline("token-classification", model=BertForTokenClassification(labels), **own)
    sort: Any = pipeline("text-classification", model=BertForSequenceClassification(classes), **own)

    def read(texts: Sequence[str]) -> list[Found]:
        torch.set_num_threads(threads or CORES)
        sentences = [sentence for text in texts for sentence in sentences_of(text)]
        tag(sentences)
        sort(sentences, top_k=None, truncation=True)
        return []

    return read


@cache
def _tokenizer() -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=64_000, special_tokens=SPECIALS, show_progress=False
    )
    tokenizer.train_from_iterator(articles(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {f"{name[1:-1].lower()}_token": name for name in SPECIALS}
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=512, **names)
