"""What the short commands wait for: no module that takes long to import and does nothing for them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from pipelines.ops.cli.main import app
from pipelines.ops.repository import FolderStore, Repository
from tests.ops.cli.laying_points import lay

SLOW = {
    *("anyio", "asyncio", "boto3", "botocore", "cryptography", "faiss", "fastapi", "httpx", "numpy"),
    *("prometheus_client", "pydantic_settings", "redis", "structlog", "uvicorn", "wordllama", "yaml"),
}
"""Each takes from 20 to 300 ms."""


@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (("--version",), SLOW | {"rich", "pipelines.ops.repository"}),
        (("points", "list"), SLOW),
        (("points", "list", "--json"), SLOW),
        (("points", "show", "latest", "--json"), SLOW),
        (("points", "where", "--json"), SLOW),
    ],
)
def test_a_short_command_waits_for_nothing(
    tmp_path: Path, arguments: tuple[str, ...], unneeded: set[str]
) -> None:
    """Its modules are those that it needs, as the interpreter itself tells."""
    lay(Repository.create(FolderStore(tmp_path / "backups")), {"a": b"bytes"})
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "pipelines.ops.cli", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[3])},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip  # one line for what is run
    imported = set(re.findall(r"\| +(\S+)$", done.stderr, re.MULTILINE))
    assert "pipelines.ops.cli.main" in imported
    assert not imported & unneeded


def test_every_command_is_found_by_its_name() -> None:
    """The names that the help lists are commands, each with the name that was typed."""
    root = get_command(app)
    names = [*root.commands]  # type: ignore[attr-defined]  # a group
    assert len(names) >= 19
    assert [root.commands[name].name for name in names] == names  # type: ignore[attr-defined]  # as above
