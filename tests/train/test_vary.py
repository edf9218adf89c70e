"""Varied sentences: what is annotated must still be true of them."""

from typing import Any

import numpy as np
import pytest

from marsad.errors import MarsadError
from marsad_train.vary import Variation, Varier

ROW = {  # قصفت قوات النظام ، أمس حلب: an ATTACK by an ARMED (label 1), a DATE (6) and a LOC (3)
    "forms": ["قصفت", "قوات", "النظام", "،", "أمس", "حلب"],
    "entity_tags": [1, 4, 5, 1, 14, 8],
    "trigger_tags": [4, 1, 1, 1, 1, 1],
    "entities": [[1, 2, 1], [4, 4, 6], [5, 5, 3]],
    "triggers": [[0, 0, 1]],
    "links": [[0, 0, 1]],
}
OTHER = {
    "forms": ["قتلى", "في", "ريف", "إدلب", "الجنوبي"],
    "entity_tags": [1, 1, 8, 9, 9],
    "trigger_tags": [8, 1, 1, 1, 1],
    "entities": [[2, 4, 3]],
    "triggers": [[0, 0, 3]],
    "links": [],
}


def varied(row: dict[str, Any], seed: int = 0, **shares: float) -> dict[str, Any]:
    varier = Varier(Variation(**shares), [ROW, OTHER])
    return varier(row, np.random.default_rng(seed))


def marked(row: dict[str, Any]) -> list[tuple[str, int]]:
    """The words of each entity by its span, which its tags must say, too."""
    tags = row["entity_tags"]
    found = []
    for first, last, label in row["entities"]:
        assert tags[first : last + 1] == [2 + 2 * label] + [3 + 2 * label] * (last - first)
        found.append((" ".join(row["forms"][first : last + 1]), label))
    assert sum(tag > 1 for tag in tags) == sum(
        last - first + 1 for first, last, _ in row["entities"]
    )
    assert len(tags) == len(row["forms"]) == len(row["trigger_tags"])
    return found


def test_nothing_varies_unless_asked() -> None:
    assert varied(ROW) is ROW


@pytest.mark.parametrize("trigger", [2, 3])
def test_a_mention_that_holds_a_trigger_stays(trigger: int) -> None:
    """As in [ثلاثة {قتلى}]."""
    row = {**OTHER, "triggers": [[trigger, trigger, 3]], "links": []}
    assert all(varied(row, seed, swapped=1.0)["forms"] == row["forms"] for seed in range(20))


def test_mentions_change_places_with_others_of_their_label_and_shape() -> None:
    seen = set()
    for seed in range(20):
        row = varied(ROW, seed, swapped=1.0)
        army, date, place = marked(row)
        assert (army[0], date[0]) == ("قوات النظام", "أمس")  # no other of their labels
        first, last, kind = row["triggers"][0]
        assert (row["forms"][first : last + 1], kind) == (["قصفت"], 1)
        assert row["trigger_tags"][first] == 4
        seen.add(place[0])
    assert seen == {"حلب", "ريف إدلب الجنوبي"}
    shorter = [varied(OTHER, seed, swapped=1.0) for seed in range(20)]
    assert {marked(row)[0][0] for row in shorter} == seen


def test_punctuation_goes_and_spans_move() -> None:
    row = varied(ROW, bare=1.0)
    assert "،" not in row["forms"]
    assert marked(row) == marked(ROW)
    inside = {**ROW, "entity_tags": [1, 4, 5, 5, 14, 8], "entities": [[1, 3, 1], [4, 4, 6]]}
    assert "،" in varied(inside, bare=1.0)["forms"]


def test_a_sentence_of_punctuation_alone_stays() -> None:
    row = {**ROW, "forms": ["…"], "entity_tags": [1], "trigger_tags": [1], "entities": []}
    assert varied({**row, "triggers": [], "links": []}, bare=1.0)["forms"] == ["…"]


def test_plain_spelling() -> None:
    assert varied(ROW, plain=1.0)["forms"][4] == "امس"


def test_about_the_share_of_words_is_hidden() -> None:
    hidden = Varier(Variation(hidden=0.2), []).hidden(1000, np.random.default_rng(0))
    assert 150 < len(hidden) < 250
    assert not Varier(Variation(), []).hidden(1000, np.random.default_rng(0))


def test_a_share_is_a_share() -> None:
    with pytest.raises(MarsadError, match="swapped: found 2"):
        Variation(swapped=2)
