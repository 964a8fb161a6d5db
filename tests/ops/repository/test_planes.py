"""Vectors are packed with their bytes in planes where that pays, and nothing else is."""

import io
import random
from pathlib import Path

import numpy as np
import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from pipelines.ops.errors import DamagedError
from pipelines.ops.repository import InMemoryStore, Repository, planes
from pipelines.ops.repository.objects import LEVEL, identify, object_key, pack, read_object

SEED = 20261201


def vectors(count: int) -> bytes:
    """Return unit vectors of 256 numbers, as FAISS stores them."""
    found = np.random.default_rng(SEED).standard_normal((count, 256)).astype(np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found.tobytes()


@given(st.binary(max_size=300))
def test_what_is_split_is_joined_again(chunk: bytes) -> None:
    """Of any length; and splitting moves bytes alone."""
    split = planes.split(chunk)
    assert planes.join(split) == chunk
    assert sorted(split) == sorted(chunk)


def test_the_order_is_that_of_the_page() -> None:
    """First bytes of whole fours, then second ones, and what is left over at the end."""
    assert planes.split(b"abcdABCD12") == b"aAbBcCdD12"


@pytest.mark.parametrize("shift", range(4))
def test_vectors_become_smaller(shift: int) -> None:
    """Wherever the cut was in a number: by a twentieth at least."""
    chunk = vectors(1000)[shift:]
    packed = pack(chunk)
    assert packed[:1] == b"P"
    assert len(packed) < 0.95 * len(zstd.compress(chunk, LEVEL))
    assert stored(chunk, packed) == chunk


@pytest.mark.parametrize(
    ("kind", "chunk"),
    [
        (b"Z", b"".join(b"key:%d value %d\n" % (n, n * n) for n in range(30_000))),
        (b"Z", bytes(1_000_000)),
        (b"R", random.Random(SEED).randbytes(1_000_000)),
        (b"R", b"x"),
    ],
    ids=["text", "zeros", "noise", "a byte"],
)
def test_other_bytes_stay_in_their_order(kind: bytes, chunk: bytes) -> None:
    """What packs well as it is, or not at all."""
    packed = pack(chunk)
    assert packed[:1] == kind
    assert stored(chunk, packed) == chunk


def stored(chunk: bytes, packed: bytes) -> bytes:
    """Return what an object is read as."""
    store = InMemoryStore()
    store.put(object_key(identify(chunk)), packed)
    return read_object(store, identify(chunk))


def test_a_damaged_one_is_refused() -> None:
    """Cut short, in another order, or larger than a chunk when it is unpacked."""
    chunk = vectors(100)
    packed = pack(chunk)
    for wrong in (packed[:-9], b"Z" + packed[1:], b"P" + zstd.compress(bytes(64 << 20), LEVEL), b"P"):
        with pytest.raises(DamagedError):
            stored(chunk, wrong)


def test_files_of_vectors_come_back(tmp_path: Path) -> None:
    """Through a repository, and what is stored of them is smaller than packed as it is."""
    contents = {"vectors": b"head" + vectors(6000) + b"end", "text": b"some words " * 100_000}
    store = InMemoryStore()
    repository = Repository.create(store)
    kept = repository.store_files((name, io.BytesIO(data)) for name, data in contents.items())
    repository.restore_files(kept.files, tmp_path / "back")
    assert {name: (tmp_path / "back" / name).read_bytes() for name in contents} == contents
    assert kept.figures.bytes_new < 0.95 * len(zstd.compress(contents["vectors"], LEVEL))
