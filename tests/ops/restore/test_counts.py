"""Key counts of the cut: a point that boots with other keys than its manifest says is not restored."""

from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.ops.backup import store
from pipelines.ops.capture.redis_wire import capture_redis
from pipelines.ops.errors import DamagedError
from pipelines.ops.model import KeyCount
from pipelines.ops.redis.facts import Keyspace
from pipelines.ops.restore.flow import restore
from tests.ops.restore.stack import stack


@pytest.mark.parametrize(
    ("counted", "said"),
    [
        (KeyCount(keys=4, expires=0), "3 persistent keys instead of 4"),
        (KeyCount(keys=2, expires=0), "3 persistent keys instead of 2"),
        (KeyCount(keys=3, expires=1), "3 persistent keys instead of 2"),
    ],
)
def test_a_point_that_boots_with_other_keys(tmp_path: Path, counted: KeyCount, said: str) -> None:
    """It is refused before the target is touched."""
    with stack(tmp_path, "valkey") as one:
        work = one.work()
        with one.client() as client:
            client.mset({"a": 1, "b": 2, "c": 3})
        with work.spool("forged") as spool:
            cut = capture_redis(work.settings.redis, spool)
            forged = Keyspace(cut.replid, cut.offset, {"0": counted})
            ref = store(work, replace(cut, counts=forged), None, started=work.now(), label="backup")
        with one.client() as client:
            client.set("later", 1)
        before = one.state()
        with pytest.raises(DamagedError, match=said):
            restore(work, ref.id)
        assert one.state() == before
        with one.client() as client:
            assert client.exists("later")
