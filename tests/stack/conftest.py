"""Fixtures of the tests that run containers: one engine, its base images, the product's images."""

from collections.abc import Iterator

import pytest

from tests.stack.compose import compose_command
from tests.stack.engine import Engine, NoEngineError, engine
from tests.stack.images import build_images
from tests.stack.standins import lay_standins


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
