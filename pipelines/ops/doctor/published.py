"""What the containers publish: the page, hot reload, and the model servers as they see them."""

from collections.abc import Iterator, Mapping

import httpx

from pipelines.ops.containers.docker import Container, docker
from pipelines.ops.doctor.asking import ask
from pipelines.ops.doctor.check import Finding, Subject, amber, green, red, skipped
from pipelines.ops.doctor.models import named_servers, none_named
from pipelines.ops.errors import OpsError

_REPLY_S = 8.0
_MODEL_REPLY_S = "3"
_PRODUCTION, _DEVELOPMENT = 8080, 5173
_SOURCE = "/app/app"


def backend_address(found: Mapping[str, Container]) -> str | None:
    """Return where the backend is reached from this machine: its own port, or through nginx."""
    own = found["backend"].published(8000) if "backend" in found else None
    return own or (found["frontend"].published(_PRODUCTION) if "frontend" in found else None)


def look_at_page(subject: Subject) -> Iterator[Finding]:
    """Ask for the page as a browser does."""
    frontend = subject.containers().get("frontend")
    address = frontend and (frontend.published(_PRODUCTION) or frontend.published(_DEVELOPMENT))
    if not address:
        yield red("page", "no port of the page is published", f"Start it: {subject.start}")
        return
    yield _asked("page", f"{address}/", "<html")


def look_at_hot_reload(subject: Subject) -> Iterator[Finding]:
    """In development: is the backend watching sources that are mounted, does the page push its changes."""
    found = subject.containers()
    if "--reload" not in (found["backend"].command if "backend" in found else ()):
        yield skipped("hot reload", "this is production")
        return
    if _SOURCE not in _writable(found["backend"]):
        yield red(
            "hot reload",
            f"the sources are not mounted at {_SOURCE}",
            "Start development with its own file: make secrets FORM=development, docker compose up.",
        )
    address = found["frontend"].published(_DEVELOPMENT) if "frontend" in found else None
    if address:
        yield _asked("hot reload", f"{address}/@vite/client", "WebSocket")
    else:
        yield red("hot reload", "the page's development server is not up", f"Start it: {subject.start}")


def look_at_models_from_inside(subject: Subject) -> Iterator[Finding]:
    """Ask each model server from the backend's container: only there its address means what it says."""
    servers = named_servers(subject.settings.service)
    if not servers:
        yield none_named()
    for variable, url in servers:
        yield _from_inside(variable, url)


def _from_inside(variable: str, url: str) -> Finding:
    name, asked = f"model {variable}", f"{url.removesuffix('/v1')}/health"
    try:
        docker("exec", "synapse_backend", "python", "-m", "app.probe", asked, _MODEL_REPLY_S)
    except OpsError as error:
        if f"{asked} answers 503" in error.what:
            return amber(name, f"{url} is still loading its model", "Wait until it has loaded.")
        # Only llama.cpp has that page; a server without it is there all the same.
        if f"{asked} answers 404" not in error.what:
            return red(
                name,
                f"{url} cannot be reached from the backend's container ({error.what})",
                f"Start that server so that it listens for containers too, or correct {variable} in .env.",
            )
    return green(name, f"{url} answers the backend's container")


def _writable(container: Container) -> set[str]:
    return {str(mount["Destination"]) for mount in container.facts["Mounts"] if mount["RW"]}


def _asked(name: str, url: str, expected: str) -> Finding:
    with httpx.Client(timeout=_REPLY_S, trust_env=False) as client:
        return ask(client, name, url, expected, "Look at its log: docker logs --tail 50 synapse_frontend")
