"""What a restore waits for, it waits for while writes go on."""

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from pipelines.ops.repository.condemned import put_record
from pipelines.ops.repository.guarding import Pace
from pipelines.ops.repository.times import Times
from pipelines.ops.restore.flow import restore
from tests.ops.restore.stack import PROGRAMS, stack


def test_a_prune_that_died_is_waited_for_before_writes_are_held(tmp_path: Path) -> None:
    """A client writes while it waits; then the restore goes on, and its safety point has that write."""
    with stack(tmp_path, min(PROGRAMS)) as one:
        written: list[int] = []

        def wait(seconds: float) -> None:
            with one.client() as client:
                written.append(client.incr("meanwhile"))
                assert not client.info("clients").get("paused_reason", "none").startswith("write")
            time.sleep(seconds)

        work = one.work()
        point = one.backup(work)
        work = replace(work, repository=replace(work.repository, pace=Pace(Times(turn=1.0), wait)))
        put_record(work.repository.store, "dead", datetime.now(UTC), ["condemned/unseen"])
        assert restore(work, point)
        assert written
        with one.client() as client:
            assert not client.exists("meanwhile")
        (safety,) = [ref for ref in work.repository.points() if ref.label == "safety"]
        assert restore(work, safety.id)
        with one.client() as client:
            assert int(client.get("meanwhile")) == written[-1]
