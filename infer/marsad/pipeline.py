"""The composition: texts in, documents out, in order, a bounded number of sentences at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from marsad.bundle import EMBEDDED, Manifest, read_manifest, read_tokenizer
from marsad.encode import Encoder
from marsad.onnx_encoder import OnnxEncoder
from marsad.read import Begun, Reader, Reading, Spelt
from marsad.schema import Argument, Document, Entity, Event, Sentence
from marsad.sentences import split_sentences
from marsad.tables import within
from marsad.tokenise import Tokeniser
from marsad.words import Word, WordCutter

CHUNK = 8_192  # pieces of text that are read together; two such are under way

Progress = Callable[[int], None]


class Task(NamedTuple):
    """A sentence to be read, or the end of a document, which has no words but its whole text."""

    words: Sequence[Word]
    spelt: Spelt
    text: str | None = None


class Pipeline:
    """Reads Arabic news: ``pipeline(text)`` gives a document, ``pipeline.tag(texts)`` many."""

    def __init__(self, manifest: Manifest, tokeniser: Tokeniser, encoder: Encoder) -> None:
        self.manifest = manifest
        self._cut = WordCutter(manifest.spelling)
        self._tokeniser = tokeniser
        self._reader = Reader(manifest, tokeniser, encoder)

    def __call__(self, text: str) -> Document:
        """Read one text."""
        (document,) = self.tag([text])
        return document

    def tag(self, texts: Iterable[str], *, progress: Progress | None = None) -> Iterator[Document]:
        """Read texts, and yield a document for each, in order.

        ``progress`` is told the number of characters read since it was last told.

        Raises:
            TypeError: a single text was given, whose letters would be read as texts.
        """
        if isinstance(texts, str):
            raise TypeError("tag() takes many texts; for one, call the pipeline itself.")
        return self._documents(texts, progress or (lambda _: None))

    def _documents(self, texts: Iterable[str], progress: Progress) -> Iterator[Document]:
        sentences: list[tuple[Task, Reading]] = []
        for chunk, found in self._read(texts):
            readings = iter(found)
            for task in chunk:
                if task.words:
                    sentences.append((task, next(readings)))
                if task.text is not None:
                    yield self._document(task.text, sentences)
                    sentences = []
            progress(sum(_characters(task) for task in chunk))

    def _read(self, texts: Iterable[str]) -> Iterator[tuple[list[Task], list[Reading]]]:
        """Read chunk after chunk; while one is being scored, the next is cut and spelt."""
        before: tuple[list[Task], Begun] | None = None
        for chunk in _chunks(self._tasks(texts)):
            begun = self._reader.begin([task.spelt for task in chunk if task.words])
            if before:
                yield before[0], self._reader.finish(before[1])
            before = chunk, begun
        if before:
            yield before[0], self._reader.finish(before[1])

    def _tasks(self, texts: Iterable[str]) -> Iterator[Task]:
        for text in texts:
            words = self._cut(text)
            for sentence in split_sentences(text, words):
                own = words[sentence.start : sentence.stop]
                yield Task(own, self._tokeniser.spell([word.form for word in own]))
            yield Task((), (), text)

    def _document(self, text: str, sentences: Sequence[tuple[Task, Reading]]) -> Document:
        entities: list[Entity] = []
        events: list[Event] = []
        for number, (task, reading) in enumerate(sentences):
            events.extend(self._events(text, number, task, reading, len(entities)))
            for found in reading.entities:
                start, end = task.words[found.first].start, task.words[found.last].end
                label = self.manifest.schema.entities[found.kind]
                entities.append(Entity(start, end, label, text[start:end], _rounded(found.score)))
        return Document(
            text,
            tuple(self._sentence(task, reading) for task, reading in sentences),
            tuple(entities),
            tuple(events),
        )

    def _events(
        self, text: str, number: int, task: Task, reading: Reading, before: int
    ) -> Iterator[Event]:
        """The events of a sentence, before whose entities the document has ``before`` others."""
        types = tuple(self.manifest.schema.events.items())
        roles = tuple(self.manifest.schema.roles)
        for index, found in enumerate(reading.triggers):
            start, end = task.words[found.first].start, task.words[found.last].end
            arguments = tuple(
                Argument(roles[link.role], before + link.entity, _rounded(link.score))
                for link in reading.links
                if link.trigger == index
            )
            kind, category = types[found.kind]
            yield Event(
                kind,
                category,
                start,
                end,
                text[start:end],
                _rounded(found.score),
                number,
                arguments,
            )

    def _sentence(self, task: Task, reading: Reading) -> Sentence:
        classes = self.manifest.schema.classes
        scores = {
            name: _rounded(chance) for name, chance in zip(classes, reading.classes, strict=True)
        }
        thresholds = self.manifest.thresholds
        chosen = tuple(name for name in classes if scores[name] >= thresholds.get(name, 0.5))
        return Sentence(task.words[0].start, task.words[-1].end, chosen, scores)


def load(folder: str | Path | None = None, *, device: str = "auto", threads: int = 0) -> Pipeline:
    """Load a model bundle; without a folder, the one that comes with Marsad.

    Args:
        folder: a bundle, as ``marsad-train export`` writes it.
        device: "cpu", "cuda", or "auto": CUDA when there.
        threads: of the model; 0: one for each core that this process may use.

    Raises:
        MarsadError: the folder is no bundle, or one that this version does not understand.
    """
    within("threads", threads, 0)
    path = EMBEDDED if folder is None else Path(folder)
    manifest = read_manifest(path)
    encoder = OnnxEncoder(path, manifest.schema, device=device, threads=threads)
    return Pipeline(manifest, Tokeniser(read_tokenizer(path), manifest.window), encoder)


def _chunks(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    chunk: list[Task] = []
    pieces = 0
    for task in tasks:
        chunk.append(task)
        pieces += 1 + sum(map(len, task.spelt))  # so that empty documents end a chunk, too
        if pieces >= CHUNK:
            yield chunk
            chunk, pieces = [], 0
    if chunk:
        yield chunk


def _characters(task: Task) -> int:
    return task.words[-1].end - task.words[0].start if task.words else 0


def _rounded(score: float) -> float:
    return round(float(score), 4)
