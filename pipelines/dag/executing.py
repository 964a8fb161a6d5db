"""Run what was asked of a container, and say in a step's words how it failed."""

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
        words = (error.stderr or error.stdout).strip()
        raise StepError(
            f"`{' '.join(error.command[:4])}` ended with code {error.exit_code}",
            error.exit_code,
            f"{error.stdout}\n{error.stderr}".strip()[-LAST:] or words,
        ) from error


def fresh(session: Session, container: dagger.Container) -> dagger.Container:
    """Keep the engine from answering out of its cache what has effects."""
    return container.with_env_variable("SYNAPSE_RUN", session.run_id)
