"""The digest notices every change of the data and nothing else."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from pipelines.ops.redis.boot import Scratch
from pipelines.ops.redis.connection import call
from pipelines.ops.redis.digest import differences, digest
from pipelines.ops.redis.field_times import digest_value
from tests.capturing import captured_digest
from tests.dataset import FAR_MS, LIBRARY, fill, has_field_times
from tests.servers import LiveServer, info, started_again
from tests.waiting import wait_until

Change = Callable[[redis.Redis], object]


def _one_delivery_more(client: redis.Redis) -> object:
    pending = call(client, "XPENDING", "stream", "readers", "-", "+", 1)[0]
    return call(
        client,
        *("XCLAIM", "stream", "readers", pending[1], 0, pending[0]),
        *("TIME", int(time.time() * 1000) - int(pending[2]), "RETRYCOUNT", pending[3] + 1),
    )


CHANGES: dict[str, Change] = {
    "a byte of a value": lambda client: client.setrange("binary", 700, b"!"),
    "an item's place in a list": lambda client: client.rpoplpush("list", "list"),
    "a score": lambda client: client.zincrby("scores", 1e-9, "member 3"),
    "a field of a hash": lambda client: client.hset("hash", "field 3", "other"),
    "a member of a set": lambda client: client.srem(
        "words", "word 3", "word 4", "word 5", "word 6", "word 7"
    ),
    "a time to live": lambda client: client.pexpire("far", FAR_MS + 5000),
    "a key that stays now": lambda client: client.persist("far"),
    "an acknowledged entry": lambda client: client.xack("stream", "readers", *_pending(client)),
    "a delivery count": _one_delivery_more,
    "a group's place": lambda client: client.xgroup_setid("stream", "idle", "5-5"),
    "a group": lambda client: client.xgroup_destroy("stream", "idle"),
    "a consumer": lambda client: client.xgroup_createconsumer("stream", "readers", "another"),
    "an entry": lambda client: client.xadd("stream", {"n": "new"}),
    "the code of a function": lambda client: call(
        client, "FUNCTION", "LOAD", "REPLACE", LIBRARY.format(version=1) + " "
    ),
    "a function": lambda client: call(client, "FUNCTION", "LOAD", LIBRARY.format(version=2)),
    "a key in another database": lambda client: client.move("binary", 7),
    "a name": lambda client: client.rename("binary", "binary2"),
    "a type": lambda client: (client.delete("empty"), client.rpush("empty", "")),
    "a register of a HyperLogLog": lambda client: client.pfadd("visitors", *map(str, range(50))),
    "a missing key": lambda client: client.delete("nul\x00inside"),
    "a missing volatile key": lambda client: client.delete("far"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_noticed(live: LiveServer, change: Change) -> None:
    """Whatever changes, the digest of the server differs, and so it is said."""
    fill(live)
    before = digest(live.client)
    with live.client() as client:
        change(client)
    assert differences(before, digest(live.client)) != ()


def test_times_of_fields_are_noticed(live: LiveServer) -> None:
    """A field's value, its time, or that it stays now."""
    if not has_field_times(live):
        pytest.skip("this server gives fields no time to live")
    fill(live)
    with live.client() as client:
        for change in (
            ("HSET", "fading", "stays", "changed"),
            ("HPEXPIRE", "fading", FAR_MS + 5000, "FIELDS", 1, "ends"),
            ("HPERSIST", "fading", "FIELDS", 1, "ends"),
            ("HDEL", "fading", "later"),
        ):
            before = digest(live.client)
            call(client, *change)
            assert differences(before, digest(live.client)) != (), change


def test_an_ended_field_is_no_change(live: LiveServer) -> None:
    """Fields, and hashes of nothing but such fields, may go when their time has passed."""
    if not has_field_times(live):
        pytest.skip("this server gives fields no time to live")
    fill(live)
    with live.client() as client:
        client.hset("mixed", mapping={"stays": "1", "goes": "2"})
        call(client, "HPEXPIRE", "mixed", 1500, "FIELDS", 1, "goes")
        client.hset("all goes", mapping={"goes": "2"})
        call(client, "HPEXPIRE", "all goes", 1500, "FIELDS", 1, "goes")
        before = digest(live.client)
        wait_until(lambda: not client.exists("all goes") and client.hlen("mixed") == 1, "the fields end")
        assert differences(before, digest(live.client)) == ()


def test_the_digest_of_a_hash_is_the_servers(live: LiveServer) -> None:
    """What is computed here for hashes with volatile fields is what the server says of the others."""
    with live.client() as client:
        fields = [(b"field %d" % number, b"value %d" % number) for number in range(700)]
        client.hset("hash", mapping=dict(fields))
        assert call(client, "DEBUG", "DIGEST-VALUE", "hash") == [digest_value(fields, expires=False)]
        client.expire("hash", 1000)
        assert call(client, "DEBUG", "DIGEST-VALUE", "hash") == [digest_value(fields, expires=True)]


def test_what_is_no_change(live: LiveServer) -> None:
    """Another order, an ended key, a database that held only such keys, reads, idle consumers."""
    fill(live)
    with live.client() as client, live.client(9) as ninth:
        ninth.set("soon", "gone", px=1500)
        client.set("soon too", "gone", px=1500)
        client.mset({f"order:{number}": number for number in range(3000)})
        before = digest(live.client)
        dumped = {key: client.dump(key) for key in client.scan_iter(match="order:*")}
        client.delete(*dumped)
        for key in reversed(list(dumped)):
            client.restore(key, 0, dumped[key])
        wait_until(lambda: not ninth.dbsize() and not client.exists("soon too"), "the keys end")
        assert "db9" not in info(client, "keyspace")
        assert differences(before, digest(live.client)) == ()


def test_a_restart_is_no_change(live: LiveServer) -> None:
    """A server that has loaded its own AOF again has the same data in another order of its tables."""
    fill(live, small_keys=20_000)
    before = digest(live.client)
    with live.client() as client:
        client.shutdown(save=False)
    live.process.wait()
    with started_again(live) as again:
        wait_until(lambda: _loaded(again), "it has loaded")
        assert differences(before, digest(again.client)) == ()


def test_a_shrinking_table_counts_no_key_twice(live: LiveServer) -> None:
    """SCAN repeats keys while a table shrinks, as it does behind many deletions."""
    with live.client() as client:
        client.mset({f"key:{number}": number for number in range(300_000)})
        client.delete(*(f"key:{number}" for number in range(20_000, 300_000)))
        found = [digest(live.client) for _ in range(5)]
    assert {one.databases["0"] for one in found} == {20_000}
    assert len({one.persistent for one in found}) == 1


def test_no_digest_without_data(live: LiveServer, scratch: Scratch, tmp_path: Path) -> None:
    """An empty server has one too, and so has its capture."""
    assert differences(digest(live.client), captured_digest(live, scratch, tmp_path / "spool")) == ()


def test_progress_counts_every_key(live: LiveServer) -> None:
    """All keys of all databases are told once."""
    fill(live)
    told: list[int] = []
    digest(live.client, told.append)
    with live.client() as client:
        assert sum(told) == sum(counts["keys"] for counts in info(client, "keyspace").values())


def _pending(client: redis.Redis) -> list[bytes]:
    return [entry[0] for entry in call(client, "XPENDING", "stream", "readers", "-", "+", 1)]


def _loaded(server: LiveServer) -> bool:
    try:
        with server.client() as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
