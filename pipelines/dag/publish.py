"""Send the very images that were tested to a registry: by digest, then under their tags."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import dagger

from pipelines.dag.commands import pins, push
from pipelines.dag.errors import StepError
from pipelines.dag.executing import fresh, ran
from pipelines.dag.host import synapse_here
from pipelines.dag.images import OWNER, normalised, tools
from pipelines.dag.machine import machine
from pipelines.dag.near import LOOPBACK, port_of, server_here
from pipelines.dag.platforms import tell_tested
from pipelines.dag.running import Finding
from pipelines.dag.services import kept_running
from pipelines.dag.session import Session

PUBLISHED = ("backend", "ops", "frontend")
LOGIN = "SYNAPSE_REGISTRY_LOGIN"
_LOGIN_FILE = "/run/secrets/registry_login"


@dataclass(frozen=True, slots=True)
class Registry:
    """Where images go: `prefix` such as `registry.example/team`, `plain` means without TLS.

    `service` is a registry that containers reach as `registry`; `known_as` is what it is called elsewhere.
    """

    prefix: str
    plain: bool = False
    login: dagger.Secret | None = None
    service: dagger.Service | None = None
    known_as: str | None = None


async def publish(
    session: Session, registry: Registry, tags: Sequence[str], moving: Sequence[str] = ()
) -> Finding:
    """Push each image; return its reference with the digest. Raises StepError.

    All are there by their digests, and every tag is free, before one gets a tag, so that no tag names half
    a release. `moving` are tags that go over from other images.
    """
    references = {name: await _pushed(session, registry, name, free=tags) for name in PUBLISHED}
    await _tagged(session, registry, tags)
    if moving:
        await _tagged(session, registry, moving, move=True)
    return Finding(", ".join(references.values()) + await tell_tested(session), references)


async def _tagged(session: Session, registry: Registry, tags: Sequence[str], *, move: bool = False) -> None:
    """Set tags on every image; whatever hinders that, it is said which images have them. Raises StepError."""
    for at, name in enumerate(PUBLISHED):
        try:
            await _pushed(session, registry, name, tags, move=move)
        except StepError as error:
            told = f"{', '.join(tags)} named {', '.join(PUBLISHED[:at]) or 'nothing'} by then"
            reason = f"{error.reason} ({told}, and perhaps {name}: publish the same commit again.)"
            raise StepError(reason, error.code, error.output) from error


async def _pushed(
    session: Session,
    registry: Registry,
    name: str,
    tags: Sequence[str] = (),
    *,
    free: Sequence[str] = (),
    move: bool = False,
) -> str:
    """Push one image; return its reference with the digest. Raises StepError when it was not tested."""
    tested = session.facts.get(f"image {name}")
    if tested is None:
        raise StepError(f"no step has told the digest of {name}, so that it cannot have been tested")
    pusher = (await tools(session)).with_mounted_directory("/image", await normalised(session, name))
    if registry.service is not None:
        pusher = pusher.with_service_binding("registry", registry.service)
    if registry.login is not None:
        pusher = pusher.with_mounted_secret(_LOGIN_FILE, registry.login, owner=OWNER)
    command = push(
        f"{registry.prefix}/synapse-{name}",
        tags,
        plain=registry.plain,
        login=_LOGIN_FILE if registry.login is not None else None,
        move=move,
        free=free,
        expect=str(tested),
    )
    told = json.loads(await ran(fresh(session, pusher).with_exec([*command])))
    if told["digest"] != tested:
        raise StepError(f"{name} was pushed as {told['digest']}, and {tested} was tested")
    return f"{registry.known_as or registry.prefix}/synapse-{name}@{told['digest']}"


async def pinned(session: Session) -> Finding:
    """Compare the images that others build with the pin file; a digest that is not known fails it.

    So does a platform that no gate can run: the first step is to tell of it. Raises StepError.
    """
    tested = await tell_tested(session)
    told = await synapse_here(session, *pins()[1:])
    return Finding(f"{told['references']} references to pinned images, each with its digest{tested}")


async def rehearse(session: Session) -> Finding:
    """Publish to a registry that lives as long as the run."""
    place = machine(session).with_env_variable("SYNAPSE_SUITE", f"registry-{session.run_id}")
    served = ["docker-registry", "serve", "/work/deploy/dagger/registry.yml"]
    place = place.with_exposed_port(5000)
    async with kept_running(session, "rehearse", "registry", place, served) as service:
        return await publish(session, Registry("registry:5000", plain=True, service=service), ("rehearsal",))


def registry_at(session: Session, prefix: str, *, plain: bool) -> Registry:
    """Return the registry with its login; one on this machine's loopback is brought into the network."""
    parts = urlsplit(f"{'http' if plain else 'https'}://{prefix}")
    login = registry_login(session)
    if parts.hostname not in LOOPBACK:
        return Registry(prefix, plain=plain, login=login)
    port = port_of(parts)
    service = server_here(session, port)
    return Registry(
        f"registry:{port}{parts.path}", plain=plain, login=login, service=service, known_as=prefix
    )


def registry_login(session: Session) -> dagger.Secret | None:
    """Return the login as a secret of the engine, when the environment holds one."""
    return session.client.secret(f"env://{LOGIN}") if session.environ.get(LOGIN) else None
