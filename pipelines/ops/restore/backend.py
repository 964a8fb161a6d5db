"""Ask the running backend whether it serves the restored documents, before writes come back."""

import base64
import time

import httpx
import numpy as np

from pipelines.ops.context import Context
from pipelines.ops.errors import OpsError
from pipelines.ops.model import Canary
from pipelines.ops.restore.documents import StagedDocuments

_PICK_UP_S = 30.0
_POLL_S = 0.1
_TOLERANCE = 1e-4
_BROKEN = "The restore was rolled back; look at the backend's log."


def check_backend(work: Context, documents: StagedDocuments | None) -> None:
    """Raise OpsError unless a backend that answers serves the new epochs and the canaries' answers.

    A backend that is not running is no error: it will open what the pointers say.
    """
    with httpx.Client(base_url=work.settings.backend_url, timeout=10.0, trust_env=False) as client:
        try:
            client.get("/health")
        except httpx.TransportError:
            work.watch.note("The backend is not running; it will open the restored data when it starts.")
            return
        with work.watch.step("Ask the running backend"):
            if documents is None:
                return
            _wait_until_served(client, documents)
            for facts in documents.facts:
                if facts.name == work.settings.service.collection:
                    for number, canary in enumerate(facts.index.canaries, start=1):
                        _ask(client, number, canary)


def _wait_until_served(client: httpx.Client, documents: StagedDocuments) -> None:
    wanted = {one.collection: one.new for one in documents.switches}
    deadline = time.monotonic() + _PICK_UP_S
    while time.monotonic() < deadline:
        served = _served(client)
        if served and all(wanted.get(name, epoch) == epoch for name, epoch in served.items()):
            return
        time.sleep(_POLL_S)  # the backend looks at its pointer when it is asked
    raise OpsError("The running backend does not serve the restored documents.", _BROKEN)


def _served(client: httpx.Client) -> dict[str, str]:
    try:
        report = client.get("/health").json()
        return {collection["name"]: collection["epoch"] for collection in report["collections"]}
    except (httpx.TransportError, ValueError, KeyError):
        return {}


def _ask(client: httpx.Client, number: int, canary: Canary) -> None:
    vector = np.frombuffer(base64.b64decode(canary.vector), dtype="<f4").tolist()
    limit = len(canary.ids)
    if not limit:
        return
    try:
        reply = client.post("/api/search", json={"vector": vector, "limit": limit})
        reply.raise_for_status()
        scores = [hit["score"] for hit in reply.json()["hits"]]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise OpsError(f"The running backend does not answer canary {number} ({error}).", _BROKEN) from error
    if not _near(scores, canary.scores):
        raise OpsError(f"The running backend answers canary {number} with other scores.", _BROKEN)


def _near(found: list[float], expected: tuple[float, ...]) -> bool:
    bound = _TOLERANCE * max((abs(score) for score in expected), default=1.0) + 1e-6
    if len(found) != len(expected):
        return False
    return all(abs(one - other) <= bound for one, other in zip(found, expected, strict=True))
