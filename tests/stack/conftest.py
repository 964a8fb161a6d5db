"""Fixtures of the tests that run containers: one engine, its base images, the product's images."""

from collections.abc import Callable, Iterator

import pytest

from tests.stack.compose import compose_command
from tests.stack.engine import Engine, NoEngineError, engine, own_engine_beside
from tests.stack.images import IMAGES, build_images, hand_over
from tests.stack.standins import NAMES, lay_standins
from tests.unchecked import not_checked

_FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture(scope="session")
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return what states a figure, for the summary of the run; no test asserts one."""
    return request.config.stash.setdefault(_FIGURES, []).append


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config
) -> None:
    """Print the figures that tests have stated."""
    del exitstatus
    figures = config.stash.get(_FIGURES, [])
    if figures:
        terminalreporter.section("figures")
    for one in figures:
        terminalreporter.write_line(one)


@pytest.fixture(scope="session")
def bare_engine() -> Iterator[Engine]:
    """Run an engine with the base images; say why where there can be none."""
    try:
        with engine() as found:
            compose_command()
            lay_standins(found)
            yield found
    except NoEngineError as error:
        not_checked(f"no container was run: {error}")


@pytest.fixture(scope="session")
def docker(bare_engine: Engine) -> Engine:
    """Return an engine that has the product's images."""
    build_images(bare_engine)
    return bare_engine


@pytest.fixture(scope="session")
def newer(docker: Engine) -> Engine:
    """Return an engine that knows `start_interval`; say why where there is none."""
    if not docker.probes_starts:
        not_checked(f"`start_interval`, no engine but {docker.version()} can be had")
    return docker


@pytest.fixture(scope="session")
def older(docker: Engine) -> Iterator[Engine]:
    """Run an engine that refuses `start_interval`, with the images; say why without one."""
    if not docker.probes_starts:
        yield docker
        return
    try:
        with own_engine_beside() as found:
            if found.probes_starts:
                not_checked(f"an older engine, this machine has {found.version()}")
            hand_over(docker, found, [*(IMAGES.keys() - {"synapse-ops"}), NAMES["redis"]])
            yield found
    except NoEngineError as error:
        not_checked(f"an older engine: {error}")
