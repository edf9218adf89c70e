"""A run over many documents: tagged in order, counted, and followed by a bar."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from marsad.inputs import Place
from marsad.pipeline import Pipeline
from marsad.readers import Item, Source
from marsad.schema import Document


def open_bar(total: int | None, unit: str, *, shown: bool) -> Any:
    """Open a progress bar on stderr; ``update(n)`` moves it."""
    return tqdm(
        total=total,
        unit=unit,
        unit_scale=True,
        disable=not shown,
        file=sys.stderr,
        dynamic_ncols=True,
        leave=False,
    )


class Meter:
    """Counts documents and failures, and moves a bar that measures the bytes of the input.

    Args:
        bar: what ``open_bar`` returns.
        say: is told each failure.
    """

    def __init__(self, bar: Any, say: Callable[[str], None]) -> None:
        self.documents = 0
        self.failed = 0
        self._bar = bar
        self._say = say
        self._began = time.monotonic()
        self._finished = 0  # bytes of finished documents
        self._characters = 0  # read since the last document was finished

    @property
    def summary(self) -> str:
        """What was done so far, in a line."""
        seconds = time.monotonic() - self._began
        return f"documents: {self.documents}, failed: {self.failed}, seconds: {seconds:.1f}"

    def fail(self, place: Place, reason: str) -> None:
        """Count a failure and say so."""
        self.failed += 1
        self._say(f"error: {place}: {reason}")

    def advance(self, source: Source, characters: int) -> None:
        """Move the bar within a document."""
        self._characters += characters
        done = min(1.0, self._characters / max(1, len(source.text)))
        self._show(self._finished + int(done * source.size))

    def finish(self, source: Source) -> None:
        """Count a document."""
        self.documents += 1
        self._finished += source.size
        self._characters = 0
        self._show(self._finished)

    def _show(self, position: int) -> None:
        # What was read of the next documents, whose chunk is the same, may already be counted.
        self._bar.update(max(0, position - self._bar.n))


def tag_sources(pipeline: Pipeline, items: Iterable[Item], meter: Meter) -> Iterator[Document]:
    """Tag what was read, in order, holding only what is under way; failures go to the meter."""
    waiting: deque[Source] = deque()

    def texts() -> Iterator[str]:
        for item in items:
            if isinstance(item, Source):
                waiting.append(item)
                yield item.text
            else:
                meter.fail(*item)

    def progress(characters: int) -> None:
        if waiting:
            meter.advance(waiting[0], characters)

    for document in pipeline.tag(texts(), progress=progress):
        source = waiting.popleft()
        yield replace(document, id=source.id, fields=source.fields)
        meter.finish(source)
