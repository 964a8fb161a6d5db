"""Ask the running backend whether it serves the restored documents, before writes come back."""

import base64
import time
from contextlib import suppress

import httpx
import numpy as np

from pipelines.ops.backend import backend_client
from pipelines.ops.context import Context
from pipelines.ops.errors import OpsError, RefusedError
from pipelines.ops.model import Canary
from pipelines.ops.restore.documents import StagedDocuments

_REPLY_S = 10.0
_PICK_UP_S = 30.0
_POLL_S = 0.1
_TOLERANCE = 1e-4
_BROKEN = "The restore was rolled back; look at the backend's log."


def check_admitted(work: Context) -> None:
    """Raise RefusedError when what answers is no backend, or would not tell us what it serves.

    Before anything is touched: the questions after the swap could only roll it back. One that does not
    answer is no error: nothing will be asked of it.
    """
    with backend_client(work.settings, seconds=_REPLY_S) as client:
        try:
            answer = client.get("/api/login")
        except httpx.TransportError:
            return
    if answer.status_code == httpx.codes.MISDIRECTED_REQUEST:
        raise RefusedError(
            f"The running backend does not go by the name of {work.settings.backend_url}.",
            "Add the name to its ALLOWED_HOSTS, or set SYNAPSE_BACKEND_URL to one that it has.",
        )
    known = _is_known(answer)
    if known is None:
        raise RefusedError(
            f"What answers at {work.settings.backend_url} is not Synapse's backend"
            f" (/api/login gives {answer.status_code}).",
            "Stop it, or set API_HOST and API_PORT (or SYNAPSE_BACKEND_URL) to where the backend runs.",
        )
    if not known:
        raise RefusedError(
            "The running backend does not take our token, so it could not be asked what it serves.",
            "Set API_TOKEN or API_TOKEN_FILE to the token of the backend.",
        )


def _is_known(answer: httpx.Response) -> bool | None:
    """Say whether a backend takes our token; None when this is no backend's answer."""
    try:
        signed_in = answer.json()["signed_in"]
    except (ValueError, KeyError, TypeError):
        return None
    return signed_in if isinstance(signed_in, bool) else None


def check_backend(work: Context, documents: StagedDocuments | None) -> None:
    """Raise OpsError unless a backend that answers serves the new epochs and the canaries' answers.

    A backend that is not running is no error: it will open what the pointers say. One that hangs is.
    """
    with backend_client(work.settings, seconds=_REPLY_S) as client:
        try:
            with suppress(httpx.ReadTimeout):  # it hangs, or is only slow: see what it serves
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
