"""Redis cannot load what is on its disk: the checklist says so, and the README's lines bring it all back."""

import re
import shlex
import subprocess
from pathlib import Path

from tests.stack.compose import PROJECT, compose_command
from tests.stack.deployment import Deployment
from tests.stack.running import held, restart_redis, stack
from tests.waiting import wait_until

__all__ = ["stack"]

SECTION = "When the data of Redis is damaged"
GARBAGE = b"\x00no command of Redis\xff" * 400


def test_damaged_kept_and_restored(stack: Deployment) -> None:
    """Every key and document of the last backup is there again, also after a new start of Redis."""
    stack.ops("backup")
    before = held(stack)
    damaged = damage(stack)
    wait_until(lambda: "is damaged" in _line(stack)["reason"], "the checklist has seen it")
    line = _line(stack)
    assert (line["state"], SECTION in line["remedy"]) == ("red", True), line
    refused = stack.compose("run", "--rm", "-T", "ops", "points", "list", check=False)
    assert refused.returncode
    assert "dependency failed to start" in refused.stderr
    for command in described():
        run(stack, command)
    assert held(stack) == before
    restart_redis(stack)
    assert held(stack) == before
    (kept,) = (stack.folder / "redis-damaged").rglob(damaged.name)
    assert GARBAGE in kept.read_bytes()
    assert "container redis" in {one["name"] for one in stack.checklist() if one["state"] == "green"}


def damage(stack: Deployment) -> Path:
    """Write garbage into the middle of what Redis keeps on its disk, and start it; return the file."""
    volume = stack.engine.docker("volume", "inspect", "--format", "{{.Mountpoint}}", "synapse_redis_data")
    stack.compose("stop", "redis")
    files = (Path(volume.strip()) / "appendonlydir").glob("*.incr.aof")
    largest = max(files, key=lambda path: path.stat().st_size)
    assert largest.stat().st_size > 4 * len(GARBAGE)
    with largest.open("r+b") as file:
        file.seek(largest.stat().st_size // 2)
        file.write(GARBAGE)
    stack.compose("start", "redis")
    return largest


def _line(stack: Deployment) -> dict[str, str]:
    (found,) = [one for one in stack.checklist() if one["name"] == "container redis"]
    return found


def described() -> list[str]:
    """Return the commands of the README's section."""
    readme = (PROJECT / "README.md").read_text()
    block = re.search(rf"^\*\*{SECTION}\*\*.*?^```shell\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
    assert block
    return block[1].splitlines()


def run(stack: Deployment, command: str) -> None:
    """Run it in the folder of the stack as a person does, who is at no terminal here."""
    line = command.replace("docker compose", shlex.join(compose_command())).replace("--rm", "--rm -T")
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=stack.folder,
        env=dict(stack.engine.environ),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
