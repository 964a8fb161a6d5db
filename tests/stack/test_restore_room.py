"""A restore in containers that has no room: on the disk of the documents, in the memory of Redis."""

from pathlib import Path

import pytest

from tests.disks import fill_up, small_disk
from tests.stack.engine import Engine
from tests.stack.running import fill, held, holders

MEGABYTE = 1 << 20


def test_a_full_disk(docker: Engine, tmp_path: Path) -> None:
    """The data disk has no room for the documents: refused before anything is touched."""
    (tmp_path / "small").mkdir()
    with (
        small_disk(tmp_path / "small", "size=8m,mode=777") as disk,
        holders(docker, tmp_path, f"DATA_DIR={disk}") as stack,
    ):
        fill(stack, documents=30)
        stack.ops("backup")
        before = held(stack)
        stuffing = fill_up(disk, leave=20_000)
        said = stack.ops("restore", "latest", "--yes", code=6)
        assert "bytes free" in said
        stuffing.unlink()
        assert held(stack) == before


@pytest.mark.parametrize(("megabytes", "fits"), [(150, True), (200, False)])
def test_a_full_redis_is_restored_or_refused(
    docker: Engine, tmp_path: Path, megabytes: int, *, fits: bool
) -> None:
    """Its 512 MB never kill it: what would not fit beside 250 MB of old data is refused untouched."""
    with holders(docker, tmp_path) as stack:
        fill(stack, keys=megabytes * 1000 // 10, size=9_900, documents=1)
        stack.ops("backup", "--no-verify", "--only", "redis")
        with stack.redis() as client:
            number = 0
            while client.info("memory")["used_memory"] < 245 * MEGABYTE:
                number += 1
                client.set(f"full:{number}", b"x" * 900_000)
            started = stack.started("synapse_redis")
            said = stack.ops("restore", "latest", "--yes", "--force", code=0 if fits else 6)
            assert bool(client.exists("full:1")) != fits
            assert fits or "the target may use" in said
        state = stack.inspect("synapse_redis")
        assert (state["State"]["StartedAt"], state["RestartCount"]) == (started, 0)
        assert not state["State"]["OOMKilled"]
