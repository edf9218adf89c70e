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
