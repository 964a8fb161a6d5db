"""What tests start is ended and waited for, also when it does not come up."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.ops.redis.programs import ServerProgram
from tests.ops.restore.stack import Stack
from tests.servers import live_server


@pytest.fixture
def taken_port() -> Iterator[int]:
    """Hold a port, so that no server can listen on it."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


def _children() -> set[int]:
    path = Path("/proc/self/task")
    return {int(pid) for task in path.iterdir() for pid in (task / "children").read_text().split()}


def test_a_stack_that_does_not_start(program: ServerProgram, tmp_path: Path, taken_port: int) -> None:
    """The server's own words are the error, and no process is left."""
    before = _children()
    stack = Stack(tmp_path, program.version.family, port=taken_port)
    with pytest.raises(RuntimeError, match="in use"):
        stack.start()
    assert stack.process is not None
    assert stack.process.returncode is not None
    assert _children() == before


def test_a_stack_that_ends_while_a_test_waits_for_it(program: ServerProgram, tmp_path: Path) -> None:
    """A wait that breaks off ends the server."""

    class Interrupted(Stack):
        def answers(self) -> bool:
            raise KeyboardInterrupt

    before = _children()
    with pytest.raises(KeyboardInterrupt):
        Interrupted(tmp_path, program.version.family).start()
    assert _children() == before


def test_a_server_that_does_not_start(program: ServerProgram, tmp_path: Path) -> None:
    """As above, for the server of the captures: a line that it does not know ends it."""
    before = _children()
    with (
        pytest.raises(AssertionError, match="no-such-line"),
        live_server(program, tmp_path / "live", "no-such-line 1"),
    ):
        pass
    assert _children() == before
