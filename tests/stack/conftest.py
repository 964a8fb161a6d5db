"""Fixtures of the tests that run containers: one engine, its base images, the product's images."""

from collections.abc import Iterator

import pytest

from tests.stack.compose import compose_command
from tests.stack.engine import Engine, NoEngineError, engine, own_engine_beside
from tests.stack.images import IMAGES, build_images, hand_over
from tests.stack.standins import NAMES, lay_standins


@pytest.fixture(scope="session")
def bare_engine() -> Iterator[Engine]:
    """Run an engine with the base images; skip, and say why, where there can be none."""
    try:
        with engine() as found:
            compose_command()
            lay_standins(found)
            yield found
    except NoEngineError as error:
        pytest.skip(f"NOT CHECKED, no container was run: {error}")


@pytest.fixture(scope="session")
def docker(bare_engine: Engine) -> Engine:
    """Return an engine that has the product's images."""
    build_images(bare_engine)
    return bare_engine


@pytest.fixture(scope="session")
def newer(docker: Engine) -> Engine:
    """Return an engine that knows `start_interval`; skip, and say why, where there is none."""
    if not docker.probes_starts:
        pytest.skip(f"NOT CHECKED with start_interval: no engine but {docker.version()} can be had")
    return docker


@pytest.fixture(scope="session")
def older(docker: Engine) -> Iterator[Engine]:
    """Run an engine that refuses `start_interval`, with the images; skip, and say why, without one."""
    if not docker.probes_starts:
        yield docker
        return
    try:
        with own_engine_beside() as found:
            if found.probes_starts:
                pytest.skip(f"NOT CHECKED on an older engine: this machine has {found.version()}")
            hand_over(docker, found, [*(IMAGES.keys() - {"synapse-ops"}), NAMES["redis"]])
            yield found
    except NoEngineError as error:
        pytest.skip(f"NOT CHECKED on an older engine: {error}")
