"""The health check of a scheduler in a container, asked against the real pages."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.ops.schedule.serving import serving
from pipelines.ops.schedule.status import HUNG, Pages
from tests.ports import free_port

PROJECT = Path(__file__).parents[3]


def asked(port: int) -> tuple[int, str]:
    """Run the check; return its code and its words. A proxy that is named knows nothing of this machine."""
    done = subprocess.run(
        [sys.executable, "-m", "pipelines.ops.schedule.probe"],
        cwd=PROJECT,
        env={
            "PATH": os.environ["PATH"],
            "SYNAPSE_SCHEDULE_LISTEN": f"0.0.0.0:{port}",
            "http_proxy": "http://127.0.0.1:9",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(("later", "code", "words"), [(0.0, 0, "well"), (1.0, 124, "no round for 31 s")])
def test_rounds_that_stopped_count_as_no_answer(later: float, code: int, words: str) -> None:
    """So that `heal.sh` has it started again, as a server that hangs."""
    ticks = [0.0]
    pages = Pages(lambda: datetime.now(UTC), lambda: ticks[0])
    ticks[0] = later * (HUNG.total_seconds() + 1)
    with serving(("127.0.0.1", 0), pages.answer) as port:
        found = asked(port)
    assert (found[0], words in found[1]) == (code, True), found


def test_other_answers_are_no_reason_for_a_new_start() -> None:
    """Who listens there is no scheduler, or nobody does yet."""
    with serving(("127.0.0.1", 0), lambda _: (404, "text/plain", "nothing here\n")) as port:
        assert asked(port)[0] == 1
    assert asked(free_port())[0] == 1
