"""Keys whose time ends while a restore swaps: each would be a write that no paused target takes."""

import secrets
import time
from pathlib import Path

import pytest

from pipelines.ops.restore.flow import restore
from tests.ops.restore.stack import PROGRAMS, stack
from tests.waiting import wait_until

_BIG = 16 << 20
_ENDING = 60_000
_BEGIN_MS = 2_000


@pytest.mark.parametrize("family", sorted(PROGRAMS))
def test_keys_that_end_meanwhile_do_not_stop_it(tmp_path: Path, family: str) -> None:
    """One ends in each millisecond from before the swap until long after it; what stays is all there."""
    with stack(tmp_path, family) as one:
        work = one.work()
        with one.client() as client:
            for number in range(10):  # so much that the transfer lasts
                client.set(f"stays:{number}", secrets.token_bytes(_BIG))
            first = int(time.time() * 1000) + _BEGIN_MS
            pipe = client.pipeline(transaction=False)
            for number in range(_ENDING):
                pipe.set(f"ends:{number}", "v", pxat=first + number)
            pipe.execute()
        point = one.backup(work)
        with one.client() as client:
            client.flushall()
        assert restore(work, point)
        with one.client() as client:
            assert client.exists(*(f"stays:{number}" for number in range(10))) == 10
            assert client.exists(f"ends:{_ENDING - 1}")
            wait_until(lambda: not client.exists("ends:0"), "the target ends keys again")
            # Not only where somebody asks for them.
            left = client.dbsize()
            wait_until(lambda: client.dbsize() < left, "and does so by itself")
