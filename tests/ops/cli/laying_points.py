"""Repositories of the commands: their settings, and points laid into them."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.ops.model import FaissSource, RestorePoint
from pipelines.ops.repository import PointRef, Repository

BIN = Path(sys.executable).parent
BEGAN = datetime.now(UTC) - timedelta(days=1)


def lay(repository: Repository, files: Mapping[str, bytes], minutes: int = 0) -> PointRef:
    """Publish a point of these files, so many minutes after yesterday at this time."""
    stored = repository.store_files((name, io.BytesIO(data)) for name, data in files.items()).files
    started = BEGAN + timedelta(minutes=minutes)
    source = FaissSource(way="folder", files=stored)
    return repository.publish(
        RestorePoint(host="here", software={}, started=started, finished=started, faiss=source)
    )


def run(
    folder: Path, repository: str, *arguments: str, code: int = 0, given: Mapping[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run a command in a folder that must end with a code."""
    done = subprocess.run(
        [BIN / "synapse", *arguments],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "DATA_DIR": str(folder / "data"),
            "SYNAPSE_REPOSITORY": repository,
            **(given or {}),
        },
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == code, done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    return done


def told(
    folder: Path, repository: str, *arguments: str, code: int = 0, given: Mapping[str, str] | None = None
) -> Any:
    """Run a command with --json, and return its document."""
    return json.loads(run(folder, repository, *arguments, "--json", code=code, given=given).stdout)
