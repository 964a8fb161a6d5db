"""After a restore into an empty stack, everything that the drill had written is there."""

import json
import os
from pathlib import Path

import pytest

from tests.served.filling import seen
from tests.served.site import Served

NOTE = os.environ.get("SYNAPSE_TEST_NOTE", "")


@pytest.mark.skipif(not NOTE, reason="this stack was not filled by a drill")
def test_everything_is_back(site: Served) -> None:
    """Documents, passages, the session's turns and the keys, as they were noted before."""
    noted = json.loads(Path(NOTE).read_text())
    assert noted["documents"] > 0
    assert noted["keys"] > 0
    assert seen(site) == noted
