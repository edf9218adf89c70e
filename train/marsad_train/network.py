"""One encoder with four heads: entity tags, trigger tags, sentence classes, argument roles."""

import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from marsad.encode import CPU_BUDGET, GPU_BUDGET, Batch, Floats, Pairs, Scores
from marsad.schema import Schema
from marsad_train.encoders import LIKE_BERT

NEAR = 16  # word distances beyond this look alike
KIND_WIDTH = 32
LINK_WIDTH = 256


class Dropout(nn.Module):
    """Dropout whose mask is drawn eight values at a time, for speed on a CPU.

    Torch's own takes as long there as all matrix products of a small encoder. Shares are rounded to
    256ths.
    """

    p = 0.0  # what attention of transformers reads; it goes without

    def __init__(self, share: float) -> None:
        super().__init__()
        self.kept = 256 - round(256 * share)

    def forward(self, states: Tensor) -> Tensor:
        """Zero a share of the values, any shape, and scale up the rest; not in evaluation."""
        if not self.training or self.kept == 256:
            return states
        eights = torch.empty(-(-states.numel() // 8), dtype=torch.int64, device=states.device)
        noise = eights.random_(-(2**63), None).view(torch.uint8)[: states.numel()]
        kept = (noise < self.kept).view(states.shape)
        return states * kept.to(states.dtype).mul_(256 / self.kept)


class Outputs(NamedTuple):
    """Logits of a batch, as in ``marsad.encode.Scores``."""

    entities: Tensor  # (rows, words, entity tags)
    triggers: Tensor  # (rows, words, trigger tags)
    classes: Tensor  # (rows, classes)
    states: Tensor  # (rows, words, width)


class Linker(nn.Module):
    """Scores pairs of a trigger and an entity for every role, by their words and those between."""

    def __init__(self, width: int, schema: Schema, dropout: float) -> None:
        super().__init__()
        self.types = nn.Embedding(max(1, len(schema.events)), KIND_WIDTH)
        self.labels = nn.Embedding(max(1, len(schema.entities)), KIND_WIDTH)
        self.distances = nn.Embedding(2 * NEAR + 1, KIND_WIDTH)
        self.inner = nn.Linear(5 * width + 3 * KIND_WIDTH, LINK_WIDTH)
        self.dropout = Dropout(dropout)
        self.outer = nn.Linear(LINK_WIDTH, 1 + len(schema.roles))

    def forward(  # noqa: PLR0913 - an ONNX graph has its inputs one by one
        self,
        states: Tensor,
        trigger_first: Tensor,
        trigger_last: Tensor,
        trigger_type: Tensor,
        entity_first: Tensor,
        entity_last: Tensor,
        entity_label: Tensor,
    ) -> Tensor:
        """States (words, width) and the columns of ``Pairs`` (pairs,) to (pairs, 1 + roles)."""
        start = torch.minimum(trigger_first, entity_first)
        end = torch.maximum(trigger_last, entity_last) + 1
        sums = nn.functional.pad(states.cumsum(0), (0, 0, 1, 0))
        between = (sums[end] - sums[start]) / (end - start).unsqueeze(-1)
        distance = (entity_first - trigger_first).clamp(-NEAR, NEAR) + NEAR
        features = [
            states[trigger_first],
            states[trigger_last],
            states[entity_first],
            states[entity_last],
            between,
            self.types(trigger_type),
            self.labels(entity_label),
            self.distances(distance),
        ]
        inner = nn.functional.gelu(self.inner(torch.cat(features, dim=-1)))
        scores: Tensor = self.outer(self.dropout(inner))
        return scores


class Network(nn.Module):
    """An encoder that transformers loaded, and the heads that a schema asks for."""

    def __init__(
        self,
        encoder: PreTrainedModel,
        schema: Schema,
        dropout: float = 0.1,
        words_after: int = 0,
    ) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.words_after = words_after
        # Run layer by layer, the attention of these can be exported as one operator.
        self.like_bert = encoder.config.model_type in LIKE_BERT
        if hasattr(encoder, "pooler"):
            encoder.pooler = None  # reads the first piece only; our classes read them all
        for module in list(encoder.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.Dropout):
                    setattr(module, name, Dropout(dropout))
        self.encoder = encoder
        self.dropout = Dropout(dropout)
        self.entities = nn.Linear(width, len(schema.entity_tags))
        self.triggers = nn.Linear(width, len(schema.trigger_tags))
        self.classes = _linear(2 * width, len(schema.classes))
        self.linker = Linker(width, schema, dropout)
        self.linker_width = width

    def forward(self, ids: Tensor, mask: Tensor, firsts: Tensor) -> Outputs:
        """A ``marsad.encode.Batch``: ids and mask (rows, pieces), firsts (rows, words)."""
        hidden, mask = self._read(ids, mask, firsts)
        hidden = self.dropout(hidden)
        states = hidden[:, 1:] if self.words_after else _taken(hidden, firsts)
        inside = mask.unsqueeze(-1).to(hidden.dtype)
        mean = (hidden * inside).sum(1) / inside.sum(1)
        highest = (hidden + (inside - 1) * 1e4).amax(1)
        pooled = torch.cat([mean, highest], dim=-1)
        return Outputs(self.entities(states), self.triggers(states), self.classes(pooled), states)

    def _read(self, ids: Tensor, mask: Tensor, firsts: Tensor) -> tuple[Tensor, Tensor]:
        """Run the layers on pieces, those above ``words_after`` on piece 0 and words' first pieces.

        Returns:
            states (rows, pieces or 1 + words, width), and their mask
        """
        if not self.like_bert:
            return self.encoder(input_ids=ids, attention_mask=mask)[0], mask
        hidden = self.encoder.embeddings(input_ids=ids)
        bias = _bias(mask, hidden.dtype)
        for number, layer in enumerate(self.encoder.encoder.layer):
            if number == self.words_after > 0:
                firsts = nn.functional.pad(firsts, (1, 0))
                hidden = _taken(hidden, firsts)
                mask = nn.functional.pad((firsts[:, 1:] > 0).to(mask.dtype), (1, 0), value=1)
                bias = _bias(mask, hidden.dtype)
            found = layer(hidden, bias)
            hidden = found[0] if isinstance(found, tuple) else found
        return hidden, mask


def _taken(hidden: Tensor, places: Tensor) -> Tensor:
    """The states (rows, places, width) at some places of (rows, pieces, width)."""
    return hidden.gather(1, places.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))


def _bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to attention so that nothing looks at padding."""
    return (1 - mask[:, None, None, :].to(dtype)) * torch.finfo(dtype).min


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """A layer that may have no outputs, of which torch would warn."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")
        return nn.Linear(inputs, outputs)


class TorchEncoder:
    """A ``marsad.encode.Encoder`` over a network, on the device and in the precision it is in."""

    def __init__(self, network: Network) -> None:
        self.network = network.eval()
        self.device = next(network.parameters()).device
        self.budget = CPU_BUDGET if self.device.type == "cpu" else GPU_BUDGET

    @torch.inference_mode()
    def encode(self, batch: Batch, /) -> Scores:
        """Score every word and every row of a batch."""
        outputs = self.network(*(torch.from_numpy(array).to(self.device) for array in batch))
        return Scores(*(_array(tensor) for tensor in outputs))

    def encode_all(self, batches: Sequence[Batch], /) -> Iterator[Scores]:
        """Score batches, in order."""
        return map(self.encode, batches)

    @torch.inference_mode()
    def link(self, states: Floats, pairs: Pairs, /) -> Floats:
        """Score each pair for "no role" and every role."""
        columns = (torch.from_numpy(column).to(self.device) for column in pairs)
        table = torch.from_numpy(states).to(self.device, next(self.network.parameters()).dtype)
        return _array(self.network.linker(table, *columns))


def _array(tensor: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = tensor.float().cpu().numpy()
    return array
