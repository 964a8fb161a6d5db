"""Spools of processes that were killed are swept; nobody else's folder ever is."""

import subprocess
import sys
from pathlib import Path

from pipelines.ops.spools import PREFIX, held_folder, remove_dead

_HOLD = """
import sys, time
from pathlib import Path
from pipelines.ops.spools import PREFIX, held_folder
with held_folder(Path(sys.argv[1]), PREFIX) as folder:
    (folder / "file").write_text("x")
    print(folder, flush=True)
    time.sleep(600)
"""


def test_gone_with_the_work(tmp_path: Path) -> None:
    """A folder lasts as long as its work."""
    with held_folder(tmp_path, f"{PREFIX}test-") as folder:
        (folder / "file").write_text("x")
        assert remove_dead(tmp_path) == ()
        assert (folder / "file").exists()
    assert not folder.exists()


def test_a_killed_process_is_swept_after(tmp_path: Path) -> None:
    """While it lives its folder stays; once it was killed the next sweep removes it."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, tmp_path], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        folder = Path(child.stdout.readline().strip())
        assert remove_dead(tmp_path) == ()
        child.kill()
    assert (folder / "file").exists()
    assert remove_dead(tmp_path) == (folder,)
    assert not folder.exists()


def test_other_folders_stay(tmp_path: Path) -> None:
    """Folders that are not spools, files and links stay, also with our name."""
    data = tmp_path / "synapse-data"
    data.mkdir()
    (tmp_path / f"{PREFIX}file").write_text("x")
    (tmp_path / f"{PREFIX}link").symlink_to(data)
    assert remove_dead(tmp_path) == ()
    assert remove_dead(tmp_path / "missing") == ()
    assert len(list(tmp_path.iterdir())) == 3
