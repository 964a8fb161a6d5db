"""What fetches over the network is ended when nothing comes, and the reason is said."""

import shutil
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fetching import NotFetchedError, fetch
from tests.unchecked import not_checked

_SOON_S = 30.0


def test_a_dead_mirror(tmp_path: Path) -> None:
    """One that takes the connection and never answers: mmdebstrap is ended, and it is said what hung."""
    if shutil.which("docker") is None:
        not_checked("there is no docker program here")  # and nothing to fetch with mmdebstrap either
    with _silent() as mirror:
        _hangs(["mmdebstrap", "--quiet", "--variant=extract", "trixie", tmp_path / "root", mirror])


def test_a_dead_server() -> None:
    """The same of a plain download."""
    with _silent() as server:
        _hangs(["curl", "--silent", server])


@contextmanager
def _silent() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


def _hangs(command: Sequence[str | Path]) -> None:
    began = time.monotonic()
    with pytest.raises(NotFetchedError, match=f"{command[0]} was not done within 3 s: does"):
        fetch(command, seconds=3)
    assert time.monotonic() - began < _SOON_S


def test_all_that_it_started_ends(tmp_path: Path) -> None:
    """Who was started by it, and would go on for minutes, is ended with it."""
    later = f"import time; time.sleep(2); open({str(tmp_path / 'went-on')!r}, 'w')"
    with pytest.raises(NotFetchedError):
        fetch(["sh", "-c", f'{sys.executable} -c "{later}" & wait'], seconds=0.5)
    time.sleep(2.5)  # when it would have gone on
    assert not (tmp_path / "went-on").exists()


def test_what_fails_by_itself_is_said_in_its_words(tmp_path: Path) -> None:
    """Not as one that took too long; one that works is silent."""
    with pytest.raises(NotFetchedError, match="no such mirror"):
        fetch(["sh", "-c", "echo no such mirror >&2; exit 7"], seconds=_SOON_S)
    fetch(["touch", "done"], folder=tmp_path)
    assert (tmp_path / "done").exists()
