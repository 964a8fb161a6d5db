"""What an ephemeral stack takes from this machine's own: the collection and its embedding server."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import anyio
import dagger

from pipelines.dag.errors import JobExit, StepError
from pipelines.dag.keys import given, key_of
from pipelines.dag.near import LOOPBACK, port_of, server_here
from pipelines.dag.session import Session

_NAMES = ("COLLECTION", "EMBEDDING_URL", "EMBEDDING_MODEL")
_HERE = {*LOOPBACK, "host.docker.internal"}
_NEAR = "embeddings"
_REPLY_S = 10


@dataclass(frozen=True, slots=True)
class Own:
    """Settings of a stack; `server`, where there is one, is reached as `embeddings` and takes `key`."""

    settings: Mapping[str, str] = field(default_factory=dict)
    key: dagger.Secret | None = None
    server: dagger.Service | None = None


async def own_index(session: Session) -> Own:
    """Return what the documents of this machine need in order to be served: without it no rehearsal is one.

    A server of this machine is brought into the stack's network. Raises StepError when it does not answer.
    """
    told = given(session)
    settings = {name: told[name] for name in _NAMES if told.get(name)}
    url = settings.get("EMBEDDING_URL")
    if url is None:
        return Own(settings)
    parts = urlsplit(url)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise StepError(
            "EMBEDDING_URL holds a login or a query, which would be shown. Write its key into a file that"
            " EMBEDDING_API_KEY_FILE names.",
            JobExit.USAGE,
        )
    host = "127.0.0.1" if parts.hostname in _HERE else str(parts.hostname)
    port = port_of(parts)
    await _check(url, host, port)
    key = key_of(session, "EMBEDDING_API_KEY", told)
    if parts.hostname not in _HERE:
        return Own(settings, key)
    settings["EMBEDDING_URL"] = f"{parts.scheme}://{_NEAR}:{port}{parts.path}"
    return Own(settings, key, server_here(session, port))


def beside_server(own: Own, container: dagger.Container) -> dagger.Container:
    """Return a container that reaches the embedding server by its name."""
    return container.with_service_binding(_NEAR, own.server) if own.server else container


async def _check(url: str, host: str, port: int) -> None:
    try:
        with anyio.fail_after(_REPLY_S):
            await (await anyio.connect_tcp(host, port)).aclose()
    except (OSError, TimeoutError) as error:
        raise StepError(
            f"EMBEDDING_URL is {url}, and nothing answers at {host}:{port}, so that no backend could serve"
            " the documents. Start the embedding server, or correct the setting.",
            JobExit.UNREACHABLE,
        ) from error
