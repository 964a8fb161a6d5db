"""`synapse up` as a person runs it: a process in the foreground, stopped, killed, run twice."""

import os
import signal
from pathlib import Path

import httpx

from pipelines.ops.errors import ExitCode
from tests.ops.localstack.stacks import (
    alive,
    descendants,
    environment,
    finish,
    start_up,
    synapse_up,
)
from tests.waiting import wait_until


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    """Two workers, their parent and Redis are gone after one signal, though a second one comes at once."""
    with synapse_up(tmp_path, environment(tmp_path), "--workers", "2") as command:
        assert httpx.get(command.said["health"]).status_code == 200
        children = command.children
        assert len(children) >= 4
        assert {command.said["redis"]["pid"], command.said["backend_pid"]} <= set(children)
        for _ in range(2):
            command.process.send_signal(signal.SIGINT)
        assert command.process.wait(30) == ExitCode.DONE
        assert alive(children) == []
    assert "Everything is stopped." in (tmp_path / "talk").read_text()


def test_it_restarts_what_dies_refuses_a_second_one_and_ends_when_told(tmp_path: Path) -> None:
    """Redis killed from outside is back; another `up` says who is up; SIGTERM ends all, no zombie stays."""
    environ = environment(tmp_path)
    with synapse_up(tmp_path, environ) as command:
        old = command.said["redis"]["pid"]
        os.kill(old, signal.SIGKILL)
        wait_until(lambda: old not in command.children and len(command.children) == 2, "Redis is started")
        wait_until(lambda: httpx.get(command.said["health"]).status_code == 200, "the backend sees Redis")
        second = start_up(tmp_path, environ)
        assert second.wait(30) == ExitCode.REFUSED
        finish(second)
        assert httpx.get(command.said["health"]).status_code == 200
        children = command.children
        command.process.terminate()
        assert command.process.wait(30) == ExitCode.DONE
        assert alive(children) == []
    talk = (tmp_path / "talk").read_text()
    assert "Redis was killed by SIGKILL" in talk
    assert f"process {command.process.pid}" in talk


def test_children_die_with_a_killed_parent(tmp_path: Path) -> None:
    """SIGKILL gives no time to stop anything: Redis and every worker are gone all the same."""
    with synapse_up(tmp_path, environment(tmp_path), "--workers", "2") as command:
        children = command.children
        command.process.send_signal(signal.SIGKILL)
        command.process.wait(30)
        wait_until(lambda: alive(children) == [], "the children are gone")


def test_an_interrupt_while_it_starts_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C before it is up ends what was started."""
    process = start_up(tmp_path, environment(tmp_path))
    try:
        log = tmp_path / "data" / "logs" / "backend.log"
        wait_until(log.exists, "the backend is being started")
        children = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert children
        assert alive(children) == []
    finally:
        finish(process)
