"""A project to run jobs in."""

from pathlib import Path

import pytest

from tests.dag.recording.project import Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a throw-away project of the test's own."""
    return Project(tmp_path)
