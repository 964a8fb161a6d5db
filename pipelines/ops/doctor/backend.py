"""The backend: its health with each dependency, its API, its documentation page."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal

import httpx
from pydantic import BaseModel, ValidationError

from pipelines.ops.backend import backend_client
from pipelines.ops.doctor.asking import ask
from pipelines.ops.doctor.check import Finding, Subject, amber, green, red, skipped
from pipelines.ops.errors import OpsError, UnreachableError

_REPLY_S = 8.0
_AWAY = (httpx.codes.BAD_GATEWAY, httpx.codes.GATEWAY_TIMEOUT)
"""What nginx says for a backend that is not there, or hangs."""
_VITAL = {
    "redis": "See the line `redis`.",
    "index": "See the line `indexes`.",
    "embedder": "See the line `models`; the log of the backend has more.",
}
_ADMISSION = {
    401: "Set API_TOKEN or API_TOKEN_FILE to the token of the backend.",
    421: "Add the name by which it is called to ALLOWED_HOSTS of the backend, or set SYNAPSE_BACKEND_URL.",
}


class _Dependency(BaseModel):
    name: str
    state: Literal["ok", "degraded", "down"]
    reason: str
    since: datetime


class Health(BaseModel):
    """What the backend says of itself, as far as it matters here."""

    state: Literal["ok", "degraded", "down", "restoring"]
    dependencies: Sequence[_Dependency]


def look_at_backend(subject: Subject) -> Iterator[Finding]:
    """Ask it for its health, for documents, and for the page of its API."""
    url = subject.settings.backend_url
    with backend_client(subject.settings, seconds=_REPLY_S) as client:
        try:
            health = read_health(client)
        except OpsError as error:
            gone = isinstance(error, UnreachableError) and subject.settings.stack == "compose"
            yield red("backend", error.what, f"Start it: {subject.start}" if gone else error.hint)
            yield from (skipped(name, "the backend was not reached") for name in ("api", "docs"))
            return
        yield _overall(url, health)
        yield from (_part(one) for one in health.dependencies)
        pages = [("api", "/api/documents?limit=1", '"documents"'), ("docs", "/api/docs", "/api/openapi.json")]
        if subject.settings.service.page_dir is not None:
            pages.append(("page", "/", "<html"))
        for name, path, expected in pages:
            yield ask(client, name, path, expected, "Look at the log of the backend.", remedies=_ADMISSION)


def read_health(client: httpx.Client) -> Health:
    """Return the health. Raises UnreachableError, and OpsError when something else answers there."""
    try:
        answer = client.get("/health")
    except httpx.HTTPError as error:
        raise UnreachableError(
            f"The backend at {client.base_url} cannot be reached ({str(error) or type(error).__name__}).",
            "Start it (`synapse up`), or set API_HOST and API_PORT to where it runs.",
        ) from error
    if (code := answer.status_code) in _AWAY:
        raise UnreachableError(
            f"What answers at {client.base_url} does not reach the backend (/health gives {code}).",
            "Start it, or look at its log.",
        )
    try:
        return Health.model_validate_json(answer.content)
    except ValidationError as error:
        raise OpsError(
            f"What answers at {client.base_url} is not Synapse (/health gives {answer.status_code}).",
            "Stop it, or set API_PORT to where the backend runs.",
        ) from error


def _overall(url: str, health: Health) -> Finding:
    match health.state:
        case "ok":
            return green("backend", f"healthy at {url}")
        case "degraded":
            return amber("backend", "it serves, but lacks something", _where_to_look(health))
        case "restoring":
            return amber("backend", "a restore is under way: no writes for now", "See the line `restore`.")
        case "down":
            return red("backend", "it cannot serve (503)", _where_to_look(health))


def _where_to_look(health: Health) -> str:
    # A stranger is told no more than the state.
    return "See the lines `backend: …`." if health.dependencies else f"{_ADMISSION[401]} Then ask again."


def _part(one: _Dependency) -> Finding:
    name = f"backend: {one.name}"
    reason = f"{one.state} since {one.since:%Y-%m-%d %H:%M:%S} UTC: {one.reason}"
    if one.state == "ok":
        return green(name, f"ok since {one.since:%Y-%m-%d %H:%M:%S} UTC")
    if one.state == "down" and one.name in _VITAL:
        return red(name, reason, _VITAL[one.name])
    # Without a model server answers are quotes, which is worse but no failure.
    return amber(name, reason, _VITAL.get(one.name, "See the lines `model …`."))
