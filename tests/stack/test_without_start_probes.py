"""On an engine without `start_interval` too, a server that hangs comes back."""

import signal
from pathlib import Path

import redis

from tests.stack.deployment import QUICK, Deployment, deployed
from tests.stack.engine import Engine
from tests.waiting import wait_until


def test_a_hung_redis_comes_back(older: Engine, tmp_path: Path) -> None:
    """Stopped: a new start, and what it had written is there."""
    with deployed(older, tmp_path, QUICK) as made:
        made.up("redis")
        with made.redis() as client:
            client.set("kept", 1)
            wait_until(lambda: not client.info("persistence")["aof_buffer_length"], "it is in the file")
        first = made.started("synapse_redis")
        made.strike("synapse_redis", signal.SIGSTOP)
        wait_until(lambda: made.started("synapse_redis") != first, "it is started again", 120)
        wait_until(lambda: _holds(made, "kept"), "it serves again", 120)


def _holds(made: Deployment, key: str) -> bool:
    try:
        with made.redis() as client:
            return bool(client.exists(key))
    except redis.RedisError:
        return False
