"""Two operators with data folders of their own on one Redis: neither ends the pause of the other."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import pytest
import redis

from pipelines.ops.context import Context
from pipelines.ops.errors import RefusedError
from pipelines.ops.redis.digest import differences
from pipelines.ops.reporting import Stopwatch
from pipelines.ops.restore import journal as journals
from pipelines.ops.restore.claim import NAME, check_free, claimed
from pipelines.ops.restore.flow import restore
from pipelines.ops.restore.recover import recover
from tests.ops.restore.stack import Stack, stack
from tests.ops.restore.test_at_once import Meanwhile, refused
from tests.waiting import wait_until

STEPS = (
    "Boot the point in a scratch server",
    "Copy the present data of Redis for the safety point",
    "Swap the data of Redis",
    "Compare it with the point",
)


@pytest.fixture(params=["redis", "valkey"])
def one(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """Run a server with some keys."""
    with stack(tmp_path, request.param) as made:
        with made.client() as client:
            client.mset({f"key:{number}": number for number in range(1000)})
        yield made


def other(one: Stack) -> Context:
    """Return what another operator works with: the same Redis and repository, a data folder of its own."""
    return one.work(
        DATA_DIR=str(one.root / "other-data"), SYNAPSE_SCRATCH_DIR=str(one.root / "other-scratch")
    )


def names(one: Stack) -> dict[str, str]:
    """Return the last command of each connection that bears a name, by that name."""
    with one.client() as client:
        return {peer["name"]: peer["cmd"] for peer in client.client_list() if peer["name"]}


@pytest.mark.parametrize("step", STEPS)
def test_a_second_restore_is_refused(one: Stack, step: str) -> None:
    """Whatever the first is doing; that goes well, and then the other may."""
    work = one.work()
    expected = one.digest(work)
    point = one.backup(work)
    attempt = refused(lambda: restore(other(one), point), "Another restore into")
    watched = replace(work, watch=Stopwatch(Meanwhile(step, attempt), perf_counter))
    assert restore(watched, point)
    assert differences(expected, one.digest(work)) == ()
    assert names(one) == {}
    assert restore(other(one), point)


def test_an_interrupted_restore_is_not_ended_while_another_runs(one: Stack) -> None:
    """Its end would let writes in; it waits until the other is done."""
    work, mine = one.work(), other(one)
    point = one.backup(work)
    address = work.settings.redis
    swap = journals.RedisSwap(
        host=address.host, port=address.port, master_port=1, configuration={}, marker="synapse_restore_x"
    )
    journals.write(mine.data_dir, journals.Journal(restore="x", point=point, swap=swap))
    attempt = refused(lambda: recover(mine), "Another restore into")
    watched = replace(work, watch=Stopwatch(Meanwhile("Compare it with the point", attempt), perf_counter))
    assert restore(watched, point)
    assert recover(mine) == "undone"


def test_of_two_at_the_same_time_the_first_goes_on(one: Stack) -> None:
    """Exactly one has the right, and it ends with the block."""
    address = one.work().settings.redis
    with claimed(address):
        for _ in range(2):
            with pytest.raises(RefusedError, match="Another restore"), claimed(address):
                pass
        with pytest.raises(RefusedError):
            check_free(address)
    check_free(address)


def test_a_dead_restore_has_no_claim(one: Stack) -> None:
    """A kill leaves nothing in the server that keeps others out."""
    work = one.work()
    point = one.backup(work)
    with one.restoring(point) as process:
        wait_until(lambda: NAME in names(one), "the restore has begun")
        process.kill()
        process.wait()
    wait_until(lambda: NAME not in names(one), "the server has noticed")
    recover(work)
    assert restore(other(one), point)


def test_a_claim_outlives_what_the_server_calls_idle(one: Stack) -> None:
    """It speaks by itself."""
    with claimed(one.work().settings.redis):
        wait_until(lambda: names(one)[NAME].startswith("client|id"), "it has spoken")


def test_a_server_that_dies_takes_the_claim_along(one: Stack) -> None:
    """Nothing is raised but what the restore itself meets."""
    with claimed(one.work().settings.redis), suppress(redis.RedisError):
        one.kill()
    one.start()
    check_free(one.work().settings.redis)
