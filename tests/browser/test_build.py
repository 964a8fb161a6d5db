"""What is built: the same from the same sources, and nothing in it that the policy would forbid."""

import re
import subprocess
from pathlib import Path

from tests.browser.site import PAGE, node_environ


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_two_builds_are_equal(built: Path, tmp_path: Path) -> None:
    """A second build, elsewhere and in another time zone and locale, has every byte of the first."""
    command = ["node", "node_modules/vite/bin/vite.js", "build", "--outDir", str(tmp_path / "again")]
    environ = node_environ() | {"TZ": "Asia/Kathmandu", "LC_ALL": "C"}
    subprocess.run(command, cwd=PAGE, env=environ, check=True, capture_output=True)
    assert _contents(tmp_path / "again") == _contents(built)


def test_nothing_is_inline(built: Path) -> None:
    """The page names files of its own, by the hash of their content, and holds no script and no style."""
    index = (built / "index.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=", index)
    named = re.findall(r'(?:src|href)="([^"]+)"', index)
    assert named
    assert all(re.fullmatch(r"/assets/[\w-]+-[\w-]{8}\.(js|css|svg)", name) for name in named)


def test_nothing_comes_from_elsewhere(built: Path) -> None:
    """Neither the document nor a style sheet of the page fetches anything from another host."""
    for path in [built / "index.html", *(built / "assets").glob("*.css")]:
        assert not re.search(r"""@import|(?:url\(|src=|href=)\s*["']?(?:https?:)?//""", path.read_text()), (
            path
        )


def test_no_setting_of_the_development_server_is_in_it(built: Path, tmp_path: Path) -> None:
    """Where the backend was at build time leaves no trace: the page speaks to its own origin."""
    command = ["node", "node_modules/vite/bin/vite.js", "build", "--outDir", str(tmp_path / "again")]
    environ = node_environ() | {"VITE_API_URL": "http://elsewhere:1", "VITE_WS_URL": "ws://elsewhere:2"}
    subprocess.run(command, cwd=PAGE, env=environ, check=True, capture_output=True)
    assert _contents(tmp_path / "again") == _contents(built)
