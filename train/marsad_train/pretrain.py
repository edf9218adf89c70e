"""Masked-language-model training: heals an encoder and moves it to the domain of its text."""

import dataclasses
import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForMaskedLM, PreTrainedTokenizerFast

from marsad.errors import MarsadError
from marsad.tables import within
from marsad.tokenise import Tokeniser
from marsad.words import Spelling, WordCutter
from marsad_train import checkpoint
from marsad_train.encoders import Pretrained, files_of_encoder, load_pretrained, positions
from marsad_train.loop import Plan, Trainer
from marsad_train.texts import read_texts

log = logging.getLogger(__name__)
IGNORED = -100
SHORTEST = 8  # pieces of a block


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Pretraining:
    """What a run of masked-language-model training can be told."""

    encoder: str
    text: str  # JSONL (or .jsonl.xz) of {"text", "conflict"?}
    output: str  # folder for the checkpoint and the encoder
    spelling: Spelling = dataclasses.field(default_factory=Spelling)
    plan: Plan = dataclasses.field(default_factory=Plan)
    steps: int = 1000
    batch_size: int = 16  # blocks
    block: int = 128  # pieces
    masked: float = 0.2  # share of the words
    conflict_only: bool = False
    held_out: int = 30  # documents

    def __post_init__(self) -> None:
        """Refuse numbers with which there is nothing to do."""
        for name in ("steps", "batch_size", "held_out"):
            within(name, getattr(self, name), 1)
        within("masked", self.masked, 0.01, 1)
        within("block", self.block, SHORTEST)
        if not self.output:
            raise MarsadError("output: found nothing, wanted a folder.")


class Blocks(NamedTuple):
    """Text packed into blocks of equal length."""

    ids: NDArray[np.int64]  # (blocks, pieces)
    words: NDArray[np.int64]  # (blocks, pieces): the number of the word a piece is of, -1 for none


def conflict_first(rows: list[dict[str, Any]], *, conflict_only: bool) -> list[str]:
    """The texts of rows, those marked as of conflict first."""
    ordered = sorted(rows, key=lambda row: not row.get("conflict", False))
    return [row["text"] for row in ordered if row.get("conflict", True) or not conflict_only]


def pack(texts: list[str], cutter: WordCutter, tokeniser: Tokeniser, block: int) -> Blocks:
    """Spell texts and pack them, one after the other, into blocks of equal length."""
    ids: list[int] = []
    words: list[int] = []
    number = 0
    for text in texts:
        for pieces in tokeniser.spell([word.form for word in cutter(text)]):
            ids.extend(pieces)
            words.extend([number] * len(pieces))
            number += 1
        ids.append(tokeniser.end)
        words.append(-1)
    room = block - 2
    count = len(ids) // room
    shape = (count, room)
    inner = np.array(ids[: count * room], dtype=np.int64).reshape(shape)
    numbers = np.array(words[: count * room], dtype=np.int64).reshape(shape)
    edge = ((0, 0), (1, 1))
    packed = np.pad(inner, edge)
    packed[:, 0], packed[:, -1] = tokeniser.begin, tokeniser.end
    return Blocks(packed, np.pad(numbers, edge, constant_values=-1))


class Masker:
    """Hides words: 80 % become the mask, 10 % a random piece, 10 % stay (Devlin et al. 2019)."""

    def __init__(self, mask: int, vocabulary: int, share: float) -> None:
        self.mask, self.vocabulary, self.share = mask, vocabulary, share

    def __call__(
        self, blocks: Blocks, rng: np.random.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Blocks to (masked ids, labels), both (blocks, pieces); what is not hidden is ignored."""
        numbers = np.unique(blocks.words[blocks.words >= 0])
        hidden = np.isin(blocks.words, numbers[rng.random(len(numbers)) < self.share])
        labels = np.where(hidden, blocks.ids, IGNORED)
        dice = rng.random(blocks.ids.shape)
        noise = rng.integers(5, self.vocabulary, blocks.ids.shape)
        ids = np.where(hidden & (dice < 0.8), self.mask, blocks.ids)
        ids = np.where(hidden & (dice >= 0.9), noise, ids)
        return torch.from_numpy(ids), torch.from_numpy(labels)


class MaskedModel(torch.nn.Module):
    """A masked language model that scores only the pieces that are hidden."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Mean loss over hidden pieces; both arguments are (blocks, pieces)."""
        states = self.model.base_model(input_ids=ids)[0]
        head = self.model.cls if hasattr(self.model, "cls") else self.model.lm_head
        hidden = labels != IGNORED
        return torch.nn.functional.cross_entropy(head(states[hidden]), labels[hidden])


def masked_model(pretrained: Pretrained) -> MaskedModel:
    """Put a (fresh, tied) masked-language-model head on an encoder."""
    model = AutoModelForMaskedLM.from_config(pretrained.encoder.config)
    missing = model.base_model.load_state_dict(pretrained.encoder.state_dict(), strict=False)
    if missing.missing_keys:
        raise MarsadError(f"The encoder lacks weights: {', '.join(missing.missing_keys[:3])}.")
    if not (hasattr(model, "cls") or hasattr(model, "lm_head")):
        kind = pretrained.encoder.config.model_type
        raise MarsadError(
            f"A {kind} has no head of BERT's or RoBERTa's kind to be pretrained with."
        )
    for layer in model.modules():
        if isinstance(layer, torch.nn.Dropout):
            layer.p = 0.0  # text seen once or twice needs none, and on a CPU it takes half the time
    return MaskedModel(model)


def pretrain(settings: Pretraining) -> None:
    """Train, resuming if the output folder has a checkpoint, and save the encoder there."""
    torch.manual_seed(settings.plan.seed)
    folder = Path(settings.output)
    pretrained = load_pretrained(settings.encoder)
    if settings.block > positions(pretrained.encoder):
        raise MarsadError(
            f"block: found {settings.block}; {settings.encoder} reads "
            f"{positions(pretrained.encoder)} pieces."
        )
    module = masked_model(pretrained)
    train, held = _blocks(settings, pretrained)
    masker = _masker(pretrained, settings)
    data = checkpoint.digests([Path(settings.text), *files_of_encoder(settings.encoder)])
    checkpoint.claim(folder, dataclasses.asdict(settings) | {"data": data})
    trainer = Trainer(module, module.model.base_model, settings.plan, folder)

    def loss_of(index: int) -> torch.Tensor:
        chosen = _chosen(len(train.ids), settings.batch_size, index, settings.plan.seed)
        rng = np.random.default_rng([settings.plan.seed, index])
        ids, labels = masker(Blocks(train.ids[chosen], train.words[chosen]), rng)
        device = trainer.accelerator.device
        loss: torch.Tensor = trainer.module(ids.to(device), labels.to(device))
        return loss

    log.info("%d blocks of %d pieces, %d held out", len(train.ids), settings.block, len(held.ids))
    smooth = 0.0
    for done, loss in trainer.run(settings.steps, loss_of):
        smooth = loss if not smooth else 0.98 * smooth + 0.02 * loss
        if done % 50 == 0:
            log.info("step %d of %d: loss %.3f", done, settings.steps, smooth)
        if done % 500 == 0 or done == settings.steps:
            log.info("step %d: held-out loss %.3f", done, held_out_loss(module, held, masker))
            save(pretrained, module, folder / "encoder")


def _masker(pretrained: Pretrained, settings: Pretraining) -> Masker:
    ids = [pretrained.tokenizer.token_to_id(token) for token in ("<mask>", "[MASK]")]
    known = [i for i in ids if i is not None]
    if not known:
        raise MarsadError(f"{settings.encoder}: its tokenizer has no mask, <mask> or [MASK].")
    return Masker(known[0], pretrained.tokenizer.get_vocab_size(), settings.masked)


def _chosen(blocks: int, size: int, index: int, seed: int) -> NDArray[np.int64]:
    """The blocks of a batch: each epoch is a shuffle of its own."""
    batches = blocks // size
    order = np.random.default_rng([seed, index // batches, 1]).permutation(blocks)
    at = index % batches * size
    return order[at : at + size]


def _blocks(settings: Pretraining, pretrained: Pretrained) -> tuple[Blocks, Blocks]:
    rows = read_texts(Path(settings.text))
    texts = conflict_first(rows, conflict_only=settings.conflict_only)
    if len(texts) <= settings.held_out:
        raise MarsadError(
            f"{settings.text}: {len(texts)} texts, of which {settings.held_out} are to be held out."
        )
    held = set(random.Random(settings.plan.seed).sample(range(len(texts)), settings.held_out))
    cutter = WordCutter(settings.spelling)
    tokeniser = Tokeniser(pretrained.tokenizer, settings.block)

    def packed(inside: bool) -> Blocks:
        chosen = [text for index, text in enumerate(texts) if (index in held) == inside]
        return pack(chosen, cutter, tokeniser, settings.block)

    train, test = packed(inside=False), packed(inside=True)
    if len(train.ids) < settings.batch_size or not len(test.ids):
        raise MarsadError(
            f"{settings.text}: too little text: {len(train.ids)} blocks to train on and "
            f"{len(test.ids)} held out; wanted {settings.batch_size} and 1 at least."
        )
    return train, test


@torch.no_grad()
def held_out_loss(module: MaskedModel, held: Blocks, masker: Masker) -> float:
    """Mean loss over held-out blocks, always hidden alike."""
    module.eval()
    rng = np.random.default_rng(0)
    device = next(module.parameters()).device
    losses = [
        module(*(tensor.to(device) for tensor in masker(part, rng))).item() for part in _parts(held)
    ]
    return float(np.mean(losses))


def _parts(blocks: Blocks, size: int = 32) -> Iterator[Blocks]:
    for at in range(0, len(blocks.ids), size):
        yield Blocks(blocks.ids[at : at + size], blocks.words[at : at + size])


def save(pretrained: Pretrained, module: MaskedModel, folder: Path) -> None:
    """Write the encoder and its tokenizer as transformers reads them."""
    module.model.base_model.save_pretrained(folder)
    names = {
        f"{kind}_token": token
        for kind, tokens in {
            "unk": ("[UNK]", "<unk>"),
            "pad": ("[PAD]", "<pad>"),
            "mask": ("[MASK]", "<mask>"),
            "cls": ("[CLS]", "<s>"),
            "sep": ("[SEP]", "</s>"),
        }.items()
        for token in tokens
        if pretrained.tokenizer.token_to_id(token) is not None
    }
    PreTrainedTokenizerFast(tokenizer_object=pretrained.tokenizer, **names).save_pretrained(folder)
