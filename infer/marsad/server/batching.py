"""Texts of many clients, read together by one thread; a full queue refuses at once.

A text that finds the reader idle is read at once, unless clients crowd; those that come while it is
busy are the next batch.
"""

import asyncio
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from marsad.schema import Document
from marsad.server.metrics import Metrics
from marsad.server.refusal import Refusal
from marsad.server.settings import Settings

Tag = Callable[[Sequence[str]], Iterable[Document]]

SLOWEST_RETRY = 60  # seconds
LETTERS = 6  # of a word of news, with the space behind it

_log = logging.getLogger(__name__)


class Text(NamedTuple):
    """A text to be read, and how many words it has."""

    text: str
    words: int

    @property
    def weight(self) -> int:
        """What reading it costs, in words of news: long ones cost as many as their letters make."""
        return max(self.words, len(self.text) // LETTERS)


@dataclass(slots=True, eq=False)
class Job:
    """The texts of a request; ``found`` fills up with documents, or None where reading failed."""

    texts: Sequence[Text]
    answer: asyncio.Future[list[Document | None]]
    arrived: float = field(default_factory=time.monotonic)
    taken: int = 0
    found: dict[int, Document | None] = field(default_factory=dict)


Batch = list[tuple[Job, int]]


class Batcher:
    """Reads jobs in turns, a document of each, in batches of a bounded number of words."""

    def __init__(self, tag: Tag, settings: Settings, metrics: Metrics) -> None:
        self._tag = tag
        self._settings = settings
        self._metrics = metrics
        self._jobs: deque[Job] = deque()
        self._arrived = asyncio.Event()
        self._requests = 0  # being received, or waiting
        self._weight = 0  # of what is accepted and not answered
        self._speed = 2_000.0  # weight a second, lately
        # A thread of its own, and only one: the pipeline need not be safe for two.
        self._thread = ThreadPoolExecutor(1, "reader")

    @contextmanager
    def admitted(self) -> Iterator[None]:
        """Hold a place in the queue while a request is received, read and answered.

        Raises:
            Refusal: 429, the queue is full.
        """
        settings = self._settings
        if self._requests >= settings.max_requests or self._weight >= settings.queue_words:
            raise self._busy()
        self._requests += 1
        self._metrics.queue_requests.inc()
        try:
            yield
        finally:
            self._requests -= 1
            self._metrics.queue_requests.dec()

    async def read(self, texts: Sequence[Text]) -> list[Document | None]:
        """Read texts; None stands for one that could not be. Cancelling takes them off the queue.

        Raises:
            Refusal: 429, the queue is full.
        """
        if not texts:
            return []
        weight = sum(text.weight for text in texts)
        if self._weight + weight > self._settings.queue_words:
            raise self._busy()
        job = Job(texts, asyncio.get_running_loop().create_future())
        self._jobs.append(job)
        self._count(weight)
        self._arrived.set()
        try:
            return await job.answer
        finally:
            self._count(-weight)
            if job in self._jobs:
                self._jobs.remove(job)

    async def run(self) -> None:
        """Read whatever arrives, until cancelled."""
        crowd = 0
        while True:
            await self._arrived.wait()
            # Clients that were answered together ask again together, a moment from now.
            if crowd > 1 and self._weight < self._settings.batch_words:
                await asyncio.sleep(self._settings.gather_seconds)
            batch = self._take()
            if batch:
                await self._read(batch)
                crowd = len({id(job) for job, _ in batch})
            else:
                self._arrived.clear()
                crowd = 0

    def close(self) -> None:
        """End the reading thread."""
        self._thread.shutdown()

    def _take(self) -> Batch:
        batch: Batch = []
        room = self._settings.batch_words
        while self._jobs and (not batch or self._jobs[0].texts[self._jobs[0].taken].weight <= room):
            job = self._jobs.popleft()
            batch.append((job, job.taken))
            room -= job.texts[job.taken].weight
            job.taken += 1
            if job.taken < len(job.texts):
                self._jobs.append(job)
        return batch

    async def _read(self, batch: Batch) -> None:
        texts = [job.texts[index] for job, index in batch]
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(
            self._thread, _read_all, self._tag, [text.text for text in texts]
        )
        seconds = time.monotonic() - began
        weight = sum(text.weight for text in texts)
        self._speed += (weight / max(seconds, 0.001) - self._speed) / 8
        for (job, index), document in zip(batch, found, strict=True):
            self._metrics.seconds.labels("wait").observe(began - job.arrived)
            job.found[index] = document
            if len(job.found) == len(job.texts) and not job.answer.done():
                job.answer.set_result([job.found[at] for at in range(len(job.texts))])
        self._metrics.seconds.labels("read").observe(seconds)
        self._metrics.batch_documents.observe(len(batch))
        words = sum(text.words for text in texts)
        self._metrics.batch_words.observe(words)
        self._metrics.documents.inc(len(batch))
        self._metrics.words.inc(words)

    def _count(self, weight: int) -> None:
        self._weight += weight
        self._metrics.queue_words.set(self._weight)

    def _busy(self) -> Refusal:
        seconds = math.ceil(self._weight / max(self._speed, 1))
        wait = str(min(max(seconds, 1), SLOWEST_RETRY))
        return Refusal(
            429, f"The queue is full; ask again in {wait} s.", headers={"Retry-After": wait}
        )


def _read_all(tag: Tag, texts: Sequence[str]) -> list[Document | None]:
    """Read texts together; if that fails, each alone, so that only the culprit is not read."""
    try:
        return list(tag(texts))
    except Exception:  # noqa: BLE001 - a bug of ours, which must not cost the other clients' texts
        _log.exception("reading failed", extra={"fields": {"documents": len(texts)}})
        return [None] if len(texts) == 1 else [_read_all(tag, [text])[0] for text in texts]
