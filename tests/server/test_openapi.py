"""Schemathesis asks the server what its own description allows, and what it does not."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

# More examples take longer: SCHEMATHESIS_EXAMPLES=500 for a thorough run.
EXAMPLES = os.environ.get("SCHEMATHESIS_EXAMPLES", "15")


def test_no_request_gets_a_5xx_or_an_answer_outside_the_description(
    real: Any, tmp_path: Path
) -> None:
    command = Path(sys.executable).with_name("schemathesis")
    done = subprocess.run(
        [
            command, "run", f"{real.address}/openapi.json", "--max-examples", EXAMPLES,
            "--seed", "13", "--no-color", "--generation-database", "none",
            "--phases", "examples,coverage,fuzzing",
        ],
        capture_output=True, text=True, cwd=tmp_path, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
