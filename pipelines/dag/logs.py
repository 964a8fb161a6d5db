"""What services write: kept in volumes, and laid into the reports when something fails."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import anyio
import dagger

from pipelines.dag.errors import StepError
from pipelines.dag.session import Session
from pipelines.dag.source import file_of

CLOSING_S = 60
"""So long may each service, and the export of the logs, take at the end."""
_LOGGED = "deploy/dagger/logged.sh"
_LAST_LINES = 12
_CALLED = "/usr/local/lib/synapse/logged.sh"


@dataclass(frozen=True, slots=True)
class Logs:
    """The logs of the services of one step: a volume for each name, whose owner is the one who writes.

    `label` is their folder in the reports, and `reader` any container with `cp`.
    """

    session: Session
    label: str
    reader: dagger.Container
    volumes: Mapping[str, dagger.CacheVolume]

    @property
    def place(self) -> Path:
        """Where they will be."""
        return self.session.reports / "logs" / self.label

    def kept(self, name: str, container: dagger.Container) -> dagger.Container:
        """Return a container whose service, run as `command` says, writes its log."""
        logged = file_of(self.session, _LOGGED)
        return container.with_mounted_cache("/logs", self.volumes[name]).with_file(_CALLED, logged)

    async def export(self) -> None:
        """Lay what each service has written into the reports."""
        seen = self.reader.with_user("0").with_env_variable("SYNAPSE_RUN", token_hex(8))
        for name, volume in self.volumes.items():
            seen = seen.with_mounted_cache(f"/logs/{name}", volume)
        copied = seen.with_exec(["cp", "-r", "/logs", "/kept"])
        await copied.directory("/kept").export(str(self.place))


def logs_of(session: Session, label: str, reader: dagger.Container, owners: Mapping[str, str]) -> Logs:
    """Return the logs of a step's services; `owners` has the user of each, "" for root.

    Mounted with an owner a volume would be another one, so it is made with it.
    """
    volumes = {
        name: session.client.cache_volume(f"synapse-logs-{label}-{name}-{session.run_id}", owner=user)
        for name, user in owners.items()
    }
    return Logs(session, label, reader, volumes)


def command(name: str, words: Iterable[str]) -> list[str]:
    """Return the command of a service that writes its log."""
    return ["/bin/sh", _CALLED, name, *words]


@asynccontextmanager
async def left_on_failure(logs: Logs) -> AsyncIterator[None]:
    """Export the logs when the block fails or is interrupted; their ends are added to what a step says."""
    try:
        yield
    except StepError as error:
        await _quietly_export(logs)
        raise StepError(error.reason, error.code, error.output or _last_words(logs)) from error
    except BaseException:
        await _quietly_export(logs)
        raise


def _last_words(logs: Logs) -> str:
    """Return the end of each service's log, as it was exported."""
    told: list[str] = []
    for name in logs.volumes:
        file = logs.place / name / f"{name}.log"
        if file.is_file():
            lines = file.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
            told += [f"{name} | {line}" for line in lines]
    return "\n".join(told)


async def _quietly_export(logs: Logs) -> None:
    """Export the logs; what hinders that must not hide why they are wanted."""
    with anyio.move_on_after(CLOSING_S, shield=True):
        try:
            await logs.export()
        except dagger.DaggerError as error:
            logs.session.facts[f"logs of {logs.label}"] = f"could not be exported: {error}"
