import torch
from transformers import AutoModel

from marsad.schema import Schema
from marsad_train.network import Dropout, Network


def test_dropout_zeroes_about_its_share_and_keeps_the_mean() -> None:
    torch.manual_seed(0)
    layer = Dropout(0.5).train()
    states = layer(torch.ones(101, 103))
    assert abs((states == 0).float().mean().item() - 0.5) < 0.02
    assert abs(states.mean().item() - 1) < 0.02
    assert set(states.unique().tolist()) == {0.0, 2.0}
    torch.manual_seed(0)
    assert torch.equal(layer(torch.ones(101, 103)), states)


def test_dropout_leaves_evaluation_alone() -> None:
    states = torch.randn(3, 4)
    assert Dropout(0.5).eval()(states) is states
    assert Dropout(0.0).train()(states) is states


def test_an_encoder_drops_nothing_by_torchs_slow_way(tiny_bert: object, schema: Schema) -> None:
    network = Network(AutoModel.from_pretrained(tiny_bert), schema)
    kinds = {type(module) for module in network.modules() if "Dropout" in type(module).__name__}
    assert kinds == {Dropout}


def test_layers_above_read_words_whatever_the_padding(tiny_bert: object, schema: Schema) -> None:
    torch.manual_seed(0)
    network = Network(AutoModel.from_pretrained(tiny_bert), schema, words_after=1).eval()
    ids = torch.tensor([[2, 7, 8, 9, 3, 0], [2, 9, 3, 0, 0, 0]])
    mask = (ids > 0).long()
    firsts = torch.tensor([[1, 3], [1, 0]])  # two words of two pieces and one; one of one
    with torch.inference_mode():
        both = network(ids, mask, firsts)
        alone = network(ids[1:, :3], mask[1:, :3], firsts[1:, :1])
        other = network(ids.roll(1, 1), mask, firsts)
    assert both.states.shape == (2, 2, network.linker_width)
    for one, row in zip(alone, both, strict=True):
        assert torch.allclose(one[0], row[1][: len(one[0])], atol=1e-5)
    assert not torch.allclose(both.entities[0], other.entities[0], atol=1e-3)
