"""Where the restore points of this machine lie, as an ephemeral container reaches them."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import dagger

from pipelines.dag import commands
from pipelines.dag.host import synapse_here
from pipelines.dag.keys import let_in, unlocking
from pipelines.dag.near import LOOPBACK, port_of, server_here
from pipelines.dag.session import Session

_INSIDE = "/app/backups"


@dataclass(frozen=True, slots=True)
class Place:
    """A repository: `folder` on this machine, or `url` (s3://…) at `endpoint`."""

    folder: Path | None
    url: str | None
    endpoint: str | None


async def place_of(session: Session) -> Place:
    """Ask `synapse` where its repository is."""
    told = await synapse_here(session, "points", "where", "--json")
    folder = told.get("folder")
    return Place(Path(folder) if folder else None, told.get("url"), told.get("endpoint"))


def reached(session: Session, place: Place, container: dagger.Container) -> dagger.Container:
    """Return a container with the repository and its passphrase: the folder as it is, or what S3 needs."""
    container = unlocking(session, container)
    if place.folder is not None:
        now = session.client.host().directory(str(place.folder), no_cache=True)
        return container.with_directory(_INSIDE, now, owner="1000:1000")
    container = container.with_env_variable("SYNAPSE_REPOSITORY", str(place.url))
    container = let_in(session, container)
    return _at_endpoint(session, place.endpoint, container) if place.endpoint else container


async def keep_proofs(session: Session, place: Place, container: dagger.Container, point: str) -> None:
    """Have the proofs that a container has made of a point kept in the folder; S3 has them already.

    Raises StepError.
    """
    if place.folder is None:
        return
    copy = session.reports / "proofs" / point
    shutil.rmtree(copy, ignore_errors=True)
    await container.directory(f"{_INSIDE}/proofs/{point}").export(str(copy))
    await synapse_here(session, *commands.keep_proofs(point, str(session.reports.absolute()))[1:])


def _at_endpoint(session: Session, endpoint: str, container: dagger.Container) -> dagger.Container:
    """Let the container reach the endpoint; one on this machine's loopback is brought into its network."""
    parts = urlsplit(endpoint)
    if parts.hostname not in LOOPBACK:
        return container.with_env_variable("AWS_ENDPOINT_URL_S3", endpoint)
    port = port_of(parts)
    near = container.with_service_binding("s3", server_here(session, port))
    return near.with_env_variable("AWS_ENDPOINT_URL_S3", f"{parts.scheme}://s3:{port}")
