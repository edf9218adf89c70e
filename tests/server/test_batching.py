"""Texts of many clients are read together, in turns, by one thread, within a bounded queue."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from marsad.schema import Document
from marsad.server.batching import Batcher, Text
from marsad.server.metrics import Metrics
from marsad.server.refusal import Refusal
from marsad.server.settings import Settings


class Tagger:
    """Keeps the batches it was asked, and waits for ``go`` before it reads one."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.go = threading.Event()
        self.threads: set[int] = set()

    def __call__(self, texts: Sequence[str]) -> list[Document]:
        self.batches.append(list(texts))
        self.threads.add(threading.get_ident())
        assert self.go.wait(10)
        if "bad" in texts:
            raise ValueError("secret")
        return [Document(text) for text in texts]


def play(scene: Callable[[Batcher, Tagger], Awaitable[None]], **limits: Any) -> Tagger:
    """Run a scene with a batcher at work; the thread is freed at the end in any case."""

    async def run() -> None:
        batcher = Batcher(tagger, Settings(**limits), Metrics())
        running = asyncio.create_task(batcher.run())
        try:
            await scene(batcher, tagger)
        finally:
            tagger.go.set()
            running.cancel()
            batcher.close()

    tagger = Tagger()
    asyncio.run(run())
    return tagger


def ask(batcher: Batcher, *texts: str, words: int = 1) -> "asyncio.Task[list[Document | None]]":
    return asyncio.create_task(batcher.read([Text(text, words) for text in texts]))


async def begun(tagger: Tagger, batches: int) -> None:
    while len(tagger.batches) < batches:
        await asyncio.sleep(0.001)


def test_a_lone_text_is_read_at_once_and_those_that_come_meanwhile_together() -> None:
    async def scene(batcher: Batcher, tagger: Tagger) -> None:
        asked = [ask(batcher, "a")]
        await begun(tagger, 1)
        asked += [ask(batcher, "b"), ask(batcher, "c", "d")]
        await asyncio.sleep(0.01)
        tagger.go.set()
        found = [[d.text for d in await one if d] for one in asked]
        assert found == [["a"], ["b"], ["c", "d"]]

    tagger = play(scene)
    assert [sorted(batch) for batch in tagger.batches] == [["a"], ["b", "c", "d"]]
    assert len(tagger.threads) == 1


def test_clients_take_turns_so_that_a_large_request_holds_up_no_small_one() -> None:
    async def scene(batcher: Batcher, tagger: Tagger) -> None:
        large = ask(batcher, *"abcdef", words=10)
        await begun(tagger, 1)
        small = ask(batcher, "x", words=10)
        await asyncio.sleep(0.01)
        tagger.go.set()
        await small
        assert not large.done()
        assert [d.text for d in await large if d] == list("abcdef")

    tagger = play(scene, batch_words=20)
    assert [len(batch) for batch in tagger.batches] == [2, 2, 2, 1]
    assert "x" in tagger.batches[1]


def test_a_full_queue_refuses_at_once_and_says_when_to_ask_again() -> None:
    async def scene(batcher: Batcher, tagger: Tagger) -> None:
        waiting = ask(batcher, "a", words=8)
        await begun(tagger, 1)
        with pytest.raises(Refusal, match="The queue is full") as refused:
            await batcher.read([Text("b", 3)])
        assert refused.value.status == 429
        assert dict(refused.value.headers or {}) == {"Retry-After": "1"}
        assert not waiting.done()
        tagger.go.set()
        await waiting
        await batcher.read([Text("b", 3)])

    play(scene, queue_words=10, max_words=10)


def test_long_words_weigh_as_many_as_their_letters_make() -> None:
    assert Text("قصف", 1).weight == 1
    assert Text("ق" * 600, 1).weight == 100

    async def scene(batcher: Batcher, tagger: Tagger) -> None:
        with pytest.raises(Refusal, match="The queue is full"):
            await batcher.read([Text("ق" * 600, 1)])

    play(scene, queue_words=99, max_words=99)


def test_more_requests_than_may_wait_are_not_even_received() -> None:
    async def scene(batcher: Batcher, tagger: Tagger) -> None:
        with batcher.admitted(), pytest.raises(Refusal, match="full"), batcher.admitted():
            pass
        with batcher.admitted():
            pass

    play(scene, max_requests=1)


def test_what_nobody_waits_for_is_not_read() -> None:
    async def scene(batcher: Batcher, tagger: Tagger) -> None:
        first = ask(batcher, "a")
        await begun(tagger, 1)
        left, stayed = ask(batcher, "b", "c", words=5), ask(batcher, "d", words=5)
        await asyncio.sleep(0.01)
        left.cancel()
        await asyncio.sleep(0.01)
        also = ask(batcher, "e", words=4)  # there is room for it again
        tagger.go.set()
        await asyncio.gather(first, stayed, also)

    tagger = play(scene, queue_words=16, max_words=16)
    assert sorted(text for batch in tagger.batches for text in batch) == ["a", "d", "e"]


def test_a_text_that_cannot_be_read_costs_the_others_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(batcher: Batcher, tagger: Tagger) -> None:
        tagger.go.set()
        found = await batcher.read([Text("a", 1), Text("bad", 1), Text("b", 1)])
        assert [d and d.text for d in found] == ["a", None, "b"]

    play(scene)
    assert "reading failed" in caplog.text
