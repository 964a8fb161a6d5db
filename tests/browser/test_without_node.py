"""On a machine without Node the same page is built, with one from a wheel, and `synapse up` serves it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.browser.site import ROOT
from tests.ops.localstack.stacks import environment, synapse_up

SOURCES = ("Makefile", "app", "pipelines", "frontend", "requirements-node.lock")
MADE = shutil.ignore_patterns("node_modules", "dist", "__pycache__")
OF_NODE = {"node", "nodejs", "npm", "npx"}


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Give a folder of every program of this machine that is not of Node."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for program in Path(place).iterdir() if Path(place).is_dir() else ():
            link = folder / program.name
            if program.name not in OF_NODE and not link.exists():
                link.symlink_to(program)
    return folder


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Give the sources alone."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=MADE)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.mark.timeout(900)  # it fetches 60 MB and the packages of the page
def test_the_page_is_the_same_and_served(built: Path, clone: Path, bare: Path) -> None:
    """It says that it fetches a Node; every file has the bytes that this machine's Node makes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    said = subprocess.run(
        ["make", "page"],
        cwd=clone,
        env=kept | {"PATH": str(bare)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "No Node 20.19 or newer on this machine: installing one into .venv/node" in said.stdout
    assert (clone / ".venv" / "node" / "bin" / "node").exists()
    pages = {path.relative_to(built): path.read_bytes() for path in built.rglob("*") if path.is_file()}
    for name, content in pages.items():
        assert (clone / "frontend" / "dist" / name).read_bytes() == content, name
    # So that no other page is taken for this one.
    index = pages[Path("index.html")].decode() + "<!-- of the clone -->"
    (clone / "frontend" / "dist" / "index.html").write_text(index)
    environ = environment(clone, PATH=str(bare))
    with synapse_up(clone, environ) as up, httpx.Client(base_url=up.said["url"], trust_env=False) as client:
        assert client.get("/").text == index
        scripts = re.findall(r'src="/([^"]+)"', index)
        assert scripts
        for script in scripts:
            assert client.get(f"/{script}").content == pages[Path(script)]
