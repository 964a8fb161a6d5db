"""Redis as the stack runs it: the promised settings, and what goes first when its memory is full."""

import os
from collections.abc import Iterator

import pytest

from tests.stack.deployment import Deployment
from tests.stack.engine import Engine
from tests.stack.running import holders

MEGABYTE = 1 << 20
PROMISED = {
    "appendonly": "yes",
    "appendfsync": "everysec",
    "appenddirname": "appendonlydir",
    "save": "",
    "maxmemory": str(256 * MEGABYTE),
    "maxmemory-policy": "volatile-lru",
}


@pytest.fixture(scope="module")
def stack(docker: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run Redis and the backend."""
    with holders(docker, tmp_path_factory.mktemp("redis")) as made:
        yield made


def test_it_has_the_promised_settings(stack: Deployment) -> None:
    """As the server itself tells them."""
    with stack.redis() as client:
        assert {name: client.config_get(name)[name] for name in PROMISED} == PROMISED


def test_what_is_cached_goes_before_a_session(stack: Deployment) -> None:
    """More than its memory holds is written with a time to live: the session is whole, writes go through."""
    with stack.client() as client:
        asked = {"question": "What is kept?", "session_id": "kept"}
        client.post("/api/query", json=asked).raise_for_status()
        session = client.get("/api/sessions/kept").raise_for_status().json()
        with stack.redis() as memory:
            for number in range(320):
                memory.set(f"cached:{number}", os.urandom(MEGABYTE), ex=3600)
            assert memory.info("stats")["evicted_keys"] > 0
            assert memory.exists("cached:319")
        assert client.get("/api/sessions/kept").raise_for_status().json() == session
    state = stack.inspect("synapse_redis")
    assert (state["RestartCount"], state["State"]["OOMKilled"]) == (0, False)
