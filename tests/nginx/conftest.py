"""Fixtures of the tests with a real nginx; without one they are skipped, and say so."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nginx.echo import Echo, echo
from tests.nginx.front import Front, front
from tests.nginx.pages import lay_page
from tests.nginx.programs import PROGRAMS

NO_NGINX = "no nginx on this machine: install it (Debian: apt-get install nginx)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what needs nginx where there is none."""
    if not PROGRAMS:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=NO_NGINX))


@pytest.fixture(scope="module")
def backend() -> Iterator[Echo]:
    """Run a backend that tells what reached it."""
    with echo() as backend:
        yield backend


@pytest.fixture(scope="module", params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> Path:
    """Return each nginx of this machine."""
    return PROGRAMS[request.param]


@pytest.fixture(scope="module")
def web(backend: Echo, program: Path) -> Iterator[Front]:
    """Run nginx with a small page before that backend."""
    with front(backend.port, program=program) as running:
        lay_page(running.page)
        yield running
