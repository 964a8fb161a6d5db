"""The health check's wrapper: what it takes for an answer, and what it keeps from the command."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unchecked import not_checked

HEAL = Path(__file__).parents[2] / "deploy" / "health" / "heal.sh"
_SILENT = ("/bin/sh", "-c", "kill -KILL $$")
"""What `timeout` makes of a command that gives no answer, at once."""
_KILL = re.compile(r"^( *)(kill .*)$", re.MULTILINE)


@pytest.fixture(params=["sh", "busybox"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    """Run it by the shell of Debian and by that of alpine's kind, where the machine has one."""
    if request.param == "busybox" and shutil.which("busybox") is None:
        not_checked("there is no busybox on this machine")
    return ["busybox", "sh"] if request.param == "busybox" else ["/bin/sh"]


def code(shell: list[str], folder: Path, *command: str, **environ: str) -> int:
    """Run the wrapper with its notes in `folder`, where it writes whom it would kill; return its code."""
    script = folder / "heal.sh"
    text = HEAL.read_text().replace("/tmp/.", f"{folder}/.")  # the container's own
    # Outside a container this would be every process of the user.
    text, kills = _KILL.subn(rf"\1echo '\2' >> {folder}/killed", text)
    assert kills == 2 == len(re.findall(r"\bkill -", text))
    script.write_text(text)
    return subprocess.run(
        [*shell, script, "1", *command], env={**os.environ, **environ}, check=False
    ).returncode


def test_a_proxy_for_the_way_out_is_not_asked(shell: list[str], tmp_path: Path) -> None:
    """Docker puts the proxy of its client into every container."""
    asked = ("/bin/sh", "-c", '[ -z "${http_proxy-}${HTTP_PROXY-}" ]')
    proxy = "http://192.0.2.1:3128"
    assert code(shell, tmp_path, *asked, http_proxy=proxy, HTTP_PROXY=proxy) == 0


def test_only_silence_is_counted(shell: list[str], tmp_path: Path) -> None:
    """A bad answer ends the count; no answer is noted for the next time."""
    assert code(shell, tmp_path, "sleep", "5") == 1
    assert (tmp_path / ".unanswered").read_text().strip() == "1"
    assert code(shell, tmp_path, "false") == 1
    assert not (tmp_path / ".unanswered").exists()
    assert code(shell, tmp_path, "true") == 0
    assert (tmp_path / ".was-well").exists()


@pytest.mark.parametrize(("was_well", "most"), [(True, 3), (False, 60)])
def test_silence_is_ended_at_last(shell: list[str], tmp_path: Path, *, was_well: bool, most: int) -> None:
    """The third time after it was well; one that is still starting is given sixty checks."""
    if was_well:
        assert code(shell, tmp_path, "true") == 0
    (tmp_path / ".unanswered").write_text(f"{most - 2}\n")
    assert code(shell, tmp_path, *_SILENT) == 1
    assert not (tmp_path / "killed").exists()
    assert code(shell, tmp_path, *_SILENT) == 1
    assert (tmp_path / "killed").read_text().splitlines() == ["kill -CONT 1", "kill -KILL -1"]
