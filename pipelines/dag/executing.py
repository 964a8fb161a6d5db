"""Run what was asked of a container, and say in a step's words how it failed."""

import json
from collections.abc import Sequence

import dagger

from pipelines.dag.errors import StepError
from pipelines.dag.session import Session

LAST = 6000
"""So many letters of a failed command's output are kept."""


async def ran(container: dagger.Container) -> str:
    """Run what was asked of a container; return what its last command printed. Raises StepError."""
    try:
        return await container.stdout()
    except dagger.ExecError as error:
        raise failed(error.command, error.exit_code, error.stdout, error.stderr) from error


def failed(command: Sequence[str], code: int, stdout: str, stderr: str) -> StepError:
    """Return why a command failed: in its own words where it is a `synapse` command, told as JSON."""
    reason = f"`{' '.join(command[:4])}` ended with code {code}"
    told = error_in(stdout)
    return StepError(f"{reason}: {told}" if told else reason, code, f"{stdout}\n{stderr}".strip()[-LAST:])


def error_in(printed: str | bytes) -> str:
    """Return what failed and the remedy, when a `synapse` command has printed that as JSON."""
    try:
        error = json.loads(printed)["error"]
        return f"{error['what']} {error['hint']}"
    except (ValueError, KeyError, TypeError):
        return ""


def fresh(session: Session, container: dagger.Container) -> dagger.Container:
    """Keep the engine from answering out of its cache what has effects."""
    return container.with_env_variable("SYNAPSE_RUN", session.run_id)
