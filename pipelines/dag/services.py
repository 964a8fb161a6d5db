"""Services of a run: each has a limit for its start, and is stopped at the end, whatever happened."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import dagger

from pipelines.dag.errors import StepError, first_line
from pipelines.dag.logs import CLOSING_S, command, left_on_failure, logs_of
from pipelines.dag.session import Session


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
    session: Session, step: str, name: str, container: dagger.Container, words: list[str]
) -> AsyncIterator[dagger.Service]:
    """Run a command of root's as a service until the block ends; when that fails, the step has its log.

    One that is only bound is ended when no command needs it for some seconds, and what it holds is gone.
    Raises StepError.
    """
    await container.sync()  # else the time to make it would be that of the start
    logs = logs_of(session, step, container, {name: ""})
    service = logs.kept(name, container).as_service(args=command(name, words))
    try:
        async with left_on_failure(logs):
            await start(session, name, service, str(logs.place))
            yield service
    finally:
        await quietly_stop(session, name, service)
