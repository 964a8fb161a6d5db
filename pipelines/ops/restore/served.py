"""Ask a backend, at the address that its clients use, whether it serves what a point holds."""

import time

import httpx
from pydantic import BaseModel, ValidationError

from app.stores.index.layout import CollectionFolder, indexes_root
from pipelines.ops.backend import backend_client
from pipelines.ops.errors import OpsError, UnreachableError
from pipelines.ops.model import RestorePoint
from pipelines.ops.settings import OpsSettings

_REPLY_S = 10.0
_PICK_UP_S = 30.0
_POLL_S = 0.2


class Served(BaseModel):
    """A collection as `/health` tells of it."""

    name: str
    epoch: str
    documents: int

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"{self.name} with {self.documents} documents in epoch {self.epoch}"


class _Health(BaseModel):
    collections: list[Served]


def check_served(
    settings: OpsSettings, point: RestorePoint, url: str, *, patience: float = _PICK_UP_S
) -> Served | None:
    """Return the collection of a restored point that is served at an address; None when the point has none.

    It has the epoch that is in use on disk, and as many documents as the point. One that was just restored is
    waited for, `patience` seconds. Raises OpsError.
    """
    held = point.faiss.collections if point.faiss else ()
    folders = indexes_root(settings.service.data_dir)
    wanted = [
        Served(
            name=one.name,
            epoch=CollectionFolder(folders, one.name).read_pointer() or "none",
            documents=one.documents,
        )
        for one in held
    ]
    deadline = time.monotonic() + patience
    with backend_client(settings, seconds=_REPLY_S, url=url) as client:
        while True:
            answer = _asked(client)
            found = [] if isinstance(answer, OpsError) else answer
            served = next((one for one in found if one in wanted), None)
            if served is not None or (not wanted and not isinstance(answer, OpsError)):
                return served
            if time.monotonic() > deadline:
                raise answer if isinstance(answer, OpsError) else _another(url, found, wanted)
            time.sleep(_POLL_S)  # the backend looks at its pointer when it is asked


def _asked(client: httpx.Client) -> list[Served] | OpsError:
    try:
        answer = client.get("/health")
    except httpx.HTTPError as error:
        return UnreachableError(
            f"Nothing answers at {client.base_url}health ({str(error) or type(error).__name__}).",
            "Look at the logs of the backend, and of nginx before it.",
        )
    try:
        return _Health.model_validate_json(answer.content).collections
    except ValidationError:
        return OpsError(
            f"{client.base_url}health gives {answer.status_code}, and no health of Synapse.",
            "Look at the logs of the backend, and of nginx before it.",
        )


def _another(url: str, found: list[Served], wanted: list[Served]) -> OpsError:
    serves = " and ".join(map(str, found)) or "no collection"
    holds = " and ".join(map(str, wanted))
    return OpsError(
        f"What answers at {url} serves {serves}, and restored was {holds}.",
        "Set COLLECTION to one that the point holds, and look at the log of the backend.",
    )
