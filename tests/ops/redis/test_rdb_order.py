"""The records of an RDB are ordered by their keys, whatever order the server had, and none is lost."""

import random
import shutil
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ops.capture.redis_wire import RedisWireCapture, capture_redis
from pipelines.ops.errors import DamagedError
from pipelines.ops.redis import aof
from pipelines.ops.redis.boot import Scratch
from pipelines.ops.redis.connection import call
from pipelines.ops.redis.digest import differences, digest
from pipelines.ops.redis.rdb_order import order_records
from pipelines.ops.redis.rdb_walk import UnknownRecordError, databases
from tests.capturing import booted
from tests.dataset import fill
from tests.servers import LiveServer, checked

SEED = 20261127


def test_every_type_is_ordered_and_loads(live: LiveServer, scratch: Scratch, tmp_path: Path) -> None:
    """A server that is booted on the ordered capture has what the live one has, checksum included."""
    fill(live, small_keys=5000)
    captured = capture_redis(live.address, tmp_path / "spool")
    captured.settle()
    base = captured.folder / aof.BASE
    keys = in_order(base)
    assert len(keys) == 3
    assert sum(map(len, keys)) > 5000
    if live.program.version.family == "redis":  # Valkey 9's checker does not know its own RDB mark
        checked(live.program, captured.folder / aof.MANIFEST)
    as_it_came = capture_redis(live.address, tmp_path / "as it came")
    own_save(live, as_it_came.folder / aof.BASE)
    with booted(captured, scratch) as ordered, booted(as_it_came, scratch) as unordered:
        assert differences(digest(unordered.database), digest(ordered.database)) == ()


def test_nothing_of_it_is_left_for_the_cut(live: LiveServer, tmp_path: Path) -> None:
    """The copy is ordered before: what was stored of it then need not be stored again while writes wait."""
    fill(live, small_keys=1000)
    with RedisWireCapture(live.address, tmp_path / "spool") as capture:
        copied = capture.wait_for_copy().read_bytes()
        assert capture.wait_for_copy().read_bytes() == copied
        captured = capture.cut()
    assert (captured.folder / aof.BASE).read_bytes() == copied
    assert in_order(captured.folder / aof.BASE)


def test_the_order_is_that_of_the_keys_alone(live: LiveServer, tmp_path: Path) -> None:
    """After all was written anew in another order, the records of strings are the same bytes."""
    names = [f"key:{number}" for number in range(3000)]
    rng = random.Random(SEED)
    made = []
    for turn in range(2):
        rng.shuffle(names)
        with live.client() as client:
            client.flushall()
            for name in names:
                client.set(name, f"value of {name}", pxat=4_000_000_000_000)
        captured = capture_redis(live.address, tmp_path / f"{turn}")
        captured.settle()
        made.append(records((captured.folder / aof.BASE).read_bytes()))
    assert made[0] == made[1]


def test_a_record_of_an_unknown_type_leaves_the_file_as_it_is(live: LiveServer, tmp_path: Path) -> None:
    """It is stored in the server's order; nothing is left at the target."""
    rdb = saved(live, tmp_path)
    data = bytearray(rdb.read_bytes())
    at = data.index(b"\x00\x03one")
    data[at] = 7
    data[-8:] = bytes(8)
    rdb.write_bytes(data)
    with pytest.raises(UnknownRecordError):
        order_records(rdb, tmp_path / "ordered")
    assert not (tmp_path / "ordered").exists()
    aof.lay_base(rdb, tmp_path / "base")
    assert (tmp_path / "base").read_bytes() == data


def test_a_flipped_bit_is_found_before_the_checksum_is_made_anew(live: LiveServer, tmp_path: Path) -> None:
    """Each flipped bit of a small RDB: damaged, never ordered as if nothing were."""
    rdb = saved(live, tmp_path)
    whole = rdb.read_bytes()
    for at in range(9, len(whole) - 8):
        rdb.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(DamagedError):
            order_records(rdb, tmp_path / "ordered")
    assert not (tmp_path / "ordered").exists()


@settings(max_examples=300)
@given(st.randoms(use_true_random=False), st.integers(0, 400))
def test_no_bytes_make_the_walk_run_away(rng: random.Random, length: int) -> None:
    """Whatever follows the head: it ends, or says that it does not know it."""
    data = b"REDIS0010\xfe\x00\xfb\x01\x00" + rng.randbytes(length) + b"\xff" + bytes(8)
    found: list[int] = []
    try:
        for _ in databases(data, lambda begin, _key: found.append(begin)):
            pass
    except UnknownRecordError:
        pass
    assert len(found) <= len(data)


def saved(live: LiveServer, tmp_path: Path) -> Path:
    """Return an RDB of a few keys as the server itself writes it."""
    with live.client() as client:
        client.mset({"one": "1st", "two": "2nd"})
        client.rpush("list", *range(5))
    return own_save(live, tmp_path / "saved.rdb")


def own_save(live: LiveServer, target: Path) -> Path:
    """Copy what the server saves itself, in its own order."""
    with live.client() as client:
        folder = Path(call(client, "CONFIG", "GET", "dir")[1].decode())
        name = call(client, "CONFIG", "GET", "dbfilename")[1].decode()
        call(client, "SAVE")
    return Path(shutil.copy(folder / name, target))


def in_order(rdb: Path) -> list[list[bytes]]:
    """Return the keys of each database; fail when they are not in the order of their hashes."""
    found: list[list[bytes]] = []
    keys: list[bytes] = []
    for _ in databases(rdb.read_bytes(), lambda _begin, key: keys.append(key)):
        found.append(keys[:])
        keys.clear()
    for some in found:
        hashes = [crc32(key) for key in some]
        assert hashes == sorted(hashes)
    return found


def records(data: bytes) -> bytes:
    """Return the bytes of all records of the only database."""
    (one,) = databases(data, lambda _begin, _key: None)
    return data[one.begin : one.end]


def test_large_values_are_not_gathered(live: LiveServer, tmp_path: Path) -> None:
    """Values of some blocks, among small ones, come through as they are."""
    with live.client() as client:
        for number in range(3):
            client.set(f"large:{number}", random.Random(SEED + number).randbytes(9 << 20))
            client.mset({f"small:{number}:{at}": at for at in range(500)})
    rdb = own_save(live, tmp_path / "saved.rdb")
    order_records(rdb, tmp_path / "ordered.rdb")
    assert (tmp_path / "ordered.rdb").stat().st_size == rdb.stat().st_size
    assert sum(map(len, in_order(tmp_path / "ordered.rdb"))) == 1503
    for number in range(3):
        value = random.Random(SEED + number).randbytes(9 << 20)
        assert value in (tmp_path / "ordered.rdb").read_bytes()


def test_one_that_is_too_large_stays_as_it_came(
    live: LiveServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its records would be read from all over a file that memory does not hold."""
    rdb = saved(live, tmp_path)
    whole = rdb.read_bytes()
    monkeypatch.setattr(aof, "MAX_ORDERED", len(whole) - 1)
    aof.lay_base(rdb, tmp_path / "base")
    assert (tmp_path / "base").read_bytes() == whole
