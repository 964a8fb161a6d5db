"""Services of a run: each has a limit for its start, and is stopped at the end, whatever happened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import dagger

from pipelines.dag.errors import StepError, first_line
from pipelines.dag.session import Session

CLOSING_S = 60
"""So long may each service, and the export of the logs, take at the end."""


async def start(session: Session, name: str, service: dagger.Service, log: str = "") -> None:
    """Start a service; `log` says where its log will be. Raises StepError when it does not get healthy."""
    limit = session.start_limit_s
    where = f"; its log is in {log}" if log else ""
    try:
        with anyio.fail_after(limit):
            await service.start()
    except TimeoutError as error:
        reason = f"{name} does not get healthy within {limit:.0f} s (--start-limit){where}"
        raise StepError(reason) from error
    except dagger.QueryError as error:
        raise StepError(f"{name} does not get healthy: {first_line(error)}{where}") from error


async def quietly_stop(session: Session, name: str, service: dagger.Service) -> None:
    """Stop a service; what hinders that must not leave the others running."""
    with anyio.move_on_after(CLOSING_S, shield=True):
        try:
            await service.stop(kill=True)
        except dagger.DaggerError as error:
            session.facts[name] = f"could not be stopped: {error}"


@asynccontextmanager
async def kept_running(
    session: Session, name: str, container: dagger.Container, arguments: list[str]
) -> AsyncIterator[dagger.Service]:
    """Run a command as a service until the block ends.

    One that is only bound is ended when no command needs it for some seconds, and what it holds is gone.
    Raises StepError.
    """
    await container.sync()  # else the time to make it would be that of the start
    service = container.as_service(args=arguments)
    try:
        await start(session, name, service)
        yield service
    finally:
        await quietly_stop(session, name, service)
