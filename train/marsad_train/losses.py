"""What a network is trained to make small."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def partial_loss(logits: Tensor, allowed: Tensor) -> Tensor:
    """Mean over words of minus the log of the summed probability of the tags each may have.

    A word that may have any tag teaches nothing and does not count. With one allowed tag a word
    this is cross-entropy.

    Args:
        logits: (words, tags)
        allowed: (words, tags) booleans, at least one true a word.
    """
    taught = ~allowed.all(-1)
    if not taught.any():
        return logits.sum() * 0.0
    logs = logits[taught].log_softmax(-1)
    return -logs.masked_fill(~allowed[taught], -torch.inf).logsumexp(-1).mean()


def class_loss(logits: Tensor, classes: Tensor) -> Tensor:
    """Mean binary cross-entropy; both are (rows, classes), NaN where nobody said."""
    known = ~classes.isnan()
    if not known.any():
        return logits.sum() * 0.0
    return binary_cross_entropy_with_logits(logits[known], classes[known])
