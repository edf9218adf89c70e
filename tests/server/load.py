"""A bounded load on loopback: throughput against ``marsad tag``, latencies, overload, SIGTERM.

``make load`` (64 clients, 60 s) and ``make soak`` (an hour at moderate load) run it.
"""

import argparse
import asyncio
import itertools
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "data" / "samples").glob("*.txt"))
MARSAD = [sys.executable, "-m", "marsad"]


@dataclass
class Tally:
    """What clients saw: seconds and status of each answer, and requests that got none."""

    answers: list[tuple[float, int]] = field(default_factory=list)
    words: int = 0
    lost: int = 0

    def seconds(self, status: int) -> list[float]:
        return sorted(seconds for seconds, found in self.answers if found == status)


class Client:
    """A client that keeps its connection, and costs less than the server that it measures."""

    def __init__(self, port: int, tally: Tally) -> None:
        self._port = port
        self._tally = tally
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes, words: int) -> bool:
        """Ask, and count the answer; False when the server is gone."""
        began = time.monotonic()
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self._port)
            reader, writer = self._streams
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            status = int(head[9:12])
            (length,) = (
                int(line[15:]) for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length")
            )  # fmt: skip
            await reader.readexactly(length)
        except ConnectionRefusedError:
            return False
        except (ConnectionError, asyncio.IncompleteReadError):
            self._tally.lost += 1
            self._streams = None
            return False
        self._tally.answers.append((time.monotonic() - began, status))
        self._tally.words += words if status == 200 else 0
        return True

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()


class Server:
    """``marsad serve`` on a free port."""

    def __init__(self, *settings: str) -> None:
        options = [part for setting in settings for part in ("--set", setting)]
        command = [*MARSAD, "serve", "--port", "0", *options]
        self._log = tempfile.NamedTemporaryFile()  # noqa: SIM115 - as long as the server
        self._process = subprocess.Popen(command, stderr=self._log)
        self.pid = self._process.pid
        self.port = self._wait()

    def _wait(self) -> int:
        while not (lines := self._lines()):
            time.sleep(0.1)
        port: int = json.loads(lines[0])["port"]
        return port

    def _lines(self) -> list[bytes]:
        """What it has logged, but for a line that is being written."""
        # Opened anew: to seek in the server's own file would move where the server writes.
        return Path(self._log.name).read_bytes().split(b"\n")[:-1]

    def memory(self) -> float:
        """Resident, in MB."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmRSS"))

    def tell_to_end(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        return self._process.wait(120)

    def answered(self) -> int:
        """How many requests for texts it says that it answered with 200."""
        lines = [json.loads(line) for line in self._lines()]
        return sum(line.get("path") == "/v1/tag" and line["status"] == 200 for line in lines)


def requests() -> list[tuple[bytes, int]]:
    """The samples as requests, with their words."""
    made = []
    for path in SAMPLES:
        text = path.read_text(encoding="utf-8")
        body = json.dumps({"documents": [{"id": path.name, "text": text}]}).encode()
        head = (
            "POST /v1/tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        made.append((head.encode() + body, len(text.split())))
    return made


async def press(port: int, clients: int, seconds: float, *, pause: float = 0) -> Tally:
    """Ask with so many clients at once for so long; every one waits for its answers.

    ``pause`` is how long a client rests before each request, in seconds, on average.
    """
    tally = Tally()
    chance = random.Random(0)
    end = time.monotonic() + seconds
    waiting: Iterator[tuple[bytes, int]] = itertools.cycle(requests())

    async def work() -> None:
        client = Client(port, tally)
        await rest()
        while time.monotonic() < end and await client.ask(*next(waiting)):
            await rest()
        client.close()

    async def rest() -> None:
        if pause:
            await asyncio.sleep(pause * 2 * chance.random())

    await asyncio.gather(*(work() for _ in range(clients)))
    return tally


def tag_speed(documents: int) -> float:
    """Words a second of ``marsad tag`` on the same texts, without the time it takes to start."""
    texts = [path.read_text(encoding="utf-8") for path in SAMPLES]

    def timed(number: int) -> float:
        lines = (json.dumps({"text": texts[n % len(texts)]}) for n in range(number))
        began = time.monotonic()
        subprocess.run(
            [*MARSAD, "tag", "-", "--quiet"],
            input="\n".join(lines).encode(), stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        return time.monotonic() - began

    words = sum(len(texts[n % len(texts)].split()) for n in range(documents))
    return words / (timed(documents) - timed(1))


def say(name: str, value: object) -> None:
    print(f"{name:48}{value}")  # noqa: T201


def show(tally: Tally, seconds: float, name: str) -> float:
    """Print what clients saw; return the words a second."""
    speed = tally.words / seconds
    good, busy = tally.seconds(200), tally.seconds(429)
    others = [status for _, status in tally.answers if status not in (200, 429)]
    say(
        f"{name}: answers 200 / 429 / others / lost",
        f"{len(good)} / {len(busy)} / {len(others)} / {tally.lost}",
    )
    say(f"{name}: words a second", f"{speed:.0f}")
    for kind, found in (("200", good), ("429", busy)):
        if found:
            p50, p95, p99 = (found[int(len(found) * q)] * 1000 for q in (0.5, 0.95, 0.99))
            say(
                f"{name}: {kind} p50 / p95 / p99 / most, ms",
                f"{p50:.0f} / {p95:.0f} / {p99:.0f} / {found[-1] * 1000:.0f}",
            )
    return speed


def load(clients: int, seconds: float) -> bool:
    """The load of ``make load``; True if all is as promised."""
    plain = tag_speed(400)
    say("marsad tag: words a second", f"{plain:.0f}")
    server = Server()
    asyncio.run(press(server.port, clients, 5))
    before = server.memory()
    began = time.monotonic()
    tally = asyncio.run(press(server.port, clients, seconds))
    speed = show(tally, time.monotonic() - began, f"{clients} clients")
    say("share of marsad tag's speed", f"{speed / plain:.0%}")
    say("memory before and after, MB", f"{before:.0f}, {server.memory():.0f}")
    alone = asyncio.run(press(server.port, 1, 5))
    show(alone, 5, "one client")
    ended = end_in_full_load(server, clients)
    crowd = overload(clients)
    others = {status for _, status in tally.answers} - {200, 429}
    return speed >= 0.8 * plain and not others and not tally.lost and ended and crowd


def overload(clients: int) -> bool:
    """Ask a server of a short queue for more than it takes: refusals come at once."""
    server = Server("queue_words=2000", "max_words=2000")
    asyncio.run(press(server.port, 1, 2))  # a server that has just begun is slower
    tally = asyncio.run(press(server.port, clients, 10, pause=0.2))
    show(tally, 10, "overload")
    server.tell_to_end()
    server.wait()
    busy = tally.seconds(429)
    say("overload: 429 within 50 ms", f"{sum(s <= 0.05 for s in busy) / max(1, len(busy)):.1%}")
    return bool(busy) and busy[int(len(busy) * 0.99)] <= 0.05 and not tally.lost


def end_in_full_load(server: Server, clients: int) -> bool:
    """Tell the server to end in full load; all that it answered must have arrived."""

    async def play() -> Tally:
        pressing = asyncio.create_task(press(server.port, clients, 30))
        await asyncio.sleep(5)
        server.tell_to_end()
        return await pressing

    time.sleep(0.5)  # a line is logged behind its answer
    answered_before = server.answered()
    tally = asyncio.run(play())
    code = server.wait()
    arrived = len(tally.seconds(200))
    said = server.answered() - answered_before
    say("SIGTERM: answered by it / arrived / status", f"{said} / {arrived} / {code}")
    say("SIGTERM: requests it never took", tally.lost)
    return arrived == said and code == 0


def soak(seconds: float) -> bool:
    """Eight clients with pauses; the memory is printed as it goes."""
    server = Server()
    asyncio.run(press(server.port, 8, 30, pause=1))
    before = server.memory()
    fine = True
    for part in range(10):
        tally = asyncio.run(press(server.port, 8, seconds / 10, pause=1))
        show(tally, seconds / 10, f"part {part + 1}")
        say("memory, MB", f"{server.memory():.0f}")
        fine &= not tally.lost and {status for _, status in tally.answers} == {200}
    after = server.memory()
    say("memory before and after, MB", f"{before:.0f}, {after:.0f}")
    server.tell_to_end()
    return fine and after < 1.2 * before and server.wait() == 0


def main() -> None:
    """Run the load that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--soak", action="store_true")
    given = parser.parse_args()
    fine = soak(given.seconds) if given.soak else load(given.clients, given.seconds)
    say("all as promised", fine)
    sys.exit(not fine)


if __name__ == "__main__":
    main()
