"""Run `synapse` on this machine: what must happen where the data is."""

import json
import sys
from contextlib import suppress
from subprocess import PIPE
from typing import Any

import anyio
from anyio.abc import Process

from pipelines.dag.errors import StepError
from pipelines.dag.session import Session

_ENDING_S = 180
"""So long may a command take to end what it has begun; a restore in containers is given two minutes."""


async def synapse_here(session: Session, *arguments: str) -> dict[str, Any]:
    """Run a `synapse` command that prints JSON, in the project's folder; return what it prints.

    Raises StepError with the command's own words and exit code. Its progress goes to stderr as it comes.
    One whose step is interrupted or out of time is told to end, and is waited for: killed in the middle of a
    restore it could put nothing back. What it said then is among the facts of the report.
    """
    command = [sys.executable, "-m", "pipelines.ops.cli", *arguments]
    name = f"synapse {' '.join(arguments[:2])}"
    process = await anyio.open_process(command, stdin=None, stdout=PIPE, stderr=None, cwd=session.folder)
    async with process:
        try:
            code, told = await _ended(process)
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(_ENDING_S, shield=True), suppress(ProcessLookupError):
                process.terminate()
                code, told = await _ended(process)
                session.facts[f"{name}, interrupted"] = _reason(told) if code else "was done by then"
            raise
    if code == 0:
        return told
    raise StepError(f"{name}: {_reason(told)}", code)


async def _ended(process: Process) -> tuple[int, dict[str, Any]]:
    """Read what a command prints until its end; return its code and that."""
    printed = [chunk async for chunk in process.stdout] if process.stdout else []
    return await process.wait(), _read(b"".join(printed))


def _reason(told: dict[str, Any]) -> str:
    error = told.get("error", {})
    return f"{error.get('what', 'it said no more than is above')} {error.get('hint', '')}".strip()


def _read(printed: bytes) -> dict[str, Any]:
    try:
        found = json.loads(printed)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {"value": found}
