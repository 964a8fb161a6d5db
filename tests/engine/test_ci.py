"""`dagger run python pipelines/ci.py` on a real engine: what passes, and how each kind of failure is told."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest

from tests.dag.recording.project import Ended
from tests.engine.clone import Clone

pytestmark = [pytest.mark.engine, pytest.mark.timeout(600)]

IMAGE = ("--only", "image-frontend")
REPORTS = {"report.json", "summary.md", "junit.xml"}
_SCREEN = 40
# New in each run: the same command of two sessions is one, and only the first of them sees its output.
_WAITS = "while true; do echo now-it-waits; sleep 0.5; done"


def test_what_ran_is_what_the_plan_showed(clone: Clone) -> None:
    """The image's digest is told; what the environment keeps secret is nowhere."""
    secret = "hunter2-of-the-registry"
    shown = clone.plan("ci", *IMAGE)
    ended = clone.run("ci", *IMAGE, SYNAPSE_REGISTRY_LOGIN=f"user:{secret}")
    assert ended.code == 0, ended.stderr
    wanted = {name: "skipped" if step["skipped"] else "passed" for name, step in shown.items()}
    assert {name: step["state"] for name, step in ended.steps.items()} == wanted
    assert str(ended.steps["image-frontend"]["found"]).startswith("sha256:")
    written = [file.read_text() for file in ended.reports.rglob("*") if file.is_file()]
    assert not [text for text in (ended.said, *written) if secret in text]


def test_a_broken_dockerfile_is_told(clone: Clone) -> None:
    """The command that failed, with code 1."""
    clone.replace("frontend/Dockerfile", "\nRUN ", "\nRUN echo that-is-broken && false\nRUN ")
    ended = clone.run("ci", *IMAGE)
    failed(ended, "image-frontend", 1, "that-is-broken")


def test_a_base_image_that_is_not_there_is_told(clone: Clone) -> None:
    """By its name, with code 1."""
    ended = clone.run("ci", *IMAGE, NODE_IMAGE="127.0.0.1:9/not/there:1")
    failed(ended, "image-frontend", 1, "127.0.0.1:9/not/there:1")


@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_all(clone: Clone, times: int) -> None:
    """Code 130, the reports say so, no traceback, no process is left; a second one changes nothing."""
    clone.replace("frontend/Dockerfile", "\nRUN ", f"\nRUN : {uuid4()}; {_WAITS}\nRUN ")
    started = clone.start("ci", *IMAGE)
    try:
        heard = _until("now-it-waits", started)
        for _ in range(times):
            os.killpg(started.pid, signal.SIGINT)
        ended = clone.end(started, heard)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)
    assert ended.code == 130, ended.stderr
    assert ended.steps["image-frontend"]["state"] == "interrupted"
    assert {file.name for file in ended.reports.iterdir()} >= REPORTS
    assert "Traceback" not in ended.said
    assert _group(started.pid) == []


def failed(ended: Ended, step: str, code: int, reason: str) -> None:
    """Hold that a step failed, and that the screen and the reports say why."""
    assert ended.code == code, ended.stderr
    assert ended.steps[step]["state"] == "failed"
    assert reason in str(ended.steps[step]["reason"])
    assert reason in (ended.reports / "summary.md").read_text()
    assert reason in "\n".join(ended.stderr.splitlines()[-_SCREEN:])
    assert "Traceback" not in ended.said
    assert {file.name for file in ended.reports.iterdir()} >= REPORTS


def _until(word: str, started: "subprocess.Popen[str]") -> str:
    """Read the output of the running command until it has a word; the command itself is shown before it."""
    assert started.stderr is not None
    heard: list[str] = []
    for line in started.stderr:
        heard.append(line)
        if line.rstrip().endswith(f"| {word}"):
            return "".join(heard)
    raise AssertionError("".join(heard))


def _group(leader: int) -> list[int]:
    """Return the processes of a group that are left."""
    stats = [(path, path.read_text()) for path in Path("/proc").glob("[0-9]*/stat") if path.exists()]
    fields = [(path, text.rpartition(")")[2].split()) for path, text in stats]
    return [int(path.parent.name) for path, found in fields if int(found[2]) == leader and found[0] != "Z"]
