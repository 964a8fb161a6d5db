"""The last whole command of an AOF is found wherever the file ends."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.ops.capture.aof_boundary import NotCommandsError, whole_length


def command(*parts: bytes) -> bytes:
    """Return a command as Redis writes it."""
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


SELECT = command(b"SELECT", b"0")
SET = command(b"SET", b"key", b"*2\r\n$3\r\nSET\r\n")
NOTE = b"#TS:1700000000\r\n"
TRANSACTION = command(b"MULTI") + SET + command(b"EXEC")
WHOLE = [SELECT, NOTE, SET, NOTE, TRANSACTION, SET]


@pytest.fixture
def aof(tmp_path: Path) -> Path:
    """Return where an AOF goes."""
    return tmp_path / "a.aof"


def test_every_end(aof: Path) -> None:
    """For every length of the file the answer is the last end before it that is outside a transaction."""
    content = b"".join(WHOLE)
    ends = [0]
    for part in WHOLE:
        ends.append(ends[-1] + len(part))
    for length in range(len(content) + 1):
        aof.write_bytes(content[:length])
        expected = max(end for end in ends if end <= length)
        found = whole_length(aof)
        assert found == expected, length


@given(st.lists(st.lists(st.binary(max_size=40), min_size=1, max_size=5), max_size=8), st.data())
@settings(max_examples=100, deadline=None)
def test_any_bytes_in_values(
    tmp_path_factory: pytest.TempPathFactory, commands: list[list[bytes]], data: st.DataObject
) -> None:
    """Values may hold anything, commands too."""
    parts = [command(b"SET", *arguments) for arguments in commands]
    content = b"".join(parts)
    length = data.draw(st.integers(0, len(content)))
    aof = tmp_path_factory.mktemp("aof") / "a.aof"
    aof.write_bytes(content[:length])
    ends = [sum(map(len, parts[:count])) for count in range(len(parts) + 1)]
    assert whole_length(aof) == max(end for end in ends if end <= length)


@pytest.mark.parametrize(
    "bad",
    [
        b"garbage that is long enough",
        b"\0" * 40,
        b"*-1\r\n" + SET,
        b"*1\r\n$99999999999999999999\r\nx",
        b"*1\r\n+OK\r\n",
    ],
)
def test_damage(aof: Path, bad: bytes) -> None:
    """Bytes that are no command are named by their offset, not taken for an end."""
    aof.write_bytes(SELECT + bad + SET)
    with pytest.raises(NotCommandsError) as caught:
        whole_length(aof)
    assert len(SELECT) <= caught.value.offset < len(SELECT + bad)


def test_multi_in_small_letters(aof: Path) -> None:
    """Names of commands have no case."""
    aof.write_bytes(SELECT + command(b"multi") + SET)
    assert whole_length(aof) == len(SELECT)
