"""An S3 server that lives as long as the run."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from secrets import token_hex

import dagger

from pipelines.dag.drills import Placed
from pipelines.dag.machine import machine
from pipelines.dag.services import kept_running
from pipelines.dag.session import Session

S3_SERVER = (".venv/bin/python", "-m", "tests.s3.program")
"""Builds the server on the machine of the tests."""
_URL = "s3://drill/points"
_NAMES = {"ACCESS": "AWS_ACCESS_KEY_ID", "SECRET": "AWS_SECRET_ACCESS_KEY"}
_COMMAND = ("build/versitygw", "--port", ":7070", "posix", "/srv/s3")


@asynccontextmanager
async def throw_away_bucket(session: Session, step: str) -> AsyncIterator[Placed]:
    """Run a server with a bucket; give how an `ops` container gets a repository in it. Raises StepError."""
    client = session.client
    secrets = {kind: client.set_secret(f"s3-{kind}-{session.run_id}", token_hex(16)) for kind in _NAMES}
    async with kept_running(session, step, "s3", _server(session, secrets), [*_COMMAND]) as server:
        yield _placing(server, secrets)


def _placing(server: dagger.Service, secrets: Mapping[str, dagger.Secret]) -> Placed:
    def placed(ops: dagger.Container) -> dagger.Container:
        reaching = ops.with_service_binding("s3", server).with_env_variable("SYNAPSE_REPOSITORY", _URL)
        reaching = reaching.with_env_variable("AWS_ENDPOINT_URL_S3", "http://s3:7070")
        reaching = reaching.with_env_variable("AWS_REGION", "us-east-1")
        for kind, name in _NAMES.items():
            reaching = reaching.with_secret_variable(name, secrets[kind])
        return reaching

    return placed


def _server(session: Session, secrets: Mapping[str, dagger.Secret]) -> dagger.Container:
    container = (
        machine(session)
        .with_exec([*S3_SERVER])
        .with_exec(["mkdir", "-p", "/srv/s3/drill"])
        .with_env_variable("SYNAPSE_SUITE", f"s3-{session.run_id}")
        .with_exposed_port(7070)
    )
    for kind, name in (("ACCESS", "ROOT_ACCESS_KEY"), ("SECRET", "ROOT_SECRET_KEY")):
        container = container.with_secret_variable(name, secrets[kind])
    return container
