"""The connection to the Dagger engine; nothing else knows how it is made."""

import os
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

import anyio
import dagger
from dagger.client._config import Retry

from pipelines.dag.errors import INSTALL, JobExit, NoEngineError, StepError, first_line
from pipelines.dag.running import Action, Finding

VERSION = "0.21.8"
"""Of the engine, of its command line program, and of the Python SDK: they only fit together."""
_HINT = f"Install Docker and the Dagger CLI {VERSION}, and type `dagger run python pipelines/<job>.py`."


@asynccontextmanager
async def connected(environ: Mapping[str, str] = os.environ) -> AsyncIterator[dagger.Client]:
    """Return a client of the session that `dagger run` has opened, closed at the end.

    Raises NoEngineError when there is none, when the engine does not answer, and when the versions differ.
    """
    await _check_versions(environ)
    # A request that was sent is not sent again: it may have published, deleted or restored something.
    config = dagger.Config(retry=Retry(connect=True, execute=False))
    try:
        async with dagger.connection(config):
            await _same_version(dagger.dag)
            yield dagger.dag
    except dagger.ClientError as error:
        raise NoEngineError(f"The Dagger engine does not answer: {error}.", _HINT) from error


def told_of_loss(action: Action) -> Action:
    """Return an action that says so when the connection to the engine is lost under it."""

    async def carried_out() -> Finding:
        try:
            return await action()
        except dagger.TransportError as error:
            raise StepError(
                f"the connection to the Dagger engine was lost ({first_line(error)}). See whether it still"
                " runs (its log says why, if it ended), then run the job again.",
                JobExit.NO_ENGINE,
            ) from error

    return carried_out


async def _check_versions(environ: Mapping[str, str]) -> None:
    """Raise NoEngineError unless there is a session, and the SDK and the CLI are of the one version."""
    if not environ.get("DAGGER_SESSION_PORT"):
        raise NoEngineError("There is no Dagger session.", _HINT)
    _fits("The Dagger SDK (dagger-io)", _sdk_version(), f"Install the locked packages: {INSTALL}")
    cli = shutil.which("dagger", path=environ.get("PATH"))
    if cli is not None:
        # Awaited, so that an interruption ends it too.
        done = await anyio.run_process([cli, "version"], check=False)
        _fits("The Dagger CLI", next(iter(done.stdout.decode().split()[1:]), "unknown"), _HINT)


async def _same_version(client: dagger.Client) -> None:
    _fits(
        "The Dagger engine", await client.version(), "Start the engine that the CLI of this version starts."
    )


def _fits(what: str, found: str, hint: str) -> None:
    if found.removeprefix("v").split("+")[0] != VERSION:
        raise NoEngineError(f"{what} is {found}, and {VERSION} is needed.", hint)


def _sdk_version() -> str:
    try:
        return version("dagger-io")
    except PackageNotFoundError:
        return "not installed"
