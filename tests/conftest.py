"""Fixtures for every test that needs a real Redis-compatible server: each test runs against both families."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.ops.redis.boot import Scratch
from pipelines.ops.redis.programs import ServerProgram
from tests.servers import PROGRAMS, LiveServer, live_server


@pytest.fixture(params=["redis", "valkey"])
def program(request: pytest.FixtureRequest) -> ServerProgram:
    """Return the server program of each family that this machine has."""
    if request.param not in PROGRAMS:
        pytest.skip(f"no {request.param} server on this machine")
    return PROGRAMS[request.param]


@pytest.fixture
def live(program: ServerProgram, tmp_path: Path) -> Iterator[LiveServer]:
    """Run an empty server for one test."""
    with live_server(program, tmp_path / "live") as server:
        yield server


@pytest.fixture
def scratch(tmp_path: Path) -> Scratch:
    """Return room for scratch servers of every family."""
    root = tmp_path / "scratch"
    root.mkdir()
    return Scratch(tuple(PROGRAMS.values()), root)
