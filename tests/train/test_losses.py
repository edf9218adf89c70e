import math

import pytest
import torch

from marsad_train.losses import class_loss, partial_loss


def test_with_one_allowed_tag_it_is_cross_entropy() -> None:
    logits = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    tags = torch.tensor([0, 1, 2, 3, 4, 0])
    allowed = torch.nn.functional.one_hot(tags, 5).bool()
    wanted = torch.nn.functional.cross_entropy(logits, tags)
    assert partial_loss(logits, allowed).item() == pytest.approx(wanted.item(), rel=1e-5)


def test_allowed_tags_add_up() -> None:
    logits = torch.log(torch.tensor([[0.2, 0.3, 0.5]]))
    allowed = torch.tensor([[True, True, False]])
    assert partial_loss(logits, allowed).item() == pytest.approx(-math.log(0.5))


def test_a_word_that_may_be_anything_does_not_count() -> None:
    logits = torch.log(torch.tensor([[0.2, 0.8], [0.9, 0.1]]))
    allowed = torch.tensor([[True, False], [True, True]])
    assert partial_loss(logits, allowed).item() == pytest.approx(-math.log(0.2))


def test_nothing_to_learn_is_no_loss_and_no_gradient() -> None:
    logits = torch.randn(2, 3, requires_grad=True)
    silent = torch.full((2, 3), torch.nan)
    loss = partial_loss(logits, torch.ones(2, 3, dtype=torch.bool)) + class_loss(logits, silent)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0.0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_classes_that_nobody_named_do_not_count() -> None:
    logits = torch.tensor([[0.0, 100.0]])
    assert class_loss(logits, torch.tensor([[1.0, torch.nan]])).item() == pytest.approx(math.log(2))
