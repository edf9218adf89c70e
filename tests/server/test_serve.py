"""``marsad serve`` with the embedded bundle, in a process of its own."""

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

import marsad
from marsad.cli import app

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "data" / "samples").glob("*.txt"))


def test_it_answers_as_the_library_does(real: Any) -> None:
    texts = [path.read_text(encoding="utf-8") for path in SAMPLES]
    body = {"documents": [{"text": text} for text in texts]}
    found = httpx.post(f"{real.address}/v1/tag", json=body, timeout=120).json()["documents"]
    for expected, document in zip(marsad.load().tag(texts), found, strict=True):
        assert document | {"id": ""} == expected.as_dict()


def test_the_curl_example_of_the_readme_works_as_printed(real: Any) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^curl (?:.*\\\n)*.*", readme, re.MULTILINE)
    command = command.replace("http://127.0.0.1:8000", real.address)
    done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=120, check=True)
    (document,) = json.loads(done.stdout)["documents"]
    assert [event["type"] for event in document["events"]] == ["ATTACK", "KILLED"]


def test_it_finishes_what_it_accepted_when_it_is_told_to_end(start: Callable[..., Any]) -> None:
    server = start("--set", "batch_words=64")
    text = SAMPLES[0].read_text(encoding="utf-8")
    with ThreadPoolExecutor(12) as pool:
        asked = [
            pool.submit(
                httpx.post, f"{server.address}/v1/tag", json={"documents": [{"text": text}]},
                timeout=120,
            )
            for _ in range(12)
        ]  # fmt: skip
        wait_for_requests(server.address, 12)
        assert server.stop() == 0
        answers = [one.result() for one in asked]
    assert [answer.status_code for answer in answers] == [200] * 12
    assert len({answer.text for answer in answers}) == 1
    lines = [json.loads(line) for line in server.log.read_text(encoding="utf-8").splitlines()]
    assert lines[-1]["event"] == "ended"
    assert not re.search("[\u0600-\u06ff]|\\\\u06", server.log.read_text(encoding="utf-8"))


def test_a_signal_that_comes_as_soon_as_it_serves_is_not_missed(start: Callable[..., Any]) -> None:
    server = start(wait=False)
    while "serving" not in server.log.read_text(encoding="utf-8"):
        time.sleep(0.001)
    assert server.stop() == 0


def wait_for_requests(address: str, number: int) -> None:
    deadline = time.monotonic() + 60
    while f"marsad_queue_requests {number}.0" not in httpx.get(f"{address}/metrics").text:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_key_comes_from_the_environment(start: Callable[..., Any]) -> None:
    server = start(MARSAD_SERVE_KEY="secret")
    assert httpx.get(f"{server.address}/info").status_code == 401
    sent = {"Authorization": "Bearer secret"}
    info = httpx.get(f"{server.address}/info", headers=sent).json()
    assert info["model"] == "marsad-small"
    assert str(ROOT) not in json.dumps(info)
    assert "secret" not in server.log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--set", "prot=1"], "--set prot: no such setting. Known: host, port"),
        (["--model", "gone"], "gone: no model bundle here"),
        (["--config", "gone.toml"], "gone.toml: No such file"),
    ],
)
def test_what_cannot_be_served_is_said_in_a_line(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(app, ["serve", *arguments])
    assert result.exit_code == 2
    assert result.stderr.startswith(f"error: {message}")
    assert result.stderr.count("\n") == 1


def test_an_address_in_use_is_named(real: Any) -> None:
    command = [sys.executable, "-m", "marsad", "serve", "--port", str(real.port)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    assert f"error: 127.0.0.1:{real.port}: cannot listen there." in done.stderr


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "marsad.server.run", None)
    result = CliRunner().invoke(app, ["serve"])
    assert result.exit_code == 2
    assert "pip install 'marsad[serve]'" in result.stderr


def test_many_clients_at_once_are_all_answered(real: Any) -> None:
    sentences = [line for path in SAMPLES for line in path.read_text("utf-8").splitlines()]
    alone = {d.text: d.as_dict()["entities"] for d in marsad.load().tag(sentences)}
    found: dict[str, Any] = {}

    def ask(lines: list[str]) -> None:
        with httpx.Client(timeout=120) as client:
            for line in lines:
                body = {"documents": [{"text": line}]}
                answer = client.post(f"{real.address}/v1/tag", json=body)
                found[line] = answer.json()["documents"][0]["entities"]

    threads = [threading.Thread(target=ask, args=(sentences[at::8],)) for at in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spans = {text: [(e["start"], e["end"], e["label"]) for e in own] for text, own in found.items()}
    assert spans == {
        text: [(e["start"], e["end"], e["label"]) for e in own] for text, own in alone.items()
    }
