"""A few hundred of the hostile requests that ``make hostile`` sends by the thousand."""

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import httpx


def test_hostile_requests_are_answered_4xx(real: Any) -> None:
    spec = importlib.util.spec_from_file_location("hostile", Path(__file__).with_name("hostile.py"))
    assert spec
    assert spec.loader
    hostile = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hostile)
    statuses = asyncio.run(hostile.attack(real.port, 300))
    assert set(statuses) >= {kind.__name__ for kind in hostile.COMMON}
    answered = {status for counts in statuses.values() for status in counts}
    assert answered <= {400, 413, 415, 422}, statuses
    assert httpx.get(f"{real.address}/health/ready").status_code == 200
