"""What each address of the server does."""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST

from marsad.inputs import Failure, Place
from marsad.schema import Document
from marsad.server.batching import LETTERS, Batcher, Tag, Text
from marsad.server.edge import COUNTS
from marsad.server.huggingface import as_token_classification
from marsad.server.metrics import Metrics
from marsad.server.receive import read_json
from marsad.server.refusal import GONE, Refusal, error_body, json_response
from marsad.server.schemas import InputsRequest, ParametersBody, TagRequest, check
from marsad.server.settings import Settings
from marsad.sources import Source, source_of
from marsad.words import count_words


class Api:
    """Answers requests with what a batcher reads.

    Args:
        tag: reads texts; called in one thread only.
        settings: the limits.
        about: what ``/info`` says.
        metrics: what ``/metrics`` shows.
    """

    def __init__(
        self, tag: Tag, settings: Settings, about: Mapping[str, Any], metrics: Metrics
    ) -> None:
        self._settings = settings
        self._about = about
        self._metrics = metrics
        self._batcher = Batcher(tag, settings, metrics)
        self._running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to read what arrives."""
        self._running = asyncio.create_task(self._batcher.run())

    async def stop(self) -> None:
        """End, when nothing is waiting any more."""
        if self._running:
            self._running.cancel()
            with suppress(asyncio.CancelledError):
                await self._running
        self._batcher.close()

    async def tag(self, request: Request) -> Response:
        """Read texts: a document for each, as `marsad tag` writes it, in order."""
        with self._batcher.admitted():
            asked = check(TagRequest, await self._receive(request))
            self._check_number(len(asked.documents))
            items = [source_of(value, Place(str(n))) for n, value in enumerate(asked.documents, 1)]
            sources = [item for item in items if isinstance(item, Source)]
            documents = await self._read(request, [source.text for source in sources])
            found = iter(documents)
            entries = [
                _entry(item, next(found), asked.options.min_score)
                if isinstance(item, Source)
                else _failure(item)
                for item in items
            ]
            self._metrics.failed.inc(len(items) - len(sources) + documents.count(None))
            return self._write({"documents": entries})

    async def inputs(self, request: Request) -> Response:
        """Find entities, asked and answered as Hugging Face's token classification is."""
        with self._batcher.admitted():
            asked = check(InputsRequest, await self._receive(request))
            alone = isinstance(asked.inputs, str)
            texts = [asked.inputs] if isinstance(asked.inputs, str) else asked.inputs
            self._check_number(len(texts))
            documents = await self._read(request, texts)
            if None in documents:
                raise Refusal(500, "A text could not be read; this is a bug of Marsad's.")
            parameters = asked.parameters or ParametersBody()
            found = [as_token_classification(d, parameters) for d in documents if d]
            return self._write(found[0] if alone else found)

    async def live(self) -> Response:
        """Say that the process answers."""
        return json_response({"status": "live"})

    async def ready(self) -> Response:
        """Say whether texts are read."""
        if self._running is None or self._running.done():
            raise Refusal(503, "No texts are read.")
        return json_response({"status": "ready"})

    async def info(self) -> Response:
        """Say what the model is, what it finds, and what may be sent."""
        return json_response(self._about)

    async def figures(self) -> Response:
        """Count requests, documents, words, the queue and seconds, for Prometheus."""
        return Response(self._metrics.text(), media_type=CONTENT_TYPE_LATEST)

    async def _receive(self, request: Request) -> Any:
        with self._metrics.seconds.labels("receive").time():
            return await read_json(request, self._settings)

    def _write(self, answer: object) -> Response:
        with self._metrics.seconds.labels("write").time():
            return json_response(answer)

    def _check_number(self, documents: int) -> None:
        most = self._settings.max_documents
        if documents > most:
            raise Refusal(413, f"{documents} documents in one request; send at most {most}.")

    async def _read(self, request: Request, texts: Sequence[str]) -> list[Document | None]:
        measured = self._measure(texts)
        words = sum(text.words for text in measured)
        request.scope[COUNTS].update(documents=len(texts), words=words)
        return await self._unless_gone(request, self._batcher.read(measured))

    def _measure(self, texts: Sequence[str]) -> list[Text]:
        left = most = self._settings.max_words
        measured = []
        for text in texts:
            measured.append(Text(text, count_words(text, left + 1)))
            left -= measured[-1].weight
            if left < 0:
                detail = f"More than {most} words, or {LETTERS} times as many characters"
                raise Refusal(413, f"{detail}, in one request.")
        return measured

    async def _unless_gone(
        self, request: Request, work: Coroutine[Any, Any, list[Document | None]]
    ) -> list[Document | None]:
        """Do the work, but drop it when the client leaves, or when nothing reads any more."""
        doing = asyncio.create_task(work)
        leaving = asyncio.create_task(_gone(request))
        others = {leaving, self._running} if self._running else {leaving}
        try:
            await asyncio.wait({doing, *others}, return_when=asyncio.FIRST_COMPLETED)
            if doing.done():
                return doing.result()
            if leaving.done():
                raise Refusal(GONE, "The client left before its answer.")
            raise Refusal(503, "No texts are read.")
        finally:
            doing.cancel()
            leaving.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _entry(source: Source, document: Document | None, min_score: float) -> dict[str, Any]:
    if document is None:
        reason = "it could not be read; this is a bug of Marsad's."
        return {"id": source.id, **error_body(500, reason)}
    return replace(document.above(min_score), id=source.id, fields=source.fields).as_dict()


def _failure(failure: Failure) -> dict[str, Any]:
    """Say what was wrong with a document, by its own name if it has one."""
    return {"id": failure.id or str(failure.place), **error_body(422, failure.reason)}
