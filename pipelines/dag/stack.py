"""The stack of one suite in ephemeral containers: Redis, the backend, nginx with the page, and `ops`."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex

import anyio
import dagger

from pipelines.dag.composed import PRODUCTION, Service, services
from pipelines.dag.logs import Logs, command, left_on_failure, logs_of
from pipelines.dag.own import Own, beside_server
from pipelines.dag.services import quietly_stop, start
from pipelines.dag.session import Session
from pipelines.dag.source import file_of

_PORTS = {"redis": 6379, "backend": 8000, "frontend": 8080}
_INHERITED = {"frontend": 80}
"""What a base image exposes and nothing listens at: the engine would wait for it without end."""
_PLACE = {
    "/etc/nginx/place.conf": "deploy/dagger/place.conf",
    "/etc/nginx/trusted/upstream.conf": "deploy/dagger/upstream.conf",
}
_COMMANDS = {
    "redis": (),
    "backend": ("gunicorn", "--config", "python:app.config.gunicorn"),
    "frontend": ("nginx", "-e", "stderr", "-g", "daemon off;"),
}
"""What the Dockerfiles run: said again, because the engine tells it only when the image is built."""


@dataclass(frozen=True, slots=True)
class Images:
    """The images that a stack is made of."""

    backend: dagger.Container
    ops: dagger.Container
    frontend: dagger.Container


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack; `label` tells it from others, which would be the same services otherwise."""

    session: Session
    label: str
    redis: dagger.Service
    backend: dagger.Service
    frontend: dagger.Service
    ops: dagger.Container
    secrets: Mapping[str, dagger.Secret]
    logs: Logs
    made_of: tuple[dagger.Container, ...]

    @property
    def services(self) -> Mapping[str, dagger.Service]:
        """The services by their names, each after those that it needs."""
        return {"redis": self.redis, "backend": self.backend, "frontend": self.frontend}

    def beside(self, container: dagger.Container) -> dagger.Container:
        """Return a container that reaches the services by their names."""
        return (
            container.with_service_binding("redis", self.redis)
            .with_service_binding("backend", self.backend)
            .with_service_binding("frontend", self.frontend)
        )

    def let_in(self, container: dagger.Container) -> dagger.Container:
        """Return a container of root's that holds the stack's secrets as files."""
        for name, secret in self.secrets.items():
            container = container.with_mounted_secret(f"/run/secrets/{name}", secret)
        return container


@asynccontextmanager
async def running_stack(
    session: Session, images: Images, label: str, own: Own | None = None
) -> AsyncIterator[Stack]:
    """Run a stack, and end it; whatever fails meanwhile, its services' logs are exported first.

    `own` are further settings of the backend and of `ops`, and the embedding server.
    Its end is waited for also when the step is out of time or interrupted.
    Raises StepError when a service does not get healthy.
    """
    stack = _described(session, images, label, own or Own())
    try:
        async with left_on_failure(stack.logs):
            await _started(stack)
            yield stack
    finally:
        # Side by side: one that never came up ends only when what it needs is gone.
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as group:
                for name, service in stack.services.items():
                    group.start_soon(quietly_stop, session, f"{name} of {label}", service)


async def _started(stack: Stack) -> None:
    for image in stack.made_of:
        await image.sync()  # else the time to build or pull it would be that of the start
    for name, service in stack.services.items():
        await start(stack.session, name, service, str(stack.logs.place))


def _settings(session: Session) -> dict[str, str]:
    """Return what the compose files are filled with: names of images, and nothing of this machine's stack."""
    named = {name: value for name, value in session.environ.items() if name.endswith("_IMAGE")}
    return {**named, "ALLOWED_HOSTS": "localhost,frontend"}


def _described(session: Session, images: Images, label: str, own: Own) -> Stack:
    client = session.client
    told = services(session.folder, PRODUCTION, _settings(session))
    secrets = {
        name: client.set_secret(f"{name}-{label}-{session.run_id}", token_hex(24))
        for name in ("redis_password", "api_token")
    }
    keys = secrets if own.key is None else {**secrets, "embedding_api_key": own.key}
    data = client.cache_volume(f"synapse-data-{label}-{session.run_id}", owner="1000:1000")
    logs = logs_of(session, label, images.ops, {name: told[name].user for name in _PORTS})

    def service(name: str, container: dagger.Container) -> dagger.Service:
        return _service(session, label, told[name], logs.kept(name, container), keys)

    server = client.container().from_(told["redis"].image)
    redis = service("redis", server)
    with_data = _set(images.backend, own).with_mounted_cache("/app/data", data, owner="1000:1000")
    with_data = beside_server(own, with_data)
    backend = service("backend", with_data.with_service_binding("redis", redis))
    placed = images.frontend
    for target, source in _PLACE.items():
        placed = placed.with_file(target, file_of(session, source))
    frontend = service("frontend", placed.with_service_binding("backend", backend))
    ops = _prepared(session, told["ops"], _set(images.ops, own), secrets)
    ops = ops.with_mounted_cache("/app/data", data, owner="1000:1000")
    made_of = (server, images.backend, images.ops, images.frontend)
    return Stack(session, label, redis, backend, frontend, ops, secrets, logs, made_of)


def _set(container: dagger.Container, own: Own) -> dagger.Container:
    for name, value in own.settings.items():
        container = container.with_env_variable(name, value)
    return container


def _service(
    session: Session,
    label: str,
    told: Service,
    container: dagger.Container,
    secrets: Mapping[str, dagger.Secret],
) -> dagger.Service:
    """Return a service as compose runs it, with its output in a file and a probe of its port alone."""
    prepared = (
        _prepared(session, told, container, secrets)
        .without_docker_healthcheck()
        .with_env_variable("SYNAPSE_SUITE", f"{label}-{session.run_id}")
        .with_exposed_port(_PORTS[told.name])
    )
    if told.name in _INHERITED:
        prepared = prepared.without_exposed_port(_INHERITED[told.name])
    words = [*told.entrypoint, *_COMMANDS[told.name]]
    return prepared.as_service(args=command(told.name, words), no_init=False)


def _prepared(
    session: Session, told: Service, container: dagger.Container, secrets: Mapping[str, dagger.Secret]
) -> dagger.Container:
    """Return the container with the user, environment, files and secrets that compose gives it."""
    for name, value in told.environment.items():
        # An empty one is there to hide what .env says, and nothing of that is here.
        container = container.with_env_variable(name, value) if value else container
    for mount in told.files:
        container = container.with_file(mount.target, file_of(session, mount.source))
    for name in told.secrets:
        if name in secrets:
            container = container.with_mounted_secret(
                f"/run/secrets/{name}", secrets[name], owner=told.user, mode=0o400
            )
        else:  # a key of a model server: empty means none
            container = container.with_new_file(f"/run/secrets/{name}", "", permissions=0o444)
    return container.with_user(told.user) if told.user else container
