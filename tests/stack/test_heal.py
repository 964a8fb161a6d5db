"""The health check's wrapper: what it takes for an answer, and what it keeps from the command."""

import os
import subprocess
from pathlib import Path

HEAL = Path(__file__).parents[2] / "deploy" / "health" / "heal.sh"


def code(folder: Path, *command: str, **environ: str) -> int:
    """Run the wrapper with its notes in `folder`; return its code."""
    script = folder / "heal.sh"
    script.write_text(HEAL.read_text().replace("/tmp/.", f"{folder}/."))  # the container's own
    return subprocess.run(
        ["/bin/sh", script, "1", *command], env={**os.environ, **environ}, check=False
    ).returncode


def test_a_proxy_for_the_way_out_is_not_asked(tmp_path: Path) -> None:
    """Docker puts the proxy of its client into every container."""
    asked = ("/bin/sh", "-c", '[ -z "${http_proxy-}${HTTP_PROXY-}" ]')
    proxy = "http://192.0.2.1:3128"
    assert code(tmp_path, *asked, http_proxy=proxy, HTTP_PROXY=proxy) == 0


def test_only_silence_is_counted(tmp_path: Path) -> None:
    """A bad answer ends the count; no answer is noted for the next time."""
    assert code(tmp_path, "sleep", "5") == 1
    assert (tmp_path / ".unanswered").read_text().strip() == "1"
    assert code(tmp_path, "false") == 1
    assert not (tmp_path / ".unanswered").exists()
    assert code(tmp_path, "true") == 0
    assert (tmp_path / ".was-well").exists()
