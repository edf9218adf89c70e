"""What a run reads before it trains, refused where it cannot be trained with."""

import logging
from collections.abc import Sequence
from pathlib import Path

from datasets import Dataset

from marsad.errors import MarsadError
from marsad.records import Record, read_records
from marsad.schema import Schema
from marsad.words import WordCutter
from marsad_train.config import EncoderChoice, Run
from marsad_train.corpora import count_widened, read_corpus
from marsad_train.encoders import LIKE_BERT, Pretrained, load_pretrained, positions

log = logging.getLogger(__name__)
LARGEST = 1536 << 20  # bytes of weights; torch writes what is more beside the graph, not into it


def read_dev(run: Run, schema: Schema, cutter: WordCutter) -> list[Record]:
    """Read the records that the best epoch is chosen by."""
    dev = read_records(Path(run.dev), schema)
    if not any(record.entities is not None for record in dev):
        raise MarsadError(f"{run.dev}: no record has entities; the best epoch is chosen by them.")
    widened = sum(
        count_widened(cutter(one.text), (*(one.entities or ()), *(one.triggers or ())))
        for one in dev
    )
    if widened:
        log.warning("%s: %d spans cut into words, and can never be found.", run.dev, widened)
    return dev


def read_train(run: Run, schema: Schema, cutter: WordCutter) -> list[Dataset]:
    """Read the corpora, which together must teach every head."""
    if not any(corpus.weight or corpus.last_weight for corpus in run.train):
        raise MarsadError("train: the weights of the corpora leave nothing to learn from.")
    examples = [read_corpus(corpus, i, schema, cutter) for i, corpus in enumerate(run.train)]
    _check_taught(run, schema, examples)
    return examples


def read_encoder(choice: EncoderChoice) -> Pretrained:
    """Load the encoder, if it can do what the run wants of it."""
    pretrained = load_pretrained(choice.name, attn_implementation="eager")
    longest = positions(pretrained.encoder)
    if choice.window > longest:
        raise MarsadError(
            f"encoder.window: {choice.window} pieces, but {choice.name} reads {longest}."
        )
    config = pretrained.encoder.config
    if choice.words_after:
        layers = config.num_hidden_layers if config.model_type in LIKE_BERT else 0
        if not 0 < choice.words_after < layers:
            raise MarsadError(
                f"encoder.words_after: found {choice.words_after}; {choice.name} has "
                f"{layers} layers as BERT has them, and some must come before and behind."
            )
    size = 4 * pretrained.encoder.num_parameters()
    if size > LARGEST:
        raise MarsadError(
            f"encoder.name: {choice.name} has {size >> 20} MiB of weights; "
            f"a bundle holds {LARGEST >> 20}."
        )
    return pretrained


def _check_taught(run: Run, schema: Schema, examples: Sequence[Dataset]) -> None:
    """Refuse to train heads that nothing teaches, and which then would answer at random."""
    taught = {
        "entities": any(any(row["entity_tags"]) for rows in examples for row in rows),
        "events": any(any(row["trigger_tags"]) for rows in examples for row in rows),
        "roles": any(row["linked"] for rows in examples for row in rows),
        "classes": any(row["classes"] is not None for rows in examples for row in rows),
    }
    for part, known in taught.items():
        if getattr(schema, part) and not known:
            raise MarsadError(
                f"no record of any corpus says anything of {part}; "
                f"take them out of a copy of {run.schema}."
            )
