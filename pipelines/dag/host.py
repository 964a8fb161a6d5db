"""Run `synapse` on this machine: what must happen where the data is."""

import json
import sys
from subprocess import PIPE
from typing import Any

import anyio

from pipelines.dag.errors import StepError
from pipelines.dag.session import Session


async def synapse_here(session: Session, *arguments: str) -> dict[str, Any]:
    """Run a `synapse` command that prints JSON, in the project's folder; return what it prints.

    Raises StepError with the command's own words and exit code. Its progress goes to stderr as it comes.
    """
    command = [sys.executable, "-m", "pipelines.ops.cli", *arguments]
    done = await anyio.run_process(command, check=False, stdout=PIPE, stderr=None, cwd=session.folder)
    told = _read(done.stdout)
    if done.returncode == 0:
        return told
    error = told.get("error", {})
    reason = f"{error.get('what', 'it said no more than is above')} {error.get('hint', '')}".strip()
    raise StepError(f"synapse {' '.join(arguments[:2])}: {reason}", done.returncode)


def _read(printed: bytes) -> dict[str, Any]:
    try:
        found = json.loads(printed)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {"value": found}
