"""A restore in containers that hangs, or whose servers are restarted: what others see, and what is left."""

import json
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import pytest
import redis

from app.stores.index.layout import restore_marker
from pipelines.ops.restore import journal as journals
from tests.stack.deployment import Deployment
from tests.stack.restoring import Restoring, restoring
from tests.stack.running import HOLDERS, Held, add, held, restart_redis, stack
from tests.waiting import wait_until

__all__ = ["stack"]

LATE = "was lost (this process was stopped for too long). The old data is back."
TRIES = 5


@dataclass(frozen=True)
class Kept:
    """A restore point, and what the stack held then."""

    point: str
    held: Held


@pytest.fixture(scope="module")
def kept(stack: Deployment) -> Kept:
    """Take one point for all tests."""
    return Kept(json.loads(stack.ops("backup", "--json"))["point"], held(stack))


@pytest.fixture
def present(stack: Deployment, kept: Kept) -> Iterator[Held]:
    """Change both stores, and see at the end that both take writes and nothing of a restore is left."""
    name = f"later-{secrets.token_hex(4)}"
    with stack.redis() as client:
        client.set(name, 1)
    with stack.client() as client:
        add(client, name)
    found = held(stack)
    assert found != kept.held
    yield found
    assert not restore_marker(stack.folder / "data").exists()
    with stack.redis() as client:
        assert client.set(f"written:{name}", 1)
    with stack.client() as client:
        add(client, f"written-{name}")


def write(stack: Deployment) -> bytes | None:
    """Write once no pause holds writes; return the key if that was acknowledged."""
    key = f"written:{secrets.token_hex(4)}".encode()
    with stack.redis() as client, suppress(redis.ReadOnlyError):
        # Held by a pause as a write is, and let through by a replica.
        client.publish("channel", "no pause")
        client.set(key, 1)
        return key
    return None


def answers(stack: Deployment) -> bool:
    """Say whether Redis answers."""
    with stack.redis() as client, suppress(redis.RedisError):
        return bool(client.ping())
    return False


def takes_no_document(stack: Deployment) -> None:
    """See that a client is told why, and is answered what it asks."""
    with stack.client() as client:
        refused = client.post("/api/documents", json={"id": "x", "title": "x", "text": "x"})
        assert refused.status_code == 503
        assert "A restore is under way" in refused.text
        assert client.get("/health").json()["state"] == "restoring"
        asked = {"question": "What is said?", "session_id": "hung"}
        client.post("/api/query", json=asked).raise_for_status()


def has(stack: Deployment, key: bytes) -> bool:
    """Say whether Redis holds a key."""
    with stack.redis() as client:
        return bool(client.exists(key))


def others_say_that_it_hangs(stack: Deployment) -> None:
    """See that they are refused with what ends it, once it has shown no life for a while."""
    os.utime(stack.folder / "data" / ".restore.lock", (0, 0))
    said = " ".join(stack.ops("backup", code=6).split())
    assert "Another restore into /app/data hangs: it has shown no life for" in said
    assert "`docker ps --filter name=ops-run` shows" in said


def until_paused(begun: Restoring) -> None:
    """Meet a restore that holds writes and has not touched the data."""
    begun.come_to(lambda: (journal := begun.journal()) and journal.safety)


def until_swapped(begun: Restoring) -> None:
    """Meet a restore whose data Redis holds and which lets no write in, so that it can still be put back."""
    with begun.stack.redis() as client:
        begun.come_to(lambda: client.info("replication").get("master_link_status") == "up")


def test_it_hangs_before_the_swap(stack: Deployment, kept: Kept, present: Held) -> None:
    """Writes of keys go through after the pause; continued, it says why it gives up, and they stay."""
    for _ in range(TRIES):
        with restoring(stack, kept.point) as begun:
            until_paused(begun)
            with begun.stopped():
                key = write(stack)
                takes_no_document(stack)
            said = begun.said()
        assert begun.process.returncode == 5, said
        assert LATE in said
        assert held(stack) == present
        if key is not None:  # else it was met a moment later, and had swapped
            assert has(stack, key)
            return
    pytest.fail("it was never met before the swap")


def test_it_is_frozen_after_the_swap_and_continued(stack: Deployment, kept: Kept, present: Held) -> None:
    """No write is let in until it goes on; then it puts the old data back and says why."""
    with restoring(stack, kept.point) as begun:
        until_swapped(begun)
        with begun.frozen():
            assert write(stack) is None
            takes_no_document(stack)
        said = begun.said()
    assert begun.process.returncode == 5, said
    assert LATE in said
    assert held(stack) == present


def test_it_is_frozen_after_the_swap_and_removed(stack: Deployment, kept: Kept, present: Held) -> None:
    """As the refusal of others says: then the next command finishes it."""
    with restoring(stack, kept.point) as begun:
        until_swapped(begun)
        with begun.frozen():
            assert write(stack) is None
            others_say_that_it_hangs(stack)
            stack.engine.docker("rm", "--force", begun.name)
        begun.said()
    said = stack.compose("run", "--rm", "-T", "ops", "verify", "--level", "1").stderr
    assert "An interrupted restore was found and finished." in said
    assert held(stack) == kept.held != present
    restart_redis(stack)
    assert held(stack) == kept.held


def test_redis_is_restarted_meanwhile(stack: Deployment, kept: Kept, present: Held) -> None:
    """Old or new, with the reason; what it took after its start stays."""
    with restoring(stack, kept.point) as begun:
        until_swapped(begun)
        with begun.stopped():  # else it might be over before Redis is
            stack.strike("synapse_redis", signal.SIGKILL)  # it takes no SIGTERM while it writes its first AOF
        wait_until(lambda: answers(stack), "Docker has started Redis again")
        key = write(stack)
        said = begun.said()
    assert begun.process.returncode == 5, said
    assert ("The new data had to stay." in said) != ("The old data is back." in said)
    wait_until(lambda: stack.healthy("synapse_backend"), "the backend has found Redis again")
    assert key is None or has(stack, key)
    assert held(stack) == (kept.held if "The new data had to stay." in said else present), said


def test_the_backend_is_restarted_meanwhile(stack: Deployment, kept: Kept, present: Held) -> None:
    """It opens what is in use when it comes: the restore goes well."""
    with restoring(stack, kept.point) as begun:
        until_paused(begun)
        stack.compose("restart", "backend")
        said = begun.said()
    assert begun.process.returncode == 0, said
    wait_until(lambda: stack.healthy("synapse_backend"), "the backend is there again")
    assert held(stack) == kept.held != present


def test_two_at_once(stack: Deployment, kept: Kept, present: Held) -> None:
    """The second is refused with the reason while the first prepares; that goes well."""
    with restoring(stack, kept.point) as begun:
        begun.come_to(lambda: journals.prepared(stack.folder / "data"))
        with begun.frozen():
            said = stack.ops("restore", kept.point, "--yes", code=6)
            assert "Another restore into /app/data is running." in said
            assert held(stack) == present
        said = begun.said()
    assert begun.process.returncode == 0, said
    assert held(stack) == kept.held


def test_under_another_password(stack: Deployment, kept: Kept, present: Held) -> None:
    """A point made before the password of Redis was changed is restored after it."""
    secret = stack.folder / "secrets" / "redis_password"
    before = stack.password
    secret.write_text(secrets.token_hex(24))
    stack.compose("restart", "redis", "backend")
    wait_until(lambda: all(stack.healthy(f"synapse_{name}") for name in HOLDERS), "both are well")
    with (
        redis.Redis(port=stack.ports["REDIS_PORT"], password=before) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()
    assert held(stack) == present
    stack.ops("restore", kept.point, "--yes")
    assert held(stack) == kept.held
    restart_redis(stack)
    assert held(stack) == kept.held
