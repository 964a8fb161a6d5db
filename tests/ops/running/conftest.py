"""One stack with a proven restore point behind it and other data in it, per server program."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.ops.redis.programs import installed_programs
from tests.ops.running.stack import Stack, fill

PROGRAMS = {program.version.family: program for program in installed_programs()}


@pytest.fixture(params=sorted(PROGRAMS))
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """Start a stack that holds `new` data, after a restore point of its `old` data."""
    one = Stack(PROGRAMS[request.param], tmp_path)
    try:
        one.start()
        fill(one.client(), "point")
        one.add_document("in-the-point")
        one.run("backup")
        one.client().flushall()
        fill(one.client(), "present")
        one.add_document("added-later")
        yield one
    finally:
        one.kill()
