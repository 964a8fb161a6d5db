"""Backups of the hand-made kind become restore points that boot, and hostile archives are refused."""

import io
import tarfile
from pathlib import Path

import pytest

from pipelines.ops.capture.aof_arranged import CapturedAof
from pipelines.ops.capture.faiss_proof import prove_faiss
from pipelines.ops.capture.legacy import import_faiss, import_redis
from pipelines.ops.errors import DamagedError, NothingError
from pipelines.ops.redis.programs import ServerProgram
from pipelines.ops.redis.rdb_order import order_records
from tests.ops.capture.examples import source_of
from tests.ops.capture.servers import PROGRAMS, check, rewrite, running
from tests.ops.faiss.examples import write_example

SET = b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$5\r\nvalue\r\n"
AOF = ("--appendonly", "yes", "--aof-load-truncated", "no")


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> ServerProgram:
    """Import for each server program of this machine."""
    return PROGRAMS[request.param]


@pytest.fixture
def rdb(tmp_path: Path, program: ServerProgram) -> Path:
    """Save an RDB that holds `rdb`, and a value that looks like the end of one with a command behind it."""
    with running(program, tmp_path / "saved") as client:
        client.set("rdb", "1")
        client.set("looks", b"\xff" + b"12345678" + SET)
        client.save()
    return tmp_path / "saved" / "dump.rdb"


def keys(program: ServerProgram, captured: CapturedAof, spool: Path) -> list[bytes]:
    """Boot an import and list its keys."""
    check(program, captured.files[-1][1], spool / "bin")
    with running(program, spool, *AOF) as client:
        found: list[bytes] = sorted(client.keys())
        return found


def test_bare_rdb_under_the_name_of_an_aof(tmp_path: Path, program: ServerProgram, rdb: Path) -> None:
    """An RDB is one, whatever it is called."""
    backup = rdb.rename(tmp_path / "redis-20240101.aof")
    captured = import_redis(backup, tmp_path / "spool")
    assert captured.header
    assert captured.header.server == program.version.family
    assert keys(program, captured, tmp_path / "spool") == [b"looks", b"rdb"]
    assert captured.notes == ("imported from redis-20240101.aof",)


def test_commands_behind_an_rdb(tmp_path: Path, program: ServerProgram, rdb: Path) -> None:
    """An AOF with an RDB before it is split where the RDB ends, not where a value looks like it."""
    backup = tmp_path / "redis-1.aof"
    backup.write_bytes(rdb.read_bytes() + SET + SET[:10])
    captured = import_redis(backup, tmp_path / "spool")
    order_records(rdb, tmp_path / "ordered")
    assert captured.files[0][1].read_bytes() == (tmp_path / "ordered").read_bytes()
    assert captured.files[1][1].read_bytes() == SET
    assert "the last 10 bytes" in captured.notes[1]
    assert keys(program, captured, tmp_path / "spool") == [b"key", b"looks", b"rdb"]


def test_old_plain_aof(tmp_path: Path, program: ServerProgram) -> None:
    """Commands alone become the base."""
    (tmp_path / "redis-1.aof").write_bytes(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n" + SET)
    captured = import_redis(tmp_path / "redis-1.aof", tmp_path / "spool")
    assert captured.header is None
    assert keys(program, captured, tmp_path / "spool") == [b"key"]


def test_aof_that_a_server_wrote_over_an_rdb(tmp_path: Path, program: ServerProgram) -> None:
    """Base and increment of a server, joined into one file as Redis 6 did, are imported."""
    with running(program, tmp_path / "live", *AOF) as client:
        client.set("base", "1")
        rewrite(client)
        client.set("later", "1")
    base, increment = (next((tmp_path / "live").glob(f"*/*.{kind}.*")) for kind in ("base", "incr"))
    (tmp_path / "redis-1.aof").write_bytes(base.read_bytes() + increment.read_bytes())
    captured = import_redis(tmp_path / "redis-1.aof", tmp_path / "spool")
    assert keys(program, captured, tmp_path / "spool") == [b"base", b"later"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04", "neither an AOF nor an RDB"),
        (b"REDIS0010\xfa\x09redis-ver\x067.0.15", "its RDB does not end"),
        (b"*3\r\n$3\r\nSET\r\nnonsense that goes on", "13 are no command"),
    ],
)
def test_no_backup(tmp_path: Path, content: bytes, said: str) -> None:
    """What cannot be restored is refused with the reason."""
    (tmp_path / "redis-1.aof").write_bytes(content)
    with pytest.raises(DamagedError, match=said):
        import_redis(tmp_path / "redis-1.aof", tmp_path / "spool")


def test_missing(tmp_path: Path) -> None:
    """A name that is wrong is said."""
    with pytest.raises(NothingError, match=r"redis-1\.aof"):
        import_redis(tmp_path / "redis-1.aof", tmp_path / "spool")
    with pytest.raises(NothingError, match=r"faiss\.tar\.gz"):
        import_faiss(tmp_path / "faiss.tar.gz", tmp_path / "spool")


@pytest.fixture
def index(tmp_path: Path) -> bytes:
    """Return a FAISS file's content."""
    write_example(tmp_path / "one.index", "HNSW16")
    return (tmp_path / "one.index").read_bytes()


def archive(path: Path, *members: tuple[tarfile.TarInfo | str, bytes]) -> Path:
    """Pack an archive of members that need not exist."""
    with tarfile.open(path, "w:gz") as tar:
        for given, content in members:
            member = tarfile.TarInfo(given) if isinstance(given, str) else given
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def test_indexes(tmp_path: Path, index: bytes) -> None:
    """FAISS files are loaded and get canaries, others are kept as they are, and all of it is proven."""
    packed = archive(
        tmp_path / "faiss-indexes-1.tar.gz",
        ("./data/faiss_indexes/docs.index", index),
        ("/data/faiss_indexes/docs.json", b"{}"),
        ("data/faiss_indexes/notes.index", b"no index"),
    )
    captured = import_faiss(packed, tmp_path / "spool")
    assert [name for name, _ in captured.files] == [
        "data/faiss_indexes/docs.index",
        "data/faiss_indexes/docs.json",
        "data/faiss_indexes/notes.index",
    ]
    (facts,) = captured.indexes
    assert (facts.path, facts.index_type) == ("data/faiss_indexes/docs.index", "HNSWFlat[M=16]")
    assert "notes.index" in captured.notes[1]
    assert prove_faiss(tmp_path / "spool", source_of(captured)).problems == ()


def test_links_and_devices_are_left_out(tmp_path: Path, index: bytes) -> None:
    """A link to outside is not made, nor followed."""
    link, device = tarfile.TarInfo("link"), tarfile.TarInfo("null")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    device.type = tarfile.CHRTYPE
    packed = archive(tmp_path / "a.tar.gz", (link, b""), (device, b""), ("link/a.index", index))
    captured = import_faiss(packed, tmp_path / "spool")
    assert [name for name, _ in captured.files] == ["link/a.index"]
    assert len(captured.notes) == 3


@pytest.mark.parametrize("name", ["../a.index", "a/../../b.index", "a\\..\\b.index", "a\nb.index"])
def test_climbing(tmp_path: Path, index: bytes, name: str) -> None:
    """A member that leads out makes the archive refused."""
    with pytest.raises(DamagedError, match="leads out"):
        import_faiss(archive(tmp_path / "a.tar.gz", (name, index)), tmp_path / "spool")


def test_file_that_is_a_folder_too(tmp_path: Path, index: bytes) -> None:
    """Members that contradict each other are refused."""
    packed = archive(tmp_path / "a.tar.gz", ("a", b"x"), ("a/b.index", index))
    with pytest.raises(DamagedError, match="a file and a folder"):
        import_faiss(packed, tmp_path / "spool")


def test_bomb(tmp_path: Path, index: bytes) -> None:
    """An archive that unpacks to more than allowed is stopped on the way, also behind its end."""
    packed = archive(tmp_path / "a.tar.gz", ("a.index", index), ("zeros", bytes(10_000_000)))
    with pytest.raises(DamagedError, match="more than 1000000 bytes"):
        import_faiss(packed, tmp_path / "spool", most=1_000_000)


@pytest.mark.parametrize("kept", [slice(0), slice(30), slice(5000), slice(-4)])
def test_cut_archive(tmp_path: Path, index: bytes, kept: slice) -> None:
    """An archive that was not copied whole is damaged, even when only its sum is missing."""
    packed = archive(tmp_path / "a.tar.gz", ("a.index", index))
    packed.write_bytes(packed.read_bytes()[kept])
    with pytest.raises(DamagedError, match=r"a\.tar\.gz"):
        import_faiss(packed, tmp_path / "spool")


def test_flipped_bit(tmp_path: Path, index: bytes) -> None:
    """An archive has a sum, and it is looked at."""
    packed = archive(tmp_path / "a.tar.gz", ("a.index", index))
    content = bytearray(packed.read_bytes())
    content[len(content) // 2] ^= 4
    packed.write_bytes(content)
    with pytest.raises(DamagedError, match="damaged"):
        import_faiss(packed, tmp_path / "spool")


def test_nothing_that_loads(tmp_path: Path) -> None:
    """An archive without an index is no backup of indexes."""
    with pytest.raises(DamagedError, match="holds no FAISS file"):
        import_faiss(archive(tmp_path / "a.tar.gz", ("a.txt", b"x")), tmp_path / "spool")
