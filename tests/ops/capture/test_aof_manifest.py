"""AOF manifests of every version are read by name, and none leads out of its folder."""

import pytest

from pipelines.ops.capture.aof_manifest import AofPart, parse_manifest, write_manifest
from pipelines.ops.errors import DamagedError


def test_redis_7() -> None:
    """Base and increments are returned in order, history files are not."""
    text = (
        b"file appendonly.aof.2.base.rdb seq 2 type b\n"
        b"file appendonly.aof.1.base.rdb seq 1 type h\n"
        b"file appendonly.aof.3.incr.aof seq 3 type i\n"
        b"file appendonly.aof.4.incr.aof seq 4 type i\n"
    )
    assert parse_manifest(text, "m") == (
        AofPart("appendonly.aof.2.base.rdb", 2, "base"),
        AofPart("appendonly.aof.3.incr.aof", 3, "increment"),
        AofPart("appendonly.aof.4.incr.aof", 4, "increment"),
    )


def test_redis_8() -> None:
    """More pairs in any order do not matter."""
    text = b"seq 1 file a.1.incr.aof type i startoffset 0 endoffset 88 new thing\n"
    assert parse_manifest(text, "m") == (AofPart("a.1.incr.aof", 1, "increment"),)


@pytest.mark.parametrize(
    ("quoted", "name"),
    [
        (rb'"my file.aof"', "my file.aof"),
        (rb'"a\"b.aof"', 'a"b.aof'),
        (rb'"a\x41.aof"', "aA.aof"),
        (rb"'it\'s.aof'", "it's.aof"),
    ],
)
def test_quoted_names(quoted: bytes, name: str) -> None:
    """Names are quoted as Redis does it."""
    (part,) = parse_manifest(b"file " + quoted + b" seq 1 type i\n", "m")
    assert part.file == name


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"file ../x seq 1 type i",
        b"file /etc/passwd seq 1 type b",
        b'file "..\\\\x" seq 1 type b',
        b"file .. seq 1 type b",
        b'file "" seq 1 type b',
        b'file "a\\x00b" seq 1 type b',
        b"file a seq 1 type x",
        b"file a seq one type i",
        b"file a seq 1",
        b"file a seq 1 type i odd",
        b'file "a seq 1 type i',
        b"file a file b seq 1 type i",
        b"file a seq 1 type b\nfile b seq 2 type b",
        b"file a seq 2 type i\nfile b seq 1 type i",
        b"file a seq 1 type i\nfile a seq 2 type i",
        b"\xff\xfe",
    ],
)
def test_refused(line: bytes) -> None:
    """What Redis would not start on, or what leads elsewhere, is refused with the manifest's name."""
    with pytest.raises(DamagedError, match=r"the\.manifest"):
        parse_manifest(line, "the.manifest")


def test_written_and_read() -> None:
    """What is written is read back."""
    text = write_manifest("b.rdb", ["i.aof", "j.aof"])
    assert [part.file for part in parse_manifest(text.encode(), "m")] == ["b.rdb", "i.aof", "j.aof"]
