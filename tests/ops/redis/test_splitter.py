"""The replication stream is cut into commands at any block border."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ops.redis.aof import TimeNotes
from pipelines.ops.redis.handshake import command
from pipelines.ops.redis.stream import CommandSplitter, StreamError

_NAMES = st.sampled_from(["SET", "PING", "REPLCONF", "PUBLISH", "DEL", "MULTI", "EXEC", "XADD"])
_COMMANDS = st.lists(st.tuples(_NAMES, st.lists(st.binary(max_size=40), max_size=4)), max_size=12)
_NOT_DATA = {"PING", "REPLCONF", "PUBLISH"}


def _blocks(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(edges)]


@given(commands=_COMMANDS, cuts=st.lists(st.integers(min_value=0, max_value=2000), max_size=12))
def test_keeps_data_alone(commands: list[tuple[str, list[bytes]]], cuts: list[int]) -> None:
    """Whatever the blocks, exactly the commands that are data come out, byte for byte."""
    encoded = [(name, command(name, *arguments)) for name, arguments in commands]
    written = bytearray()
    splitter = CommandSplitter(written.extend)
    for block in _blocks(b"".join(data for _, data in encoded), cuts):
        splitter.feed(block)
    assert bytes(written) == b"".join(data for name, data in encoded if name not in _NOT_DATA)


def test_a_transaction_is_never_split() -> None:
    """The last whole offset lies before an open MULTI."""
    splitter = CommandSplitter(lambda _data: None)
    first = command("SET", "a", "1")
    splitter.feed(first + command("MULTI") + command("SET", "b", "2"))
    assert splitter.whole == len(first)
    assert not splitter.clean
    splitter.feed(command("EXEC"))
    assert splitter.clean


def test_time_is_noted_once_a_second_and_outside_transactions() -> None:
    """`#TS` stands before the first command of a second, never between MULTI and EXEC."""
    one, multi, two, execute, three = (
        command("SET", "a", "1"),
        command("MULTI"),
        command("SET", "b", "2"),
        command("EXEC"),
        command("SET", "c", "3"),
    )
    inside = len(one) + len(multi)
    notes = TimeNotes([(0, 100), (inside, 101)])
    written = bytearray()
    CommandSplitter(written.extend, before=notes.before).feed(one + multi + two + execute + three)
    assert bytes(written) == b"#TS:100\r\n" + one + multi + two + execute + b"#TS:101\r\n" + three


@pytest.mark.parametrize("data", [b"SET a 1\r\n" * 8, b"*x\r\n", b"*1\r\n:5\r\n", b"*1\r\n$999\r\nname"])
def test_other_bytes_are_refused(data: bytes) -> None:
    """What is no array of bulk strings raises, instead of being taken for data."""
    with pytest.raises(StreamError):
        CommandSplitter(lambda _data: None).feed(data)
