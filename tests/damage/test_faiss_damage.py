"""Damaged and hostile FAISS files: a sentence for the operator, never a crash, a hang or a wrong good."""

import struct
from contextlib import suppress
from pathlib import Path

import faiss
import numpy as np
import pytest

from pipelines.ops.capture.canaries import canaries_from, compare, new_questions, stored_questions
from pipelines.ops.errors import DamagedError
from pipelines.ops.faiss.limits import Limits
from pipelines.ops.faiss.loading import load_file
from tests.ops.faiss.examples import write_example

KINDS = ("Flat", "IVF16,PQ8x4", "HNSW16", "IDMap2,IVF16,Flat", "BHNSW16")
LIMITS = Limits(cpu_seconds=20, seconds=60)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_truncated(tmp_path: Path, kind: str, part: float) -> None:
    """A file that ends early is named with the reason."""
    path = tmp_path / "one.faiss"
    write_example(path, kind)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(DamagedError, match="the index one cannot be loaded: ") as caught:
        load_file(path, name="the index one", limits=LIMITS)
    assert caught.value.hint


@pytest.mark.parametrize("kind", KINDS)
def test_longer(tmp_path: Path, kind: str) -> None:
    """A file that goes on after its index is not the one that was written."""
    path = tmp_path / "one.faiss"
    write_example(path, kind)
    with path.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(DamagedError, match="1 bytes follow the index"):
        load_file(path, limits=LIMITS)


@pytest.mark.parametrize(
    "mark", [b"", b"IxF2", b"IxFI", b"IwPQ", b"IHNf", b"IxM2", b"IBxF", b"IBwF", b"IBHf"]
)
def test_random_bytes(tmp_path: Path, mark: bytes) -> None:
    """Noise behind the mark of any kind of index is damage."""
    path = tmp_path / "one.faiss"
    path.write_bytes(mark + np.random.default_rng(3).bytes(4096))
    with pytest.raises(DamagedError):
        load_file(path, new_questions(), limits=LIMITS)


@pytest.mark.parametrize("size", [1 << 20, 1 << 36, (1 << 40) - 1, (1 << 63) - 1, (1 << 64) - 1])
def test_crafted_sizes(tmp_path: Path, size: int) -> None:
    """A vector that claims to be huge takes neither the memory nor the time of this machine."""
    path = tmp_path / "one.faiss"
    write_example(path, "Flat")
    content = bytearray(path.read_bytes())
    content[37:45] = struct.pack("<Q", size)
    path.write_bytes(content)
    with pytest.raises(DamagedError):
        load_file(path, limits=LIMITS)


def test_crafted_dimension(tmp_path: Path) -> None:
    """An index whose dimension does not fit its vectors is refused or fails in the child."""
    path = tmp_path / "one.faiss"
    write_example(path, "Flat")
    content = bytearray(path.read_bytes())
    content[4:8] = struct.pack("<i", 1 << 30)
    path.write_bytes(content)
    with pytest.raises(DamagedError):
        load_file(path, new_questions(), limits=LIMITS)


def test_nested_without_end(tmp_path: Path) -> None:
    """Ten million maps within maps overflow only the child."""
    path = tmp_path / "one.faiss"
    write_example(path, "IDMap2,Flat")
    header = path.read_bytes()[:37]
    with path.open("wb") as file:
        for _ in range(100):
            file.write(header * 10_000)
    with pytest.raises(DamagedError):
        load_file(path, limits=LIMITS)


@pytest.mark.parametrize("kind", KINDS)
def test_flipped_bits_never_harm(tmp_path: Path, kind: str) -> None:
    """Whatever bit is flipped, the file loads or is named as damaged; FAISS itself notices few of them."""
    flip_bits(tmp_path / "one.faiss", kind, 5)


@pytest.mark.soak
@pytest.mark.parametrize("kind", KINDS)
def test_many_flipped_bits_never_harm(tmp_path: Path, kind: str) -> None:
    """The same for many bits."""
    flip_bits(tmp_path / "one.faiss", kind, 400)


def flip_bits(path: Path, kind: str, count: int) -> None:
    """Flip single bits, half of them in the header, and load."""
    write_example(path, kind)
    content = path.read_bytes()
    first = load_file(path, new_questions())
    random = np.random.default_rng(5)
    for number in range(count):
        place = int(random.integers(0, len(content) if number % 2 else 100))
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(random.integers(0, 8))
        path.write_bytes(flipped)
        with suppress(DamagedError):
            found = load_file(path, stored_questions(canaries_from(first.answers)), limits=LIMITS)
            assert found.dimension == first.dimension


def test_other_vectors_are_noticed(tmp_path: Path) -> None:
    """An index of the same shape with other vectors does not answer the canaries."""
    path = tmp_path / "one.faiss"
    index = write_example(path, "Flat")
    canaries = canaries_from(load_file(path, new_questions()).answers)
    index.reset()
    index.add(np.random.default_rng(9).standard_normal((1000, 32)).astype(np.float32))
    faiss.write_index(index, str(path))
    assert len(compare(canaries, load_file(path, stored_questions(canaries)).answers)) == 8


def test_no_file_at_all(tmp_path: Path) -> None:
    """An empty file is damage too."""
    path = tmp_path / "one.faiss"
    path.touch()
    with pytest.raises(DamagedError):
        load_file(path, limits=LIMITS)
