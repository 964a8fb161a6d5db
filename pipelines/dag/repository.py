"""Where the restore points of this machine lie, as an ephemeral container reaches them."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import dagger

from pipelines.dag.errors import StepError
from pipelines.dag.host import synapse_here
from pipelines.dag.keys import let_in
from pipelines.dag.session import Session

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
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
    """Return a container with the repository: the folder as it is now, or what S3 needs."""
    if place.folder is not None:
        now = session.client.host().directory(str(place.folder), no_cache=True)
        return container.with_directory(_INSIDE, now, owner="1000:1000")
    container = container.with_env_variable("SYNAPSE_REPOSITORY", str(place.url))
    container = let_in(session, container)
    return _at_endpoint(session, place.endpoint, container) if place.endpoint else container


async def keep_proofs(session: Session, place: Place, container: dagger.Container, point: str) -> None:
    """Lay the proofs that a container has made of a point into the folder; S3 has them already.

    Each appears whole: it is written beside, synced and renamed. Raises StepError.
    """
    if place.folder is None:
        return
    beside = session.reports / "proofs" / point
    shutil.rmtree(beside, ignore_errors=True)
    await container.directory(f"{_INSIDE}/proofs/{point}").export(str(beside))
    target = place.folder / "proofs" / point
    try:
        target.mkdir(parents=True, exist_ok=True)
        for proof in sorted(beside.glob("*.json")):
            if not (target / proof.name).exists():
                _appear(proof.read_bytes(), target / proof.name)
    except OSError as error:
        raise StepError(f"The proof cannot be kept in {target}: {error.strerror}.") from error


def _appear(content: bytes, path: Path) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)


def _at_endpoint(session: Session, endpoint: str, container: dagger.Container) -> dagger.Container:
    """Let the container reach the endpoint; one on this machine's loopback is brought into its network."""
    parts = urlsplit(endpoint)
    if parts.hostname not in LOOPBACK:
        return container.with_env_variable("AWS_ENDPOINT_URL_S3", endpoint)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    service = session.client.host().service([dagger.PortForward(backend=port, frontend=port)])
    near = container.with_service_binding("s3", service)
    return near.with_env_variable("AWS_ENDPOINT_URL_S3", f"{parts.scheme}://s3:{port}")
