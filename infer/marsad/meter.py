"""A run over many documents: tagged in order, counted, and followed by a bar or a line at times."""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

from tqdm import tqdm

from marsad.inputs import Failure
from marsad.pipeline import Pipeline
from marsad.schema import Document
from marsad.sources import Item, Source

PAUSE = 60  # seconds between lines where there is no bar


def open_bar(total: int | None, unit: str, *, shown: bool, initial: int = 0) -> Any:
    """Open a progress bar on stderr; ``update(n)`` moves it."""
    return tqdm(
        total=total,
        initial=initial,
        unit=unit,
        unit_scale=True,
        disable=not shown,
        file=sys.stderr,
        dynamic_ncols=True,
        leave=False,
    )


class Meter:
    """Counts documents, failures and words, and moves a bar that measures the bytes of the input.

    Args:
        bar: what ``open_bar`` returns.
        say: is told each failure.
        tell: is told at times how far the run is.
    """

    def __init__(
        self, bar: Any, say: Callable[[str], None], tell: Callable[[str], None] | None = None
    ) -> None:
        self.documents = 0
        self.failed = 0
        self.words = 0  # as white space parts them
        self.position = 0  # in bytes of the input: the end of the last document finished
        self._bar = bar
        self._say = say
        self._tell = tell
        self._began = self._told = time.monotonic()
        self._before = 0  # words of earlier runs
        self._characters = 0  # read since the last document was finished

    def resume(self, *, documents: int, failed: int, words: int, position: int) -> None:
        """Go on counting where an earlier run ended."""
        self.documents, self.failed, self.words, self.position = documents, failed, words, position
        self._before = words

    @property
    def summary(self) -> str:
        """What was done so far, in a line; rate and time are of this run."""
        seconds = time.monotonic() - self._began
        rate = (self.words - self._before) / max(seconds, 1e-9)
        return (
            f"read: {self.documents + self.failed}, tagged: {self.documents}, "
            f"failed: {self.failed}, words: {self.words}, words/s: {rate:.0f}, "
            f"seconds: {seconds:.1f}"
        )

    def fail(self, failure: Failure) -> None:
        """Count a failure and say so."""
        self.failed += 1
        self._say(f"error: {failure.place}: {failure.reason}")

    def advance(self, source: Source, characters: int) -> None:
        """Move the bar within a document."""
        self._characters += characters
        done = min(1.0, self._characters / max(1, len(source.text)))
        self._show(self.position + int(done * source.size))

    def finish(self, source: Source) -> None:
        """Count a document."""
        self.documents += 1
        self.words += len(source.text.split())
        self.position += source.size
        self._characters = 0
        self._show(self.position)

    def making_way(self, documents: Iterator[Document]) -> Iterator[Document]:
        """Take the bar off the screen before a document is written there; it comes back below."""
        for document in documents:
            self._bar.clear()
            yield document

    def _show(self, position: int) -> None:
        # What was read of the next documents, whose chunk is the same, may already be counted.
        self._bar.update(max(0, position - self._bar.n))
        if self._tell and time.monotonic() - self._told >= PAUSE:
            self._told = time.monotonic()
            self._tell(self.summary)


def tag_sources(
    pipeline: Pipeline,
    items: Iterable[Item],
    meter: Meter,
    on_failure: Callable[[Failure], None] | None = None,
    *,
    min_score: float = 0.0,
) -> Iterator[Document]:
    """Tag what was read, in order, holding only what is under way; failures go to the meter."""
    waiting: deque[Source] = deque()

    def texts() -> Iterator[str]:
        for item in items:
            if isinstance(item, Source):
                waiting.append(item)
                yield item.text
            else:
                meter.fail(item)
                if on_failure:
                    on_failure(item)

    def progress(characters: int) -> None:
        if waiting:
            meter.advance(waiting[0], characters)

    for document in pipeline.tag(texts(), progress=progress):
        source = waiting.popleft()
        yield replace(document, id=source.id, fields=source.fields).above(min_score)
        meter.finish(source)
