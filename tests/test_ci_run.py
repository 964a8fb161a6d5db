"""`.ci/run` ends at once, with the reason, where no engine can be had: no test is run without containers."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.stack import engine
from tests.stack.engine import NAMED, NoEngineError
from tests.unchecked import not_checked

PROJECT = Path(__file__).parents[1]
_MINUTE_S = 60.0
"""How long whoever waits for it may be left without the reason."""


@contextmanager
def silent(path: Path) -> Iterator[None]:
    """Listen at an address, and never say a word to whoever connects."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(64)
        yield


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return a folder with a `make` and an `apt-get` that only note that they were called."""
    if shutil.which("docker") is None:
        not_checked("there is no docker program here")
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("make", "apt-get"):
        (folder / name).write_text(f'#!/bin/sh\necho "{name} $*" >> "{tmp_path}/called"\n')
        (folder / name).chmod(0o755)
    return folder


def run(programs: Path, host: str) -> tuple[int, str]:
    """Run it with the engine that is named; return its code and its words on stderr."""
    environ = {**os.environ, NAMED: host, "PATH": f"{programs}:{os.environ['PATH']}"}
    done = subprocess.run(
        [PROJECT / ".ci" / "run"],
        env=environ,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=_MINUTE_S,
    )
    return done.returncode, done.stderr


def test_nobody_is_at_its_address(programs: Path, tmp_path: Path) -> None:
    """The reason names the address, and no test has been begun."""
    host = f"unix://{tmp_path}/nobody.sock"
    code, said = run(programs, host)
    assert code
    assert f"No Docker engine: {host} does not answer: " in said, said
    assert "make test" not in _called(tmp_path)


def test_what_is_there_is_silent(programs: Path, tmp_path: Path) -> None:
    """An engine that hangs is given seconds, not the minutes of a build."""
    with silent(tmp_path / "silent.sock"):
        code, said = run(programs, f"unix://{tmp_path}/silent.sock")
    assert code
    assert "silent.sock gave no answer within" in said, said
    assert "make test" not in _called(tmp_path)


def test_it_answers_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that tells its version, and then hangs with a container, is given up, too."""
    docker = tmp_path / "docker"
    docker.write_text('#!/bin/sh\n[ "$1" = version ] || exec sleep 300\n')
    docker.chmod(0o755)
    monkeypatch.setenv(NAMED, "unix:///hangs.sock")
    monkeypatch.setattr(engine, "docker_client", lambda: str(docker))
    monkeypatch.setattr(engine, "PROOF_S", 1.0)
    with pytest.raises(NoEngineError, match=r"hangs\.sock answers, but ran no container within 1 s"):
        engine.prove()


def test_a_mirror_of_packages_is_dead(programs: Path, tmp_path: Path) -> None:
    """What this machine lacks is waited for minutes, of which a second is left here; then it is said."""
    if os.geteuid() != 0:
        not_checked("only root installs packages")
    for name in ("bash", "dirname", "id", "sleep"):
        (programs / name).symlink_to(str(shutil.which(name)))
    (programs / "apt-get").write_text("#!/bin/sh\nexec sleep 300\n")
    (programs / "timeout").write_text(
        f'#!/bin/sh\necho "timeout $*" >> "{tmp_path}/called"\n'
        f'shift 2\nexec {shutil.which("timeout")} 1 "$@"\n'
    )
    (programs / "timeout").chmod(0o755)
    done = subprocess.run(
        [PROJECT / ".ci" / "run"],
        env={**os.environ, "PATH": str(programs)},
        capture_output=True,
        text=True,
        check=False,
        timeout=_MINUTE_S,
    )
    assert done.returncode
    assert done.stderr == (
        "apt-get update was not done within 300 s: does the mirror of the packages answer?\n"
    )
    assert _called(tmp_path) == "timeout --kill-after=10 300 apt-get update -qq\n"


def _called(folder: Path) -> str:
    path = folder / "called"
    return path.read_text() if path.exists() else ""
