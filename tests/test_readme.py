"""The README's promises are run: the demo, then every command that it shows, on what the demo left."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from pipelines.ops.errors import ExitCode
from pipelines.ops.schedule.status import METRICS
from tests.ending import ended

README = Path(__file__).parent.parent / "README.md"
BIN = Path(sys.executable).parent
_ADDRESS = "127.0.0.1:8000"
_OF_THE_PROJECT = "synapse pins"


def _commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Run the demo once; every test looks at what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "demo"
    done = subprocess.run(
        [BIN / "synapse", "demo", "--folder", folder, "--json"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        cwd=folder.parent,
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, object] = json.loads(done.stdout)
    return report


@pytest.fixture(scope="module")
def environ(demo: dict[str, object]) -> dict[str, str]:
    """Give the environment in which the demo's stack can be started again."""
    settings = demo["settings"]
    assert isinstance(settings, dict)
    return {**os.environ, **settings, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="module")
def stack(environ: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`synapse up`, as the README starts it; its address."""
    address = f"127.0.0.1:{environ['API_PORT']}"
    log = (tmp_path_factory.mktemp("up") / "log").open("w+")
    process = subprocess.Popen([BIN / "synapse", "up"], env=environ, stdout=log, stderr=log)
    deadline = time.monotonic() + 60
    with log, ended(process):
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if httpx.get(f"http://{address}/health", trust_env=False).status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.1)  # nothing tells when another process begins to listen
        log.seek(0)
        assert process.poll() is None, log.read()
        yield address
        process.terminate()
        assert process.wait(timeout=60) in {0, 130}


def test_the_demo_brings_everything_back(demo: dict[str, object]) -> None:
    """Every key and every answer is back, and the two digests are equal."""
    assert demo["good"] is True
    assert demo["problems"] == []
    assert demo["digest_before"] == demo["digest_after"]
    assert demo["digest_before"]


def test_the_demo_leaves_nothing_running(demo: dict[str, object]) -> None:
    """No process works in the demo's folder any more, and its scratch folder is empty."""
    folder = str(demo["folder"])
    for process in Path("/proc").glob("[0-9]*"):
        try:
            assert not str((process / "cwd").readlink()).startswith(folder)
        except OSError:
            continue
    assert list((Path(folder) / "scratch").iterdir()) == []


@pytest.mark.parametrize("command", [line for line in _commands() if line != "synapse up"])
def test_each_command_works(
    command: str, stack: str, environ: dict[str, str], demo: dict[str, object]
) -> None:
    """Each line of the README's shell blocks, in their order, ends with code 0."""
    done = subprocess.run(
        ["bash", "-c", command.replace(_ADDRESS, stack)],
        env=environ,
        cwd=README.parent if command.startswith(_OF_THE_PROJECT) else Path(str(demo["folder"])).parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr + done.stdout


def test_each_line_for_cron_works(stack: str, environ: dict[str, str], demo: dict[str, object]) -> None:
    """Five fields and a command, which is run by cron's shell, in their order; cron would end it at a `%`."""
    blocks = re.findall(r"^```cron\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 2
    assert stack
    here = str(Path(str(demo["folder"])).parent)
    for line in "".join(blocks).splitlines():
        parts = re.fullmatch(r"((?:[\d*/,-]+ ){5})([^%]+)", line)
        assert parts, line
        command = parts[2].replace("/srv/synapse", here).replace(".venv/bin", str(BIN))
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            env=environ | {"SYNAPSE_SCHEDULE_BACKUP": "15 3 * * *"},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, f"{line}: {done.stderr}"


def test_the_metrics_are_those_of_the_table() -> None:
    """The README's table names every metric of a schedule, and no other."""
    chapter = README.read_text().partition("\n## Schedules")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`[a-z].*?) \| ", chapter, re.MULTILINE)
    table = {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}
    assert table == {"up", *METRICS}


def test_the_exit_codes_are_those_of_the_table() -> None:
    """The README's table names every code, and no other."""
    table = re.findall(r"^\| (\d+) \|", README.read_text(), re.MULTILINE)
    assert [int(code) for code in table] == [code.value for code in ExitCode]
