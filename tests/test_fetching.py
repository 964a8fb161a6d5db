"""What fetches over the network is ended when nothing comes, and the reason is said."""

import shutil
import socket
import sys
import time
from pathlib import Path

import pytest

from tests.fetching import NotFetchedError, fetch
from tests.unchecked import not_checked

_SOON_S = 30.0


def test_a_dead_mirror(tmp_path: Path) -> None:
    """One that takes the connection and never answers: mmdebstrap is ended, and it is said what hung."""
    if shutil.which("mmdebstrap") is None:
        # It fetches what Docker runs: without Docker nobody misses it.
        not_checked(f"there is no {'mmdebstrap' if shutil.which('docker') else 'docker program'} here")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        mirror = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command: list[str | Path] = ["mmdebstrap", "--quiet", "--variant=extract"]
        command += ["trixie", tmp_path / "root", mirror]
        began = time.monotonic()
        with pytest.raises(NotFetchedError, match="mmdebstrap was not done within 3 s: does"):
            fetch(command, seconds=3)
    assert time.monotonic() - began < _SOON_S


def test_all_that_it_started_ends(tmp_path: Path) -> None:
    """Who was started by it, and would go on for minutes, is ended with it."""
    later = f"import time; time.sleep(2); open({str(tmp_path / 'went-on')!r}, 'w')"
    with pytest.raises(NotFetchedError, match=r"sh was not done within 0\.5 s: does"):
        fetch(["sh", "-c", f'{sys.executable} -c "{later}" & wait'], seconds=0.5)
    time.sleep(2.5)  # when it would have gone on
    assert not (tmp_path / "went-on").exists()


def test_what_fails_by_itself_is_said_in_its_words(tmp_path: Path) -> None:
    """Not as one that took too long; one that works is silent."""
    with pytest.raises(NotFetchedError, match="no such mirror"):
        fetch(["sh", "-c", "echo no such mirror >&2; exit 7"], seconds=_SOON_S)
    fetch(["touch", "done"], folder=tmp_path)
    assert (tmp_path / "done").exists()
