"""A restore of the stack in containers is shown before it is done, and undone when its result is not well."""

import json
from concurrent.futures import ThreadPoolExecutor

import redis

from pipelines.ops.restore import journal as journals
from tests.stack.deployment import Deployment
from tests.stack.running import add, held, stack
from tests.waiting import wait_until

__all__ = ["stack"]


def test_a_dry_run(stack: Deployment) -> None:
    """It says what is there and what would be, of each store, and changes neither them nor the backups."""
    with stack.redis() as client:
        saved = count(client)
        stack.ops("backup")
        client.set("later", 1)
    with stack.client() as client:
        add(client, "later")
    before, points = held(stack), sorted((stack.folder / "backups" / "points").iterdir())
    with stack.redis() as client:
        keys = count(client)
    plan = json.loads(stack.ops("restore", "latest", "--dry-run", "--json"))
    assert (plan["dry_run"], plan["done"]) == (True, False)
    changes = {one["what"]: one for one in plan["changes"]}
    assert changes["Redis"]["now"].startswith(f"{keys} keys,")
    assert changes["Redis"]["then"].startswith(f"{saved} keys,")
    (documents,) = (one for what, one in changes.items() if what != "Redis")
    assert documents["then"].startswith(f"{len(before.documents) - 1} documents,")
    assert held(stack) == before
    assert sorted((stack.folder / "backups" / "points").iterdir()) == points


def count(client: redis.Redis) -> int:
    """Count the keys of all databases."""
    return sum(int(database["keys"]) for database in client.info("keyspace").values())


def test_a_backend_that_hangs_is_no_good_result(stack: Deployment) -> None:
    """It hangs from the moment in which the restore begins to touch the data: the old data is back."""
    stack.ops("backup")
    with stack.redis() as client:
        client.set("later still", 1)
    with stack.client() as client:
        add(client, "later-still")
    before = held(stack)
    with ThreadPoolExecutor(1) as pool:
        restore = pool.submit(stack.ops, "restore", "latest", "--yes", code=1)
        try:
            wait_until(lambda: restore.done() or journals.read(stack.folder / "data"), "it begins")
            stack.engine.docker("pause", "synapse_backend")
            said = " ".join(restore.result().split())
        finally:
            stack.engine.docker("unpause", "synapse_backend", check=False)
    assert "The running backend does not serve the restored documents. The old data is back." in said
    wait_until(lambda: stack.healthy("synapse_backend"), "the backend is well again")
    assert held(stack) == before
