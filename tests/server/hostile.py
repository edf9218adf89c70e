"""Hostile requests by the thousand: each must be answered 4xx, and the memory come back.

``python tests/server/hostile.py [REQUESTS]`` starts a server and says how it fared.
"""

import asyncio
import gzip
import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator

HEAD = "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\n"
MEBIBYTE = 1 << 20
STREAM = 100  # mebibytes
BOMB = gzip.compress(b" " * (20 * MEBIBYTE))
WRONG: tuple[object, ...] = (
    None, True, 1, -1, 1.5, "", "text", [], [[]], {}, {"documents": None}, {"documents": 1},
    {"documents": {"text": "a"}}, {"documents": [], "options": []}, {"documents": [], "options": 1},
    {"documents": [], "options": {"min_score": "high"}}, {"documents": [], "more": 1},
    {"inputs": None}, {"inputs": 1}, {"inputs": [1]}, {"inputs": {}}, {"inputs": "a", "x": 1},
    {"inputs": "a", "parameters": 1}, {"inputs": "a", "parameters": {"aggregation_strategy": "x"}},
)  # fmt: skip

Parts = Iterator[bytes]


def whole(chance: random.Random, body: bytes, *, kind: str = "application/json") -> Parts:
    """A request with a body of known length."""
    path = chance.choice(["/v1/tag", "/"])
    head = HEAD.format(path=path, kind=kind) + f"Content-Length: {len(body)}\r\n\r\n"
    yield head.encode() + body


def random_bytes(chance: random.Random) -> Parts:
    return whole(chance, chance.randbytes(chance.randrange(1, 2000)))


def no_http(chance: random.Random) -> Parts:
    yield chance.randbytes(chance.randrange(1, 500)).replace(b"\n", b"x") + b"\r\n\r\n"


def deep(chance: random.Random) -> Parts:
    depth = chance.randrange(1500, 200_000)
    return whole(chance, chance.choice([b"[", b'{"documents":[{"text":', b'{"a":']) * (depth // 20))


def long_word(chance: random.Random) -> Parts:
    """A text of one word, which grows whatever keeps words; and more characters than are read."""
    word = "ا" + "ـ" * chance.randrange(150_000, 400_000) + "ب"
    return whole(chance, json.dumps({"inputs": word}, ensure_ascii=False).encode())


def huge_number(chance: random.Random) -> Parts:
    digits = str(chance.randrange(1, 10)) * chance.randrange(5000, 100_000)
    form = chance.choice(['{{"documents": [{}]}}', '{{"documents": [1e{}]}}', "{}"])
    return whole(chance, form.format(digits).encode())


def wrong_type(chance: random.Random) -> Parts:
    return whole(chance, json.dumps(chance.choice(WRONG)).encode())


def wrong_kind(chance: random.Random) -> Parts:
    kinds = ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"]
    return whole(chance, b'{"documents": []}', kind=chance.choice(kinds))


def truncated(chance: random.Random) -> Parts:
    """Chunks that are cut off or not what they say."""
    head = HEAD.format(path="/v1/tag", kind="application/json") + "Transfer-Encoding: chunked\r\n"
    spoilt = chance.choice([b"xyz\r\n", b"-1\r\n\r\n", b"5\r\nabcdefgh\r\n"])
    yield head.encode() + b"\r\n" + b"2\r\n[1\r\n" + spoilt


def bomb(chance: random.Random) -> Parts:
    kind = chance.choice(["gzip", "deflate", "br", "gzip, gzip"])
    head = HEAD.format(path="/v1/tag", kind=f"application/json\r\nContent-Encoding: {kind}")
    yield f"{head}Content-Length: {len(BOMB)}\r\n\r\n".encode() + BOMB


def stream(chance: random.Random) -> Parts:
    """A hundred mebibytes, in chunks or by length."""
    head = HEAD.format(path="/v1/tag", kind="application/json")
    if chance.random() < 0.5:
        yield f"{head}Content-Length: {STREAM * MEBIBYTE}\r\n\r\n".encode()
        for _ in range(STREAM):
            yield b" " * MEBIBYTE
    else:
        yield f"{head}Transfer-Encoding: chunked\r\n\r\n".encode()
        for _ in range(STREAM):
            yield b"%x\r\n" % MEBIBYTE + b" " * MEBIBYTE + b"\r\n"
        yield b"0\r\n\r\n"


COMMON = (
    random_bytes,
    no_http,
    deep,
    long_word,
    huge_number,
    wrong_type,
    wrong_kind,
    truncated,
    bomb,
)


def kinds(requests: int, chance: random.Random) -> Iterator[Callable[[random.Random], Parts]]:
    """The kinds of so many requests; one in 500 is a great stream."""
    for number in range(requests):
        yield stream if number % 500 == 499 else chance.choice(COMMON)


async def send(port: int, parts: Parts) -> int:
    """The status of the answer; 0 if the connection ended without one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reading = asyncio.create_task(reader.read(12))
    try:
        for part in parts:
            if reading.done():
                break
            writer.write(part)
            await writer.drain()
    except ConnectionError:
        pass
    try:
        line = await asyncio.wait_for(reading, 60)
        return int(line.split()[1]) if line else 0
    except ConnectionError:
        return 0
    finally:
        writer.close()


async def attack(port: int, requests: int, *, clients: int = 16) -> dict[str, Counter[int]]:
    """Send requests, several at once, and count the answers by kind."""
    chance = random.Random(13)
    waiting = kinds(requests, chance)
    statuses: dict[str, Counter[int]] = {}

    async def client() -> None:
        for kind in waiting:
            status = await send(port, kind(random.Random(chance.random())))
            statuses.setdefault(kind.__name__, Counter())[status] += 1

    await asyncio.gather(*(client() for _ in range(clients)))
    return statuses


def resident(pid: int) -> float:
    """The memory of a process, in MB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as lines:
        (kilobytes,) = (int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return kilobytes / 1000


def main() -> None:
    """Attack a server of our own."""
    requests = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    command = [sys.executable, "-m", "marsad", "serve", "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE)
    assert server.stderr
    port = json.loads(server.stderr.readline())["port"]
    draining = subprocess.Popen(["sh", "-c", "cat >/dev/null"], stdin=server.stderr)
    memory = {}
    for name, number in (("after 500", 500), (f"after {requests} more", requests)):
        statuses = asyncio.run(attack(port, number))
        memory[name] = resident(server.pid)
    server.terminate()
    code = server.wait(90)
    draining.wait(10)
    for kind, counts in sorted(statuses.items()):
        print(f"{kind:14}", dict(sorted(counts.items())))  # noqa: T201
    print("memory, MB:", memory, "exit status:", code)  # noqa: T201
    answered = {status for counts in statuses.values() for status in counts}
    sys.exit(not all(400 <= status < 500 for status in answered) or code != 0)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
