"""The model servers on the host, as the settings name them."""

from collections.abc import Iterator

import httpx

from app.settings import Settings
from pipelines.ops.doctor.check import Finding, Subject, amber, green, red, skipped

_REPLY_S = 5.0


def look_at_models(subject: Subject) -> Iterator[Finding]:
    """Ask each server for its health, as the backend does."""
    servers = named_servers(subject.settings.service)
    if not servers:
        yield none_named()
    with httpx.Client(timeout=_REPLY_S, trust_env=False) as client:
        for variable, url in servers:
            yield _server(client, variable, url)


def named_servers(service: Settings) -> list[tuple[str, str]]:
    """Return each server with the variable that names it."""
    servers = [(f"MODEL_{name.upper()}_URL", url) for name, url in sorted(service.model_urls.items())]
    if service.embedding_url is not None:
        servers.append(("EMBEDDING_URL", service.embedding_url))
    return servers


def none_named() -> Finding:
    """Say that there is nothing to ask."""
    return skipped("models", "no MODEL_…_URL is set: answers quote the passages found")


def _server(client: httpx.Client, variable: str, url: str) -> Finding:
    name = f"model {variable}"
    try:
        answer = client.get(f"{url.removesuffix('/v1')}/health")
    except httpx.HTTPError as error:
        return red(
            name,
            f"{url} cannot be reached ({str(error) or type(error).__name__})",
            f"Start that server, or correct {variable}.",
        )
    match answer.status_code:
        case httpx.codes.SERVICE_UNAVAILABLE:
            return amber(name, f"{url} is still loading its model", "Wait until it has loaded.")
        case httpx.codes.OK | httpx.codes.NOT_FOUND:
            # Only llama.cpp has the page; others are there all the same.
            return green(name, f"{url} answers")
    return red(name, f"{url} answers {answer.status_code}", "Look at the log of that server.")
