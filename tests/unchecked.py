"""What a test does when this machine lacks what it needs: it says so, and where all must run it fails."""

import os
from typing import NoReturn

import pytest

EVERYTHING = "SYNAPSE_TEST_ALL"
"""Set on a machine that can run every test: root, with container engines of its own."""
CI = "CI"
"""Set wherever nobody watches, also in a container of a pipeline, which may mount no disk."""


def not_checked(why: str, *fails_under: str) -> NoReturn:
    """Skip with the reason; fail where EVERYTHING is set, or one of the variables `fails_under`."""
    reason = f"NOT CHECKED: {why}"
    if any(os.environ.get(name) for name in (EVERYTHING, *fails_under)):
        pytest.fail(reason)
    pytest.skip(reason)
